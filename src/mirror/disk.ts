/** A block device as the mirror sees it: small, synchronous, and so that a simulation can stand in for it. */

/**
 * Calls return when the device has taken the data, which is durable only after `flush`. They are synchronous: a call
 * in place costs 2.5 µs for 4 KiB, one through Node's thread pool 50 µs (mirror.md), and the order of calls is the
 * order on the disk, which every rule here leans on. A device that hangs hangs its process; whoever watches the
 * process must be another one.
 */
export type Disk = {
  /** In bytes; a multiple of `blockBytes`. As it was measured last. */
  readonly size: number
  /** Asks the device anew how large it is; that is its `size` from here on. @throws DiskTrouble */
  readonly measure: () => number
  /** Offset and length of every call are multiples of this. */
  readonly blockBytes: number
  /** @throws DiskTrouble */
  readonly read: (at: number, into: Uint8Array) => void
  /** @throws DiskTrouble */
  readonly write: (at: number, bytes: Uint8Array) => void
  /**
   * All of them at once, in an order of the device's own: none that writes may overlap another (`batches.ts`). Returns
   * when all are over, and how each ended; null: done.
   */
  readonly transfer: (transfers: readonly Transfer[]) => readonly Outcome[]
  /** Everything written before is durable when it returns. @throws DiskTrouble */
  readonly flush: () => void
  /** The range may read as anything; here it reads as zeros, so that both sides of a mirror stay equal. */
  readonly trim: (at: number, length: number) => void
  /** The range reads as zeros. */
  readonly zero: (at: number, length: number) => void
  readonly close: () => void
}

export type Transfer =
  | { readonly do: 'read'; readonly at: number; readonly into: Uint8Array }
  | { readonly do: 'write'; readonly at: number; readonly bytes: Uint8Array }
export type Outcome = DiskTrouble | null

export const transferBytes = (one: Transfer): number => (one.do === 'read' ? one.into.length : one.bytes.length)

export type DiskPlace = { readonly operation: 'read' | 'write' | 'flush'; readonly at: number; readonly length: number }

/** The device did not do what it was asked. */
export class DiskTrouble extends Error {
  override readonly name = 'DiskTrouble'
  /** Null: it is not about a place. */
  readonly place: DiskPlace | null
  constructor(path: string, what: string, cause: unknown, place: DiskPlace | null = null) {
    super(`${path}: ${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    this.place = place
  }
}

/** `Disk.transfer` of a disk that does one after the other. */
export const oneByOne = (disk: Pick<Disk, 'read' | 'write'>, transfers: readonly Transfer[]): readonly Outcome[] =>
  transfers.map((one) => {
    try {
      if (one.do === 'read') disk.read(one.at, one.into)
      else disk.write(one.at, one.bytes)
      return null
    } catch (error) {
      if (error instanceof DiskTrouble) return error
      throw error
    }
  })

/** Writes zeros in pieces: where a device cannot do it by itself. */
export const writeZeros = (disk: Pick<Disk, 'write'>, at: number, length: number): void => {
  for (let done = 0; done < length; done += zeros.length) {
    disk.write(at + done, zeros.subarray(0, Math.min(zeros.length, length - done)))
  }
}
const zeros = new Uint8Array(1_048_576)
