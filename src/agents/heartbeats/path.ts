/** What every way for beats to travel has in common; one file per kind beside this one. */
import type { Beat } from '../../decisions/liveness.ts'
import type { Instant, PathName } from '../../events/index.ts'

/** One way for beats to travel. Sending is best effort: what does not arrive is silence, and silence is what is measured. */
export type HeartbeatPath = {
  readonly name: PathName
  /** `bytes`: the beat as text, authenticated (beat-codec.ts). A path that has no room for it encodes `beat` itself. */
  readonly send: (bytes: Uint8Array, beat: Beat) => void
  /** Whether this side itself can use it now; without it, or null: it cannot know, or not yet. */
  readonly isUsable?: () => boolean | null
  /** When the last beat that surely got through was begun to be written: this side could use the path then. */
  readonly wroteAt?: () => Instant | null
  readonly close: () => void
}
