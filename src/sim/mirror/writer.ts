/** Whoever writes to a mirror while it is mounted: reads all of it first, then writes, flushes and zeroes, and takes note of every answer. */
import type { BlockError, BlockRequest, Engine } from '../../mirror/engine-interface.ts'
import type { Cancel } from '../../world/world.ts'
import type { SimulatedProcess } from '../process.ts'
import type { Chance } from '../random.ts'
import { contentOf, type Written } from './account.ts'
import type { SimulatedDisk } from './block-disk.ts'
import type { Judge } from './judge.ts'

export type WriterParts = {
  readonly judge: Judge
  readonly chance: Chance
  readonly habits: WriterHabits
}

export type WriterHabits = {
  /** What is written at a time, or a multiple of it. */
  readonly blockBytes: number
  /** ms between two bursts. */
  readonly every: readonly [number, number]
  /** This part of the requests goes to the first few blocks. */
  readonly often: number
  /** And this part of the bursts is a flush. */
  readonly flushes: number
  /** Requests that are begun and not answered: with few of them a writer stands still where it is not answered. */
  readonly mostOpen: number
}

export class Writer {
  readonly process: SimulatedProcess
  readonly epoch: number
  readonly #engine: Engine
  readonly #disk: SimulatedDisk
  readonly #parts: WriterParts
  #open = 0
  #isOver = false
  isMounted = false
  #timer: Cancel = () => {}

  /** `process`: of the data plane. */
  constructor(
    process: SimulatedProcess,
    engine: Engine,
    at: { epoch: number; disk: SimulatedDisk },
    parts: WriterParts,
  ) {
    this.process = process
    this.#engine = engine
    this.epoch = at.epoch
    this.#disk = at.disk
    this.#parts = parts
  }

  get open(): number {
    return this.#open
  }

  /** What it finds is what everybody has seen. */
  readonly mount = async (): Promise<boolean> => {
    const { judge } = this.#parts
    const into = new Uint8Array(this.#engine.size)
    const error = await this.#asked({ do: 'read', at: 0, into })
    if (error !== null || this.#isOver) return false
    const { name } = this.process.host
    if (!Buffer.from(into).equals(this.#disk.content)) judge.violate(`${name} reads something else than its disk has`)
    judge.mounted(name, this.epoch)
    this.isMounted = true
    return true
  }

  readonly begin = (): void => {
    const { chance } = this.#parts
    const { every, mostOpen } = this.#parts.habits
    this.#timer = this.process.after(chance.between(...every), () => {
      if (this.#open < mostOpen) this.#burst()
      if (!this.#isOver) this.begin()
    })
  }

  /** Everything answered so far is durable when it resolves to true. */
  readonly flush = (): Promise<boolean> => {
    const { account } = this.#parts.judge
    const covered = account.answeredSoFar()
    return this.#asked({ do: 'flush' }).then((error) => {
      if (error === null && !this.#isOver) account.flushed(covered)
      return error === null
    })
  }

  /** Nothing more of its own accord. */
  readonly pause = (): void => this.#timer()

  /** It is unmounted, or dead. */
  readonly end = (): void => {
    this.#isOver = true
    this.isMounted = false
    this.#timer()
  }

  /** For one block, now; tells whether it was answered well. */
  readonly write = (block: number, blocks = 1): Promise<boolean> =>
    new Promise((resolve) => this.#engine.submit([this.#request(block, blocks, resolve)]))

  readonly #burst = (): void => {
    const { chance } = this.#parts
    const { blockBytes, often, flushes } = this.#parts.habits
    if (chance.happens(flushes)) {
      void this.flush()
      return
    }
    const total = this.#engine.size / blockBytes
    const requests = Array.from({ length: chance.pick([1, 1, 1, 2, 5]) }, () => {
      // Few of them often, so that the same are written again.
      const block = chance.whole(0, (chance.happens(often) ? Math.min(12, total) : total) - 1)
      return this.#request(block, Math.min(total - block, chance.pick([1, 1, 1, 2, 7])))
    })
    this.#engine.submit(requests)
  }

  readonly #request = (block: number, blocks: number, done: (isDone: boolean) => void = () => {}): BlockRequest => {
    const { chance, judge } = this.#parts
    const { blockBytes } = this.#parts.habits
    const [at, length] = [block * blockBytes, blocks * blockBytes]
    const kind = chance.happens(0.06) ? chance.pick(['trim', 'zero'] as const) : 'write'
    const fua = chance.happens(0.05)
    const isLate = judge.isOver(this.epoch)
    const written = isLate ? null : judge.account.begin(at, length, kind !== 'write')
    this.#open += 1
    const settle = (error: BlockError | null): void => {
      this.#open -= 1
      this.#settled(written, error, fua)
      done(error === null)
    }
    if (kind === 'write') return { do: 'write', at, bytes: contentOf(written?.value ?? 0xffffff, length), fua, settle }
    if (kind === 'trim') return { do: 'trim', at, length, fua, settle }
    return { do: 'zero', at, length, fua, mayUnmap: chance.happens(0.5), settle }
  }

  readonly #settled = (written: Written | null, error: BlockError | null, fua: boolean): void => {
    const { judge } = this.#parts
    if (error !== null || !this.process.isAlive) return
    if (written === null || judge.isOver(this.epoch))
      judge.violate(`${this.process.host.name} acknowledges a write of epoch ${this.epoch}, which is over`)
    else judge.answered(this.process.host.name, written, fua)
  }

  /** Whoever waits for a data plane that dies is told so, by the kernel: nobody waits for ever. */
  readonly #asked = (
    what: { do: 'flush' } | { do: 'read'; at: number; into: Uint8Array },
  ): Promise<BlockError | null> =>
    new Promise((resolve) => {
      const settle = (error: BlockError | null): void => {
        forget()
        resolve(error)
      }
      const forget = this.process.onExit(() => settle('EIO'))
      // One that stands still hears of it once it goes on.
      this.process.enter(() => this.#engine.submit([{ ...what, settle }]))
    })
}
