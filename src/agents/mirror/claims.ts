/** What the metadata of this side claims, and whether the log has been shown it: before anything is served or followed. */
import { seeSide } from '../../decisions/mirror-agent.ts'
import { epochOf, type MirrorName, type ServerName, sequence } from '../../events/index.ts'
import type { PlaneStatus } from '../../mirror/process/sayings.ts'
import type { World } from '../../world/world.ts'
import type { Recorder } from '../log/recorder.ts'
import type { PlaneLink } from './plane-link.ts'

export type ClaimsParts = {
  readonly name: MirrorName
  readonly me: ServerName
  readonly recorder: Pick<Recorder, 'submit'>
  readonly link: Pick<PlaneLink, 'refresh'>
}

export type Claims = {
  /** Whether this agent has put on the log what the process of this status claims. */
  readonly areShownBy: (status: PlaneStatus) => boolean
  /** They change: what was read before must not be recorded after. */
  readonly change: () => void
  /** Never by a status that is older than what was done since. False: the log gave no answer. */
  readonly show: (before: PlaneStatus) => Promise<boolean>
}

/** A process, and what it has: once it has grown it has something else to show. */
const claimant = ({ session, dataBytes }: PlaneStatus): string => `${session} ${dataBytes}`

export const claimsOf = (world: Pick<World, 'bootId'>, { name, me, recorder, link }: ClaimsParts): Claims => {
  /** Whose claims are on the log. */
  let shown: string | null = null
  let changes = 0
  return {
    areShownBy: (status) => shown !== null && shown === claimant(status),
    change: () => {
      shown = null
      changes += 1
    },
    show: async (before) => {
      const number = changes
      const status = (await link.refresh()) ?? before
      const claims = { mirror: name, server: me, ...claimedBy(status, world.bootId()) }
      const { answer } = await recorder.submit(`show ${name}`, (state) =>
        number === changes ? seeSide(state, claims) : null,
      )
      if (number !== changes) return true
      if (answer === 'given-up') return false
      shown = claimant(status)
      return true
    },
  }
}

const claimedBy = (status: PlaneStatus, boot: string) => {
  const { current: generation, pending, base } = status.generations
  return {
    id: status.mirror,
    generation,
    pending,
    base,
    role: status.role,
    boot,
    epoch: epochOf(sequence(status.epoch)),
    isConsistent: status.isConsistent,
    isSameBoot: status.boot === boot,
    session: status.session,
    saves: status.saves,
    dataBytes: status.mirror === null ? (status.disks?.dataBytes ?? 0) : status.dataBytes,
    because: status.because ?? '',
  }
}
