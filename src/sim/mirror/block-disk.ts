/** A disk in memory that loses what was not flushed when its power goes, sector by sector and in any order. */
import { type Disk, DiskTrouble, oneByOne } from '../../mirror/disk.ts'

/** What a device writes as a whole or not at all. */
export const sectorBytes = 512

type Unflushed = { readonly at: number; readonly bytes: Uint8Array }
export type DiskCall = { readonly do: 'read' | 'write' | 'flush'; readonly at: number; readonly length: number }

export class SimulatedDisk implements Disk {
  readonly blockBytes = sectorBytes
  #seen: Uint8Array
  #stable: Uint8Array
  #unflushed: Unflushed[] = []
  /** Called before each call; throws to make it fail. */
  before: (call: DiskCall) => void = () => undefined

  constructor(size: number) {
    this.#seen = new Uint8Array(size)
    this.#stable = new Uint8Array(size)
  }

  get size(): number {
    return this.#seen.length
  }

  readonly measure = (): number => this.size

  /** Somebody has enlarged it; what was added is what was there before: anything. */
  readonly enlarge = (size: number, filler = 0): void => {
    const larger = (bytes: Uint8Array): Uint8Array => {
      const all = new Uint8Array(size).fill(filler)
      all.set(bytes)
      return all
    }
    this.#seen = larger(this.#seen)
    this.#stable = larger(this.#stable)
  }

  /** As it reads now. */
  get content(): Uint8Array {
    return this.#seen
  }

  readonly read = (at: number, into: Uint8Array): void => {
    this.#check(at, into.length)
    this.before({ do: 'read', at, length: into.length })
    into.set(this.#seen.subarray(at, at + into.length))
  }

  readonly write = (at: number, bytes: Uint8Array): void => {
    this.#check(at, bytes.length)
    this.before({ do: 'write', at, length: bytes.length })
    this.#seen.set(bytes, at)
    // A Buffer would only lend its memory to a slice.
    this.#unflushed.push({ at, bytes: Uint8Array.from(bytes) })
  }

  /** The last one first: whoever counts on the order that they were given in is found out. */
  readonly transfer: Disk['transfer'] = (transfers) => oneByOne(this, transfers.toReversed()).toReversed()

  readonly flush = (): void => {
    this.before({ do: 'flush', at: 0, length: 0 })
    for (const { at, bytes } of this.#unflushed) this.#stable.set(bytes, at)
    this.#unflushed = []
  }

  readonly trim = (at: number, length: number): void => this.zero(at, length)
  readonly zero = (at: number, length: number): void => this.write(at, new Uint8Array(length))
  readonly close = (): void => undefined

  /** Of what was written since the last flush, each sector is there or not, as `isKept` says. */
  readonly losePower = (isKept: () => boolean): void => {
    for (const { at, bytes } of this.#unflushed) {
      for (let sector = 0; sector < bytes.length; sector += sectorBytes) {
        if (isKept()) this.#stable.set(bytes.subarray(sector, sector + sectorBytes), at + sector)
      }
    }
    this.#unflushed = []
    this.#seen.set(this.#stable)
  }

  /** Rot, a stray tool, a hand: the bytes are there at once and for good. */
  readonly damage = (at: number, bytes: Uint8Array): void => {
    this.#seen.set(bytes, at)
    this.#stable.set(bytes, at)
  }

  readonly #check = (at: number, length: number): void => {
    const isInside = at >= 0 && at + length <= this.size && at % sectorBytes === 0 && length % sectorBytes === 0
    if (!isInside) throw new DiskTrouble('simulated disk', `range ${at}+${length}`, 'outside of it')
  }
}
