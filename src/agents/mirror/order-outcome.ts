/** What whoever carries out an order is given, and what comes of it. */
import type { MirrorName, ServerName } from '../../events/index.ts'
import type { Recorder } from '../log/recorder.ts'
import type { MirrorPlaces } from './places.ts'
import type { PlaneLink } from './plane-link.ts'

export type OrdersParts = {
  readonly name: MirrorName
  readonly me: ServerName
  readonly recorder: Pick<Recorder, 'submit' | 'state'>
  readonly places: MirrorPlaces
  readonly link: Pick<PlaneLink, 'order' | 'refresh' | 'restart' | 'status'>
  /** What this side claims has been changed by hand: it has to be shown anew. */
  readonly rewritten: () => void
}

/** What came of it; null: not yet. */
export type Outcome = { readonly outcome: 'done' | 'failed'; readonly detail: string } | null
export const done = (detail: string): Outcome => ({ outcome: 'done', detail })
export const failed = (detail: string): Outcome => ({ outcome: 'failed', detail })
