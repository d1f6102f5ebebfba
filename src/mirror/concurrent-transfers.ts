/**
 * Reads and writes of one descriptor that are under way at once (io_submit(2)), and waited for together. Eight writes of
 * 4 KiB take a quarter of what they take one after the other, thirty-two an eighth. Only past the page cache: through it
 * the kernel does one after the other all the same.
 */
import { addressOf, aioAbi, type KernelAio, openKernelAio, SystemCallFailed } from '../world/libc.ts'
import { isAligned } from './aligned-memory.ts'
import type { Transfer } from './disk.ts'

const mostUnderWay = 64

/** Offsets in struct iocb. */
const request = { index: 0, operation: 16, descriptor: 20, address: 24, length: 32, at: 40 }
/** In struct io_event: whose it is, and its result. */
const event = { index: 0, result: 16 }

type Piece = {
  readonly of: Transfer
  readonly at: number
  /** On a boundary, and not moved. */
  readonly memory: Uint8Array
  /** Where it has to go when it was read. */
  readonly into: Uint8Array | null
}

export class ConcurrentTransfers {
  readonly #fd: number
  readonly #aio: KernelAio
  readonly #bounce: Buffer
  readonly #requests = Buffer.alloc(mostUnderWay * aioAbi.requestBytes)
  readonly #addresses = new BigUint64Array(mostUnderWay)
  readonly #events = Buffer.alloc(mostUnderWay * aioAbi.eventBytes)

  private constructor(fd: number, bounce: Buffer, aio: KernelAio) {
    this.#fd = fd
    this.#bounce = bounce
    this.#aio = aio
    const first = addressOf(this.#requests)
    for (let i = 0; i < mostUnderWay; i++) this.#addresses[i] = first + BigInt(i * aioAbi.requestBytes)
  }

  /**
   * Null where the kernel has none to give. `bounce`: aligned memory for what does not lie on a boundary; so long is the
   * longest piece.
   */
  static open(fd: number, bounce: Buffer): ConcurrentTransfers | null {
    const aio = openKernelAio(mostUnderWay)
    return aio && new ConcurrentTransfers(fd, bounce, aio)
  }

  /** Those that were not done, or only in part. */
  readonly transfer = (transfers: readonly Transfer[]): ReadonlySet<Transfer> => {
    const longest = this.#bounce.length
    const failed = new Set<Transfer>()
    let pieces: Piece[] = []
    let bounced = 0
    const run = (): void => {
      const done = this.#perform(pieces)
      for (const [index, { of, memory, into }] of pieces.entries())
        if (done[index] !== memory.length) failed.add(of)
        else into?.set(memory)
      pieces = []
      bounced = 0
    }
    for (const of of transfers) {
      const bytes = of.do === 'read' ? of.into : of.bytes
      const isFit = isAligned(bytes)
      for (let from = 0; from < bytes.length; from += longest) {
        const part = bytes.subarray(from, from + longest)
        if (pieces.length === mostUnderWay || (!isFit && bounced + part.length > longest)) run()
        const memory = isFit ? part : this.#bounce.subarray(bounced, bounced + part.length)
        if (!isFit) bounced += part.length
        if (!isFit && of.do === 'write') memory.set(part)
        pieces.push({ of, at: of.at + from, memory, into: isFit || of.do === 'write' ? null : part })
      }
    }
    run()
    return failed
  }

  readonly close = (): void => this.#aio.close()

  /** Of each: how many bytes are done. */
  readonly #perform = (pieces: readonly Piece[]): readonly number[] => {
    const results = pieces.map(() => 0)
    for (let done = 0; done < pieces.length; ) {
      for (const [slot, piece] of pieces.slice(done).entries()) this.#prepare(piece, slot, done + slot)
      const taken = this.#submit(pieces.length - done)
      this.#collect(taken, results)
      // The kernel does not take the first: it fails.
      done += Math.max(1, taken)
    }
    return results
  }

  readonly #submit = (count: number): number => {
    try {
      return this.#aio.submit(this.#addresses, count)
    } catch (error) {
      if (error instanceof SystemCallFailed) return 0
      throw error
    }
  }

  readonly #prepare = ({ of, at, memory }: Piece, slot: number, index: number): void => {
    const place = slot * aioAbi.requestBytes
    const bytes = this.#requests
    bytes.writeUInt32LE(index, place + request.index)
    bytes.writeUInt16LE(of.do === 'read' ? aioAbi.read : aioAbi.write, place + request.operation)
    bytes.writeUInt32LE(this.#fd, place + request.descriptor)
    bytes.writeBigUInt64LE(addressOf(memory), place + request.address)
    bytes.writeUInt32LE(memory.length, place + request.length)
    bytes.writeBigUInt64LE(BigInt(at), place + request.at)
  }

  /** The memory is the kernel's until all of them are over: a failure to wait must end this process. */
  readonly #collect = (count: number, results: number[]): void => {
    for (let left = count; left > 0; ) {
      const ended = this.#aio.wait(this.#events, left)
      for (let i = 0; i < ended; i++) {
        const place = i * aioAbi.eventBytes
        const result = this.#events.readBigInt64LE(place + event.result)
        results[this.#events.readUInt32LE(place + event.index)] = Number(result)
      }
      left -= ended
    }
  }
}
