import type { Clock } from '../../world/world.ts'
import type { DataGeneration } from '../generations.ts'
import type { ConditionListener, MirrorAuthority } from './authority.ts'
import type { ReportListener } from './report.ts'
import { defaultResyncLimits, type ResyncLimits } from './resync.ts'
import type { Statistics } from './statistics.ts'
import type { TouchedEpochs } from './touched.ts'

export type ActiveOptions = {
  readonly clock: Clock
  readonly authority: MirrorAuthority
  readonly newGeneration: () => DataGeneration
  readonly me: string
  readonly peer: string
  /** Of the ownership under which this side serves. */
  readonly epoch: number
  /** What the log last named for this side; null when it names none. */
  readonly recorded: DataGeneration | null
  readonly mode: 'sync' | 'async'
  /** What follows when this side's disk fails while both sides have everything; `continue` when it is not given. */
  readonly onDiskError?: 'continue' | 'fail-over'
  readonly limits: ActiveLimits
  readonly changed: ConditionListener
  readonly report?: ReportListener
  readonly statistics?: Statistics
  readonly touches?: TouchedEpochs
}
export type ActiveLimits = {
  /** At the start, and after a connection was lost: so long writes wait for the other side before the mirror breaks. */
  readonly connectMs: number
  readonly reconnectMs: number
  readonly ackMs: number
  /** Asynchronous: written here and not acknowledged there; beyond, the mirror breaks. */
  readonly queueBytes: number
  readonly askAgainMs: number
  readonly resync: ResyncLimits
}

/** An overdue answer is seen so soon after it is; and what changes about it, too. */
export const lookEveryMs = ({ ackMs }: Pick<ActiveLimits, 'ackMs'>): number => Math.min(ackMs / 4, 2500)

export const defaultActiveLimits: ActiveLimits = {
  connectMs: 5000,
  // Longer than trying every network once.
  reconnectMs: 4000,
  ackMs: 10_000,
  queueBytes: 67_108_864,
  askAgainMs: 500,
  resync: defaultResyncLimits,
}
