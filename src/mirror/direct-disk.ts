/**
 * The real disk: a block device or a file by descriptor, past the page cache where that can be had. Past the cache,
 * because the kernel would otherwise make the mirror's process write back the very pages that wait for it (mirror.md,
 * "Memory-pressure deadlock").
 */
import { closeSync, constants, fdatasyncSync, fstatSync, openSync, readFileSync, readSync, writeSync } from 'node:fs'
import { queueFoldersOf } from '../world/block-queues.ts'
import { errno, punchHole, SystemCallFailed, zeroRange } from '../world/libc.ts'
import { alignedBytes, isAligned } from './aligned-memory.ts'
import { ConcurrentTransfers } from './concurrent-transfers.ts'
import {
  type Disk,
  type DiskPlace,
  DiskTrouble,
  type Outcome,
  oneByOne,
  type Transfer,
  transferBytes,
  writeZeros,
} from './disk.ts'

export type DirectDiskOptions = {
  /** False: through the page cache, for file systems that cannot do without. */
  readonly direct: boolean
  /** Nobody else may mount or claim the block device meanwhile. */
  readonly exclusive: boolean
}

/** One call's worth of aligned memory: longer ones are done in pieces. */
const bounceBytes = 1_048_576

/** @throws DiskTrouble */
export const openDisk = (path: string, options: DirectDiskOptions): Disk => {
  const flags =
    constants.O_RDWR |
    (options.direct ? constants.O_DIRECT : 0) |
    // On block devices O_EXCL means exclusive use; on files it would need O_CREAT.
    (options.exclusive ? constants.O_EXCL : 0)
  const fd = tried(path, 'open', null, () => openSync(path, flags))
  const { size, blockBytes } = tried(path, 'ask for its size', null, () => measure(fd))
  return new DirectDisk({ path, fd, size, blockBytes, isDirect: options.direct })
}

type Opened = {
  readonly path: string
  readonly fd: number
  readonly size: number
  readonly blockBytes: number
  /** Through the page cache nothing is done at once. */
  readonly isDirect: boolean
}

class DirectDisk implements Disk {
  #size: number
  readonly blockBytes: number
  readonly #path: string
  readonly #fd: number
  readonly #bounce = alignedBytes(bounceBytes)
  readonly #concurrent: ConcurrentTransfers | null
  #canPunch = true
  #canZero = true

  constructor({ path, fd, size, blockBytes, isDirect }: Opened) {
    this.#path = path
    this.#fd = fd
    this.#size = size
    this.blockBytes = blockBytes
    this.#concurrent = isDirect ? ConcurrentTransfers.open(fd, this.#bounce) : null
  }

  get size(): number {
    return this.#size
  }

  readonly measure = (): number => {
    this.#size = tried(this.#path, 'ask for its size', null, () => measure(this.#fd)).size
    return this.#size
  }

