/** Looking after both disks while they are used: what the local one cannot read, whether the two are equal, what is told of it. */
import type { Clock } from '../../world/world.ts'
import { DiskTrouble } from '../disk.ts'
import type { ReadRequest } from '../engine-interface.ts'
import type { Frame } from '../peer/frame.ts'
import { troubleReport } from './bad-blocks.ts'
import type { Range } from './intents.ts'
import { RemoteReads } from './remote-reads.ts'
import type { ReportListener } from './report.ts'
import type { Side } from './standby.ts'
import type { Statistics } from './statistics.ts'
import { Verify, type VerifyOptions } from './verify.ts'

export type DiskCarePort = {
  readonly clock: Clock
  readonly side: Side
  /** The other side has everything, and is there. */
  readonly isPaired: () => boolean
  /** This side's own disks are in use. */
  readonly isAttached: () => boolean
  readonly send: (frames: readonly Frame[]) => void
  readonly statistics: Pick<Statistics, 'readBytes'>
  /** Marks a range that is written here only. @throws DiskTrouble */
  readonly mark: (range: Range) => void
  /** Runs it; trouble with a disk ends the service. */
  readonly guard: (run: () => void) => void
  readonly report: ReportListener
}

export class DiskCare {
  readonly #port: DiskCarePort
  readonly #remote: RemoteReads
  #verify: Verify | null = null

  constructor(port: DiskCarePort) {
    const { isPaired, isAttached, send, statistics } = port
    this.#port = port
    this.#remote = new RemoteReads({ isPaired, isAttached, send, statistics, repair: this.#repair })
  }

  readonly tell = (trouble: DiskTrouble): void => this.#port.report(troubleReport(this.#port.side.data, trouble))

  /** Called once everything before it was sent. No trouble: the disk is not used any more. */
  readonly unreadable = (read: ReadRequest, trouble: DiskTrouble | null): void => {
    if (trouble) this.tell(trouble)
    this.#remote.take(read)
  }

  /** These are written now. */
  readonly writing = (ranges: readonly Range[]): void => this.#remote.overwrite(ranges)

  readonly answered = (one: Frame): void => {
    if (one.kind === 'digest') this.#verify?.answered(one)
    else if (one.kind === 'read-data') this.#remote.answered(one)
  }

  readonly verify = (options: VerifyOptions): void => {
    if (this.#verify?.isFor(options.ordered ?? null)) return
    this.stopVerify('another one was ordered')
    const { clock, side, send, guard, report } = this.#port
    const { partition, data } = side
    const port = { clock, partition, data, send: (one: Frame) => send([one]), guard, report, trouble: this.tell }
    this.#verify = new Verify(port, options)
    guard(this.#verify.start)
  }

  readonly stopVerify = (because: string): void => this.#verify?.stop(because)

  /** The other side is there again, and has everything. */
  readonly again = (): void => this.#remote.again()

  /** The other side is not waited for any more. */
  readonly giveUp = (): void => this.#remote.giveUp()

  /** This copy is void. The log knows; that it says so itself, too, is only for as long as its metadata can be written. */
  readonly disown = (): void => {
    const { partition } = this.#port.side
    try {
      partition.dirty.addAll()
      partition.dirty.store()
      partition.save({ ...partition.state, isConsistent: false })
    } catch (error) {
      if (!(error instanceof DiskTrouble)) throw error
    }
  }

  /** What the other side has is what was acknowledged; the disk gives a block that it cannot read another place. */
  readonly #repair = (at: number, bytes: Uint8Array): void => {
    if (!this.#port.isAttached()) return
    this.#port.mark({ at, length: bytes.length })
    try {
      this.#port.side.data.write(at, bytes)
      this.#port.report({ say: 'repaired', at, length: bytes.length })
    } catch (error) {
      if (!(error instanceof DiskTrouble)) throw error
      this.tell(error)
    }
  }
}
