/** Waiting for something that has a reason not to be so yet: that a mirror may be mounted. */
import { needsFormat, sideVerdict } from '../../decisions/mirror-agent.ts'
import { mirrorObjection } from '../../decisions/mirror-fitness.ts'
import { constructedMirror, ownershipOf } from '../../decisions/mirror-pair.ts'
import { lackingSize } from '../../decisions/resize-mirror.ts'
import type { Epoch, MirrorName, ServerName } from '../../events/index.ts'
import type { PlaneStatus } from '../../mirror/process/sayings.ts'
import { serverOf } from '../../projections/servers.ts'
import type { State } from '../../projections/state.ts'
import { bytesInWords } from '../../projections/wording.ts'
import type { World } from '../../world/world.ts'
import type { Limit } from '../resources/driver.ts'

/** `isFinal`: waiting does not help. */
export type Hindrance = { readonly because: string; readonly isFinal: boolean }

/** What a served mirror is to be mounted from. */
export type Served = { readonly sizeBytes: number }
export type Serving = { readonly ok: true; readonly served: Served } | { readonly ok: false; readonly because: string }

type Waited = {
  /** Called whenever something may have changed. */
  readonly looks: Set<() => void>
  readonly hindrance: () => Hindrance | null
}

/** Null once nothing hinders any more; otherwise why it was given up. */
export const unhindered = (
  { clock }: Pick<World, 'clock'>,
  { timeoutMs, signal }: Limit,
  { looks, hindrance }: Waited,
): Promise<string | null> =>
  new Promise((resolve) => {
    const end = (because: string | null): void => {
      cancel()
      looks.delete(look)
      signal.removeEventListener('abort', look)
      resolve(because)
    }
    const look = (): void => {
      const found = hindrance()
      if (found === null || found.isFinal) end(found?.because ?? null)
      else if (signal.aborted) end('cancelled')
    }
    const cancel = clock.after(timeoutMs, () => end(hindrance()?.because ?? null))
    looks.add(look)
    signal.addEventListener('abort', look)
    look()
  })

type Asked = {
  readonly name: MirrorName
  readonly me: ServerName
  readonly epoch: Epoch
  readonly status: PlaneStatus | null
  /** The log has what this side claims. */
  readonly isShown: boolean
  /** This start of the machine. */
  readonly boot: string
}

/** Why it may not be mounted yet under this ownership; null: it may. */
export const servingHindrance = (state: State, { name, me, epoch, status, isShown, boot }: Asked): Hindrance | null => {
  const not = (because: string, isFinal = false) => ({ because, isFinal })
  const owned = ownershipOf(state, name)
  if (owned?.server !== me || owned.epoch !== epoch) return not(`epoch ${epoch} is over`, true)
  const mirror = constructedMirror(state, name)
  if (mirror === null) return not('the log has not recorded the mirror yet')
  if (status === null) return not('the data plane is not reached yet')
  if (status.disks === null) return not(status.because ?? 'its partitions cannot be opened', true)
  if (status.does === 'serve' && mirror.epoch === epoch) return null
  if (needsFormat(state, name, me)) return not('its cluster partition is not formatted yet')
  // What a copy claims is judged by the start of its machine that the log knows of.
  if (serverOf(state.servers, me).boot !== boot) return not('the log does not know yet that this machine was restarted')
  const isJudged = isShown && sideVerdict(state, name, me) !== null
  const objection = isJudged ? mirrorObjection(state, name, me) : null
  if (objection !== null) return not(objection, true)
  const { condition, growth } = status
  if (condition) return not(`${condition.pair}: ${condition.because}`)
  const dataBytes = lackingSize(mirror, status.dataBytes)
  if (dataBytes === null || growth === null) return not(status.because ?? 'it is not served yet')
  const { because, doneBytes, totalBytes } = growth
  if (because !== null) return not(`it cannot grow to ${bytesInWords(dataBytes)}: ${because}`)
  return not(`it takes in what was added: ${bytesInWords(doneBytes)} of ${bytesInWords(totalBytes)}`)
}
