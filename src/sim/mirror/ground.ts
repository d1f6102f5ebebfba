/** What a simulated data plane stands on: the block disks of its machine, simulated connections, and a front end for a writer. */
import { type Disk, DiskTrouble, oneByOne } from '../../mirror/disk.ts'
import type { Engine } from '../../mirror/engine-interface.ts'
import type { Ground } from '../../mirror/process/ground.ts'
import type { SimulatedProcess } from '../process.ts'
import type { SimulatedDisk } from './block-disk.ts'
import type { Streams } from './streams.ts'

/** What a process is about to do to a disk of its machine: it may be the last thing that it does. */
export type Touch = {
  readonly process: SimulatedProcess
  readonly path: string
  readonly call: 'read' | 'write' | 'flush'
}

export type GroundParts = {
  readonly streams: Streams
  readonly disk: (host: string, path: string) => SimulatedDisk | null
  readonly touching: (touch: Touch) => void
  /** A side serves from now on, to whoever writes there; null = no more. */
  readonly serves: (process: SimulatedProcess, path: string, engine: Engine | null) => void
  /** Of the cluster. */
  readonly key: Uint8Array
}

export const simulatedGround = (process: SimulatedProcess, parts: GroundParts): Ground => ({
  openDisk: (path) => {
    const disk = parts.disk(process.host.name, path)
    if (disk === null) throw new DiskTrouble(path, 'open', 'there is no such device')
    return opened(process, path, disk, parts)
  },
  dial: parts.streams.dial(process),
  listen: parts.streams.listen(process),
  serveNbd: (_, path, exports) => {
    const engine = exports.get('')?.engine ?? null
    return process.answer(0.2, () => {
      parts.serves(process, path, engine)
      return () => parts.serves(process, path, null)
    })
  },
  // Only the NBD socket is used here: both are front ends of the same engine.
  serveBlockFile: () => ({ close: () => {}, resized: () => {} }),
  readFile: () => Buffer.from(parts.key),
})

/** Held by one process at a time, as with O_EXCL. What a process does after its end does nothing. */
const opened = (
  process: SimulatedProcess,
  path: string,
  disk: SimulatedDisk,
  { touching }: Pick<GroundParts, 'touching'>,
): Disk => {
  const { ram } = process.host
  const key = `held ${path}`
  // cast: only this function puts something under this key
  const holder = ram.get(key) as SimulatedProcess | undefined
  if (holder?.isAlive && holder !== process) throw new DiskTrouble(path, 'open', 'another process has it')
  ram.set(key, process)
  const isAlive = (call: Touch['call']): boolean => {
    if (process.isAlive) touching({ process, path, call })
    return process.isAlive
  }
  const own: Disk = {
    get size() {
      return disk.size
    },
    measure: disk.measure,
    blockBytes: disk.blockBytes,
    read: (at, into) => {
      if (isAlive('read')) disk.read(at, into)
    },
    write: (at, bytes) => {
      if (isAlive('write')) disk.write(at, bytes)
    },
    // It may end between two of them.
    transfer: (transfers) => oneByOne(own, transfers.toReversed()).toReversed(),
    flush: () => {
      if (isAlive('flush')) disk.flush()
    },
    trim: (at, length) => {
      if (isAlive('write')) disk.trim(at, length)
    },
    zero: (at, length) => {
      if (isAlive('write')) disk.zero(at, length)
    },
    close: () => {
      if (ram.get(key) === process) ram.delete(key)
    },
  }
  return own
}
