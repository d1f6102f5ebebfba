/** Rule 3: a support is on disk before it is said. Whoever is barred by one that is never said cannot know why it gets no lease. */
import type { Liveness } from '../../decisions/liveness.ts'
import type { World } from '../../world/world.ts'
import type { VoterStore } from './voter-store.ts'

type Supports = Liveness['supports']

export type SupportWriterParts = {
  readonly store: Pick<VoterStore, 'addSupports'>
  /** What is barred and not said; nothing once the voter has stopped. */
  readonly unsaid: () => Supports
  readonly written: (supports: Supports) => void
  readonly failed: (what: string) => void
}

/** A disk that refuses a write is not mended sooner. */
const againMs = 1000

/** Writes what is not said, and again until it is on disk. */
export const supportWriter = (world: Pick<World, 'clock'>, parts: SupportWriterParts): (() => void) => {
  const { store, unsaid, written, failed } = parts
  const write = (): void => {
    const due = unsaid()
    if (Object.keys(due).length === 0) return
    store.addSupports(due).then(
      () => written(due),
      () => {
        // It stays barred, which is safe, and is not said yet, which is honest.
        failed('a support could not be written to disk')
        world.clock.after(againMs, write)
      },
    )
  }
  return write
}
