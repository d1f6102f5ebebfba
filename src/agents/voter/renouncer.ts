/** When this server gives its word that everything of a generation is off, for good (rules 4 and 5 of liveness). */
import { isOwned } from '../../decisions/decision.ts'
import { liveGeneration } from '../../decisions/leases.ts'
import { mayRenounce } from '../../decisions/liveness.ts'
import type { Generation, Instant, ServerName } from '../../events/index.ts'
import { isToStop, serverOf } from '../../projections/servers.ts'
import type { State } from '../../projections/state.ts'
import type { World } from '../../world/world.ts'
import type { HandOver } from '../hand-over.ts'
import type { Recorder } from '../log/recorder.ts'
import type { ResourceRunner } from '../resource-runner.ts'
import type { Voter } from './voter.ts'

export type RenouncerParts = {
  readonly me: ServerName
  readonly voter: Voter
  readonly runner: Pick<ResourceRunner, 'isAllOff'>
  readonly recorder: Pick<Recorder, 'state' | 'hasBarrier'>
  readonly handOver: Pick<HandOver, 'generation'>
  readonly say: (what: string, fields: Readonly<Record<string, unknown>>) => void
  readonly wake: () => void
}

export type Renouncer = {
  /** `hadLease`: under the generation that is current, and lost it. */
  readonly consider: (facts: { readonly now: Instant; readonly joinedAt: Instant; readonly hadLease: boolean }) => void
}

/** A disk that refuses a write is not mended sooner. */
const againMs = 1000

/** Something of this server's may be activated any moment. */
export const mayStart = (state: State, me: ServerName): boolean =>
  Object.values(state.groups).some((group) => isOwned(group) && group.ownership.server === me)

export const renouncer = (world: Pick<World, 'clock'>, parts: RenouncerParts): Renouncer => {
  const { me, voter, runner, recorder, handOver, say, wake } = parts
  let isRenouncing = false
  /** For how long this server may hold no lease for reasons of its own: beyond T, others are to have its groups. */
  let withheldSince: Instant | null = null

  /**
   * It was told to stop, and nothing is its any more; or it was declared down first, and what it ran waits for proof that
   * it is off. Such a server does not join anew, so nobody else gives that proof. Its word is true, however old its fold
   * may be: the runner has adopted, or taken down, all that an earlier agent left before there is a renouncer; nothing
   * starts without a lease, and none is held under a generation that was declared down or is being renounced. Should it
   * have a newer one by now, that is another generation, and whoever reads this word asks for the one that is current.
   */
  const leaving = (): Generation | null => {
    const state = recorder.state()
    const known = serverOf(state.servers, me)
    const { status, generation } = known
    const hasLeft = status === 'up' && !mayStart(state, me) && recorder.hasBarrier()
    const isOver = isToStop(known) && (hasLeft || status === 'down')
    return isOver && voter.liveness().renounced < generation ? generation : null
  }
  const lapsed: (facts: Parameters<Renouncer['consider']>[0]) => Generation | null = (facts) => {
    if (voter.withheld() === null) withheldSince = null
    else withheldSince ??= facts.now
    const isWithheld = withheldSince !== null && facts.now - withheldSince > voter.liveness().timing.timeoutMs
    return isWithheld
      ? liveGeneration(voter.liveness(), voter.membership())
      : mayRenounce(voter.liveness(), voter.membership(), { ...facts, isAllOff: true })
  }
  return {
    consider: (facts) => {
      if (isRenouncing || !runner.isAllOff()) return
      const renounced = leaving() ?? handOver.generation() ?? lapsed(facts)
      if (renounced === null) return
      isRenouncing = true
      const done = () => {
        isRenouncing = false
        wake()
      }
      void voter.renounceNow(renounced).then(done, (trouble: unknown) => {
        say('a renunciation could not be written down', { trouble: String(trouble) })
        world.clock.after(againMs, done)
      })
    },
  }
}
