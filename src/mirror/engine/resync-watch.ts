/** How far a resync has come, told at its start, now and then, and at its end. */
import type { Clock } from '../../world/world.ts'
import type { ReportListener, ResyncReport } from './report.ts'
import type { Resync } from './resync.ts'

/** Often enough for a progress bar; what goes to the log is thinned out by the agent. */
const everyMs = 1000

export class ResyncWatch {
  readonly #clock: Clock
  readonly #resync: Resync
  readonly #copy: ResyncReport['copy']
  readonly #report: ReportListener
  readonly #since: number
  #toldAt: number

  constructor(clock: Clock, resync: Resync, copy: ResyncReport['copy'], report: ReportListener) {
    this.#clock = clock
    this.#resync = resync
    this.#copy = copy
    this.#report = report
    this.#since = clock.now()
    this.#toldAt = this.#since
  }

  get report(): Omit<ResyncReport, 'say' | 'state' | 'because'> {
    return { copy: this.#copy, ...this.#resync.progress, elapsedMs: Math.round(this.#clock.now() - this.#since) }
  }

  readonly tell = (state: ResyncReport['state'], because: string | null = null): void => {
    this.#toldAt = this.#clock.now()
    this.#report({ say: 'resync', state, ...this.report, because })
  }

  readonly look = (): void => {
    if (this.#clock.now() - this.#toldAt >= everyMs) this.tell('progress')
  }
}
