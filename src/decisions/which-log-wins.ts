/**
 * N6 for the log of a pair: both servers have gone on alone, and now there are two histories from one commit on. Both
 * servers ask this with the same inputs and get the same answer.
 */
import { type BatonEvent, type Sequence, type ServerName, sequence } from '../events/index.ts'

export type Tail = {
  readonly server: ServerName
  /** Its place in the list of servers. */
  readonly priority: number
  /** Newest epoch that was given on it; 0 = none. */
  readonly epoch: Sequence
  readonly end: Sequence
}

type Numbered = {
  readonly sequence: Sequence
  readonly events: readonly { readonly type: BatonEvent['type'] | 'UnknownEvent' }[]
}

export const newestEpoch = (commits: readonly Numbered[]): Sequence =>
  sequence(Math.max(0, ...commits.flatMap(({ sequence: at, events }) => (events.some(gives) ? [at] : []))))

const gives = ({ type }: { readonly type: string }): boolean => type === 'GroupAssigned'

/** The newer epoch, for clients have seen that service last; then the longer history; then the server's priority. */
export const whichLogWins = (one: Tail, other: Tail): ServerName => {
  if (one.epoch !== other.epoch) return one.epoch > other.epoch ? one.server : other.server
  if (one.end !== other.end) return one.end > other.end ? one.server : other.server
  return one.priority < other.priority ? one.server : other.server
}