  readonly read = (at: number, into: Uint8Array): void => {
    this.#check(at, into.length)
    const place = { operation: 'read', at, length: into.length } as const
    tried(this.#path, `read ${into.length} bytes at ${at}`, place, () => {
      const isFit = isAligned(into)
      for (let done = 0; done < into.length; done += bounceBytes) {
        const piece = Math.min(bounceBytes, into.length - done)
        const target = isFit ? into.subarray(done, done + piece) : this.#bounce
        if (readSync(this.#fd, target, 0, piece, at + done) !== piece) throw new Error('the disk ends early')
        if (!isFit) into.set(this.#bounce.subarray(0, piece), done)
      }
    })
  }

  readonly write = (at: number, bytes: Uint8Array): void => {
    this.#check(at, bytes.length)
    const place = { operation: 'write', at, length: bytes.length } as const
    tried(this.#path, `write ${bytes.length} bytes at ${at}`, place, () => {
      const isFit = isAligned(bytes)
      for (let done = 0; done < bytes.length; done += bounceBytes) {
        const piece = Math.min(bounceBytes, bytes.length - done)
        const source = isFit ? bytes.subarray(done, done + piece) : this.#bounce
        if (!isFit) this.#bounce.set(bytes.subarray(done, done + piece))
        if (writeSync(this.#fd, source, 0, piece, at + done) !== piece) throw new Error('written only in part')
      }
    })
  }

  readonly transfer = (transfers: readonly Transfer[]): readonly Outcome[] => {
    const concurrent = this.#concurrent
    if (concurrent === null || transfers.length < 2) return oneByOne(this, transfers)
    for (const one of transfers) this.#check(one.at, transferBytes(one))
    const failed = concurrent.transfer(transfers)
    // The kernel may have made one request of neighbours, of which one is bad: by itself each says what is so.
    return transfers.map((one) => (failed.has(one) ? (oneByOne(this, [one])[0] ?? null) : null))
  }

  readonly flush = (): void => {
    tried(this.#path, 'flush', { operation: 'flush', at: 0, length: 0 }, () => fdatasyncSync(this.#fd))
  }

  readonly trim = (at: number, length: number): void => {
    this.#check(at, length)
    if (this.#canPunch && this.#attempt({ at, length }, () => punchHole(this.#fd, at, length))) return
    this.#canPunch = false
    this.zero(at, length)
  }

  readonly zero = (at: number, length: number): void => {
    this.#check(at, length)
    if (this.#canZero && this.#attempt({ at, length }, () => zeroRange(this.#fd, at, length))) return
    this.#canZero = false
    writeZeros(this, at, length)
  }

  readonly close = (): void => {
    this.#concurrent?.close()
    closeSync(this.#fd)
  }

  /** False: this disk cannot do it. */
  readonly #attempt = ({ at, length }: { readonly at: number; readonly length: number }, call: () => void): boolean => {
    try {
      call()
      return true
    } catch (error) {
      if (error instanceof SystemCallFailed && unsupported.has(error.errno)) return false
      throw new DiskTrouble(this.#path, 'give a range back', error, { operation: 'write', at, length })
    }
  }

  /** Our own callers have checked this already: a range beyond the disk is a bug, and must never reach it. */
  readonly #check = (at: number, length: number): void => {
    if (at < 0 || length < 0 || at + length > this.size || at % this.blockBytes !== 0 || length % this.blockBytes !== 0)
      throw new DiskTrouble(this.#path, `range ${at}+${length}`, `not on ${this.blockBytes} within ${this.size}`)
  }
}

const unsupported: ReadonlySet<number> = new Set([errno.EOPNOTSUPP, errno.ENOSYS, errno.ENODEV])

/** A file need not be a multiple of its block; the rest is not used. */
const measure = (fd: number): { readonly size: number; readonly blockBytes: number } => {
  const stat = fstatSync(fd)
  if (!stat.isBlockDevice()) return { size: stat.size - (stat.size % fileBlockBytes), blockBytes: fileBlockBytes }
  // Numbers as makedev(3) packs them.
  const major = Math.floor(stat.rdev / 256) % 4096
  const minor = (stat.rdev % 256) + Math.floor(stat.rdev / 2 ** 20) * 256
  const place = `/sys/dev/block/${major}:${minor}`
  return { size: Number(readFileSync(`${place}/size`, 'utf8')) * 512, blockBytes: logicalBlockOf(place) }
}
const fileBlockBytes = 512

const logicalBlockOf = (place: string): number => {
  for (const queue of queueFoldersOf(place)) {
    try {
      return Number(readFileSync(`${queue}/logical_block_size`, 'utf8'))
    } catch {
      // Then it is the other one.
    }
  }
  throw new Error(`${place} does not tell its logical block size`)
}

const tried = <T>(path: string, what: string, place: DiskPlace | null, attempt: () => T): T => {
  try {
    return attempt()
  } catch (error) {
    if (error instanceof DiskTrouble) throw error
    throw new DiskTrouble(path, what, error, place)
  }
}
