/** The contract of the replicated log: append by compare-and-set, follow without holes. */
import type { Commit, Position, Recorded } from './commit.ts'
import type { Sequence, VoterName } from './ids.ts'

/**
 * - `appended`: it is on the log, durably, for ever, at `position`.
 * - `conflict`: something else is there; nothing was stored. Fold what is new and decide again.
 * - `unavailable`: nobody could take it (no leader, no quorum); nothing was stored.
 * - `unknown`: the reply was lost. The commit is at `after + 1` or nowhere: once the reader has seen what stands there,
 *   the answer is known; append again with the same commit until then (the same id makes that harmless).
 * - `abandoned`: the reply will never come, and whoever waits for it stands in the way: decide again on what is read.
 */
export type AppendResult =
  | { readonly result: 'appended'; readonly position: Position }
  | { readonly result: 'conflict' }
  | { readonly result: 'unavailable'; readonly because: string }
  | { readonly result: 'unknown'; readonly because: string }
  | { readonly result: 'abandoned'; readonly because: string }

/** What a reader is told when the log itself is not in order. Decisions stop until `repaired`. */
export type LogTrouble =
  | { readonly trouble: 'hole'; readonly at: Sequence }
  | { readonly trouble: 'broken-chain'; readonly at: Sequence }
  | { readonly trouble: 'unreadable'; readonly at: Sequence; readonly because: string }
  /** The log ends before what this server has already seen: a wiped quorum must not silently start over. */
  | { readonly trouble: 'shorter'; readonly last: Sequence; readonly seen: Sequence }

/** As people read it, after "the log: ". */
export const troubleInWords = (trouble: LogTrouble): string => {
  switch (trouble.trouble) {
    case 'hole':
      return `commit ${trouble.at} is missing`
    case 'broken-chain':
      return `commit ${trouble.at} does not follow from the one before it`
    case 'unreadable':
      return `commit ${trouble.at} cannot be read: ${trouble.because}`
    case 'shorter':
      return `it ends at ${trouble.last}, but ${trouble.seen} has been seen`
    default:
      return trouble satisfies never
  }
}

export type LogReader = {
  /** Consecutive commits, each chained to the one before; called in order, never concurrently. */
  readonly commits: (recorded: readonly Recorded[]) => void
  readonly trouble: (trouble: LogTrouble) => void
  readonly repaired: () => void
}

export type LogStatus = {
  readonly reachable: boolean
  /** Voter that leads the log; null = nobody, as far as is known. */
  readonly leader: VoterName | null
  /** Last sequence known to be on the log. */
  readonly last: Sequence
  readonly replicas: readonly { readonly voter: VoterName; readonly current: boolean }[]
}

export type Subscription = { readonly stop: () => void }

export type EventLog = {
  /** Appends `commit` directly after `after`, or not at all. Never throws; ends within a few seconds. */
  readonly append: (after: Position, commit: Commit) => Promise<AppendResult>
  /** Delivers every commit after `after`, old ones first, then new ones as they come; also from a replica without quorum. */
  readonly follow: (after: Position, reader: LogReader) => Subscription
  readonly status: () => LogStatus
  /** Makes `voter` the leader, if it can be done now; best effort. */
  readonly moveLeader: (voter: VoterName) => Promise<void>
  readonly close: () => Promise<void>
}
