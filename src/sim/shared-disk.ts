/** The heartbeat disk that servers share: it keeps what was written, tears what was half written, stalls, and can be detached. */
import { formatSuperblock, leastDiskBytes, readSlot, slotBytes, slotCount } from '../agents/heartbeats/disk-layout.ts'
import type { Configuration } from '../events/index.ts'
import type { RawDisk, RawDisks } from '../world/world.ts'
import type { BeatOracle } from './beats.ts'
import type { Scheduler } from './clock.ts'
import type { SimulatedProcess } from './process.ts'
import type { Chance } from './random.ts'

/** A piece of the size that heartbeats are written in. `beat`: what was written there, whole. */
type Piece = { bytes: Uint8Array; beat: Uint8Array | null }

export type SharedDiskParts = {
  readonly scheduler: Scheduler
  readonly chance: Chance
  readonly oracle: BeatOracle
  /** That server has written a beat, and read what others wrote. */
  readonly wrote: (server: string, beganAt: number) => void
}

export class SharedDisk {
  readonly #devices: ReadonlyMap<string, string>
  readonly #pieces: Piece[]
  readonly #scheduler: Scheduler
  readonly #chance: Chance
  readonly #oracle: BeatOracle
  /** What each process found in a piece at its first look proves nothing. */
  readonly #firstSeen = new WeakMap<SimulatedProcess, Map<number, Uint8Array | null>>()
  /** By process, when it began to write what it has written; it is told as soon as it has read after that. */
  readonly #beganAt = new WeakMap<SimulatedProcess, number>()
  readonly #wrote: (server: string, beganAt: number) => void
  #stalledUntil = 0
  /** Servers that cannot reach it. */
  readonly detached = new Set<string>()

  constructor(configuration: Configuration, parts: SharedDiskParts) {
    const { servers, cluster } = configuration
    this.#devices = new Map(
      servers.flatMap(({ name, diskHeartbeat: device }) => (device === undefined ? [] : [[name, device] as const])),
    )
    this.#pieces = Array.from({ length: slotCount + 1 }, () => ({ bytes: new Uint8Array(slotBytes), beat: null }))
    this.#pieces[0] = { bytes: formatSuperblock({ cluster, id: 'simulated-disk-0000000' }), beat: null }
    this.#scheduler = parts.scheduler
    this.#chance = parts.chance
    this.#oracle = parts.oracle
    this.#wrote = parts.wrote
  }

  get isThere(): boolean {
    return this.#devices.size > 0
  }

  stall(ms: number): void {
    this.#stalledUntil = Math.max(this.#stalledUntil, this.#scheduler.now + ms)
  }
  mend(): void {
    this.#stalledUntil = 0
    this.detached.clear()
  }

  disks(process: SimulatedProcess): RawDisks {
    const { name } = process.host
    return {
      sectorBytes: 512,
      open: (device) =>
        this.#call(process, () => {
          if (this.#devices.get(name) !== device) throw new Error(`there is no ${device}`)
          return this.#open(process)
        }),
    }
  }

  #open(process: SimulatedProcess): RawDisk {
    return {
      sizeBytes: leastDiskBytes,
      read: (offset, length) => this.#call(process, () => this.#read(process, offset / slotBytes, length / slotBytes)),
      write: (offset, bytes) => this.#write(process, offset / slotBytes, bytes),
      sync: () => this.#call(process, () => {}),
      close: () => process.answer(0.1, () => {}),
    }
  }

  /** What was read is as old as the read: a process that stands still sees it late. */
  #call<T>(process: SimulatedProcess, look: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#whenFree(this.#chance.between(0.2, 3), () => {
        if (!process.host.isOn) return
        const isDetached = this.detached.has(process.host.name)
        process.enter(() => {
          try {
            if (isDetached) throw new Error('input/output error')
            resolve(look())
          } catch (trouble) {
            reject(trouble)
          }
        })
      })
    })
  }

  /** A stall that begins meanwhile counts too. */
  #whenFree(ms: number, run: () => void): void {
    const wait = Math.max(0, this.#stalledUntil - this.#scheduler.now)
    this.#scheduler.after(wait + ms, () => {
      if (this.#scheduler.now < this.#stalledUntil) this.#whenFree(ms, run)
      else run()
    })
  }

  #read(process: SimulatedProcess, first: number, count: number): Uint8Array {
    const seen = this.#firstSeen.get(process) ?? new Map<number, Uint8Array | null>()
    this.#firstSeen.set(process, seen)
    const beganAt = this.#beganAt.get(process)
    // Whatever was written before the disk had to be opened anew does not count.
    if (beganAt !== undefined && first > 0) this.#wrote(process.host.name, beganAt)
    this.#beganAt.delete(process)
    const all = new Uint8Array(count * slotBytes)
    for (const [at, piece] of this.#pieces.slice(first, first + count).entries()) {
      all.set(piece.bytes, at * slotBytes)
      const isFirst = !seen.has(first + at)
      if (isFirst) seen.set(first + at, piece.beat)
      else if (piece.beat !== null && seen.get(first + at) !== piece.beat)
        this.#oracle.arrived(process.host.name, piece.beat)
    }
    return all
  }

  #write(process: SimulatedProcess, at: number, bytes: Uint8Array): Promise<void> {
    const piece = this.#pieces[at]
    if (piece === undefined) return Promise.reject(new Error('past the end of the disk'))
    const beat = readSlot(bytes)
    const whole = typeof beat === 'string' ? null : beat
    if (whole !== null) this.#oracle.sent(process.host.name, whole)
    const beganAt = this.#scheduler.now
    // Half done, others may see it so; and a power failure leaves it so.
    this.#whenFree(0.1, () => {
      if (!process.host.isOn || this.detached.has(process.host.name)) return
      const torn = Uint8Array.from(piece.bytes)
      torn.set(bytes.subarray(0, this.#chance.whole(1, 60)))
      piece.bytes = torn
      piece.beat = null
    })
    return this.#call(process, () => {
      piece.bytes = Uint8Array.from(bytes)
      piece.beat = whole
      this.#beganAt.set(process, beganAt)
    })
  }
}
