/** One attempt to bring the other side up: what is copied, and how far it has come, told now and then. */
import type { Range } from './intents.ts'
import type { ReportListener, ResyncReport } from './report.ts'
import { Resync, type ResyncLimits, type ResyncPort } from './resync.ts'

/** Often enough for a progress bar; what goes to the log is thinned out by the agent. */
const everyMs = 1000

export type CatchUpOptions = {
  readonly copy: ResyncReport['copy']
  readonly limits: ResyncLimits
  readonly report: ReportListener
  /** The last attempt was refused: this one is news once it has come to something. */
  readonly isRetry: boolean
}

export class CatchUp {
  readonly #port: ResyncPort
  readonly #options: CatchUpOptions
  readonly #resync: Resync
  readonly #since: number
  #toldAt: number
  #isTold: boolean

  constructor(port: ResyncPort, options: CatchUpOptions) {
    this.#port = port
    this.#options = options
    this.#resync = new Resync(port, options.limits)
    this.#since = port.clock.now()
    this.#toldAt = this.#since
    this.#isTold = !options.isRetry
  }

  get progress(): Omit<ResyncReport, 'say' | 'state' | 'because'> {
    const elapsedMs = Math.round(this.#port.clock.now() - this.#since)
    return { copy: this.#options.copy, ...this.#resync.progress, elapsedMs }
  }

  get isBegun(): boolean {
    return this.#resync.isBegun
  }

  readonly start = (): void => {
    this.#resync.start()
    this.#tell('started')
  }

  /** More was marked, maybe where this has been already. */
  readonly again = (): void => this.#resync.again()

  readonly zeroed = (range: Range): void => this.#resync.zeroed(range)

  readonly acknowledged = (sequence: number): void => {
    this.#resync.acknowledged(sequence)
    if (this.#port.clock.now() - this.#toldAt >= everyMs && !this.#resync.isOver) this.#tell('progress')
  }

  readonly end = (state: 'interrupted' | 'ended', because: string | null): void => {
    this.#resync.stop()
    this.#tell(state, because)
  }

  readonly #tell = (state: ResyncReport['state'], because: string | null = null): void => {
    this.#toldAt = this.#port.clock.now()
    if (!this.#isTold) {
      if (state === 'interrupted' || (state !== 'ended' && this.#resync.progress.doneBytes === 0)) return
      this.#isTold = true
      this.#report('started', null)
    }
    this.#report(state, because)
  }

  readonly #report = (state: ResyncReport['state'], because: string | null): void => {
    this.#options.report({ say: 'resync', state, ...this.progress, because })
  }
}
