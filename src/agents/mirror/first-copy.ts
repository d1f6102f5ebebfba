/**
 * `initial: used`: while the first copy of a mirror is under way, its file system is made to discard what it calls free,
 * once it is mounted. Both sides are zeros there then, and nothing of it is left to be copied. It helps, and nothing rests
 * on it: whatever becomes of it, the copy ends with both sides equal.
 */
import { mirrorConfigurationOf } from '../../decisions/mirror-pair.ts'
import type { MirrorName, ServerName } from '../../events/index.ts'
import { mirrorOf } from '../../projections/mirrors.ts'
import type { State } from '../../projections/state.ts'
import type { World } from '../../world/world.ts'
import type { Say } from '../log/log-link.ts'
import { discardFree, objectionToZeros } from '../resources/discard.ts'
import { messageOf } from '../resources/outcome.ts'
import { ofServer } from './places.ts'

export type FirstCopyParts = { readonly me: ServerName; readonly state: () => State; readonly say: Say }
export type FirstCopies = {
  /** It is mounted here by now. Begins, where there is something to be done, and does not wait. */
  readonly mounted: (mirror: MirrorName) => void
  /** It is about to be unmounted. */
  readonly leaving: (mirror: MirrorName) => void
  readonly release: () => void
}

/** Many TiB of small free ranges, on a busy disk. What is not done by then is copied. */
const longestMs = 600_000

export const firstCopies = (world: World, { me, state, say }: FirstCopyParts): FirstCopies => {
  const underWay = new Map<MirrorName, AbortController>()
  const discard = async (mirror: MirrorName, signal: AbortSignal): Promise<void> => {
    const configuration = mirrorConfigurationOf(state(), mirror)
    if (configuration === null) return
    const { mountPoint, dataPartition } = configuration
    const limit = { timeoutMs: longestMs, signal }
    const objection = await objectionToZeros(world, ofServer(dataPartition, me), limit)
    const outcome =
      objection === null ? await discardFree(world, mountPoint, limit) : ({ ok: false, because: objection } as const)
    if (signal.aborted) return
    if (outcome.ok)
      say('what is free on a mirror was discarded before its first copy', { mirror, detail: outcome.detail })
    else say('what is free on a mirror is copied with the rest', { mirror, because: outcome.because })
  }
  const leaving = (mirror: MirrorName): void => {
    underWay.get(mirror)?.abort()
    underWay.delete(mirror)
  }
  return {
    mounted: (mirror) => {
      if (mirrorOf(state().mirrors, mirror)?.isFirstCopyOpen !== true) return
      leaving(mirror)
      const running = new AbortController()
      underWay.set(mirror, running)
      void discard(mirror, running.signal)
        .catch((trouble: unknown) =>
          say('what is free on a mirror is copied with the rest', { mirror, because: messageOf(trouble) }),
        )
        .finally(() => underWay.get(mirror) === running && underWay.delete(mirror))
    },
    leaving,
    release: () => {
      for (const mirror of [...underWay.keys()]) leaving(mirror)
    },
  }
}
