/** D13: both copies are compared by checksums while they are used; nothing is copied but what somebody orders afterwards. */
import type { Cancel, Clock } from '../../world/world.ts'
import type { ClusterPartition } from '../cluster-partition.ts'
import { type Disk, DiskTrouble } from '../disk.ts'
import { type Frame, frame, maxPayloadBytes } from '../peer/frame.ts'
import { indexesIn, type Range } from './intents.ts'
import type { ReportListener, VerifyReport } from './report.ts'
import { digestOf } from './standby.ts'

export type VerifyPort = {
  readonly clock: Clock
  readonly partition: ClusterPartition
  readonly data: Disk
  readonly send: (one: Frame) => void
  readonly report: ReportListener
  /** Runs it; trouble with a disk ends the service. */
  readonly guard: (run: () => void) => void
  /** A disk could not be read here; the range counts as different. */
  readonly trouble: (trouble: DiskTrouble) => void
}
export type VerifyOptions = {
  /** Null: as fast as it goes. */
  readonly bytesPerSecond: number | null
  /** What differs is marked, for the next resync. */
  readonly mark: boolean
  /** By which order; told again, it goes on. */
  readonly ordered?: number | null
}

/** Asked for and not answered: each is read and summed in one go, which nobody may wait for long. */
const window = 4
/** Fewer say where something differs, more would not fit into a record of the log. */
const mostRuns = 512
const everyMs = 1000

type Asked = Range & { readonly own: Uint8Array | null }

/**
 * A range is read here and asked for there in one step, in the order of the writes: the other side sums it up after
 * everything that was sent before, and before everything after. So the two sums are of the same moment.
 */
export class Verify {
  readonly #port: VerifyPort
  readonly #options: VerifyOptions
  readonly #since: number
  readonly #detailBytes: number
  #toldAt: number
  #cursor = 0
  #details: Range[] = []
  #asked: Asked[] = []
  #different: { at: number; length: number }[] = []
  #checkedBytes = 0
  #differentBytes = 0
  #paused: Cancel | null = null
  #isOver = false

  constructor(port: VerifyPort, options: VerifyOptions) {
    this.#port = port
    this.#options = options
    this.#since = port.clock.now()
    this.#toldAt = this.#since
    this.#detailBytes = Math.min(port.partition.geometry.blockBytes, maxPayloadBytes)
  }

  readonly start = (): void => {
    this.#tell('started')
    this.#pump()
  }

  readonly stop = (because: string): void => {
    if (this.#isOver) return
    this.#isOver = true
    this.#paused?.()
    this.#tell('interrupted', because)
  }

  /** That order is being carried out. */
  readonly isFor = (ordered: number | null): boolean =>
    !this.#isOver && ordered !== null && this.#options.ordered === ordered

  /** What the other side has; an empty sum means that it cannot read the range. */
  readonly answered = ({ at, length, payload }: Frame): void => {
    const asked = this.#asked[0]
    // Another verify's, that was stopped: this one's come in order.
    if (this.#isOver || asked?.at !== at || asked.length !== length) return
    this.#asked.shift()
    const isSame = asked.own !== null && Buffer.compare(asked.own, payload) === 0
    if (isSame || length <= this.#detailBytes) this.#settled(asked, isSame)
    else
      for (let done = 0; done < length; done += this.#detailBytes)
        this.#details.push({ at: at + done, length: Math.min(this.#detailBytes, length - done) })
    if (this.#port.clock.now() - this.#toldAt >= everyMs) this.#tell('progress')
    this.#pump()
  }

  readonly #settled = ({ at, length }: Asked, isSame: boolean): void => {
    this.#checkedBytes += length
    if (isSame) return
    this.#differentBytes += length
    this.#note({ at, length })
    const { dirty, geometry } = this.#port.partition
    if (this.#options.mark) for (const block of indexesIn({ at, length }, geometry.blockBytes)) dirty.add(block)
  }

  readonly #note = ({ at, length }: Range): void => {
    const last = this.#different.at(-1)
    if (!last || (last.at + last.length !== at && this.#different.length < mostRuns)) {
      this.#different.push({ at, length })
      return
    }
    const end = Math.max(last.at + last.length, at + length)
    last.at = Math.min(last.at, at)
    last.length = end - last.at
  }

  readonly #pump = (): void => {
    while (!this.#isOver && this.#paused === null && this.#asked.length < window) {
      const next = this.#details.shift() ?? this.#next()
      if (next === null) {
        if (this.#asked.length === 0) this.#end()
        return
      }
      this.#asked.push({ ...next, own: this.#sum(next) })
      this.#port.send(frame('digest-request', next))
      this.#throttle(next.length)
    }
  }

  /** Null: there is no more, but maybe details of what is asked already. */
  readonly #next = (): Range | null => {
    const at = this.#cursor
    const length = Math.min(maxPayloadBytes, this.#port.partition.geometry.dataBytes - at)
    if (length <= 0) return null
    this.#cursor = at + length
    return { at, length }
  }

  readonly #sum = ({ at, length }: Range): Uint8Array | null => {
    try {
      return digestOf(this.#port.data, at, length)
    } catch (error) {
      if (!(error instanceof DiskTrouble)) throw error
      this.#port.trouble(error)
      return null
    }
  }

  readonly #end = (): void => {
    this.#isOver = true
    if (this.#options.mark) this.#port.partition.dirty.store()
    this.#tell('ended')
  }

  readonly #throttle = (bytes: number): void => {
    const { bytesPerSecond } = this.#options
    if (bytesPerSecond === null) return
    this.#paused = this.#port.clock.after((bytes / bytesPerSecond) * 1000, () => {
      this.#paused = null
      this.#port.guard(this.#pump)
    })
  }

  readonly #tell = (state: VerifyReport['state'], because: string | null = null): void => {
    this.#toldAt = this.#port.clock.now()
    this.#port.report({
      say: 'verify',
      state,
      checkedBytes: this.#checkedBytes,
      totalBytes: this.#port.partition.geometry.dataBytes,
      differentBytes: this.#differentBytes,
      differences: this.#different.map(({ at, length }) => ({ at, length })),
      elapsedMs: Math.round(this.#toldAt - this.#since),
      because,
    })
  }
}
