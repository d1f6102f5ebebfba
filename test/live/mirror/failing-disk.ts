/** A disk that does badly what it is told to: blocks that it cannot read, or no writes, or no flushes. */
import { type Disk, DiskTrouble, oneByOne } from '../../../src/mirror/disk.ts'

export type DiskFaults = {
  /** Bytes whose blocks cannot be read until they are written: a disk gives them another place then. */
  readonly badBytes?: readonly number[]
  readonly fails?: readonly ('write' | 'flush')[]
}

export const failing = (disk: Disk): { readonly disk: Disk; readonly become: (faults: DiskFaults) => void } => {
  let bad: readonly number[] = []
  let fails: NonNullable<DiskFaults['fails']> = []
  const isIn = (at: number, length: number) => (byte: number) => byte >= at && byte < at + length
  const changing = (at: number, length: number, run: () => void): void => {
    if (fails.includes('write')) throw new DiskTrouble('failing disk', `write ${length} bytes at ${at}`, 'it does not')
    run()
    bad = bad.filter((byte) => !isIn(at, length)(byte))
  }
  const faulty: Disk = {
    get size() {
      return disk.size
    },
    measure: disk.measure,
    blockBytes: disk.blockBytes,
    read: (at, into) => {
      if (bad.some(isIn(at, into.length)))
        throw new DiskTrouble('failing disk', `read ${into.length} bytes at ${at}`, 'it does not')
      disk.read(at, into)
    },
    write: (at, bytes) => changing(at, bytes.length, () => disk.write(at, bytes)),
    transfer: (transfers) =>
      bad.length > 0 || fails.length > 0 ? oneByOne(faulty, transfers) : disk.transfer(transfers),
    flush: () => {
      if (fails.includes('flush')) throw new Error('it does not flush')
      disk.flush()
    },
    trim: (at, length) => changing(at, length, () => disk.trim(at, length)),
    zero: (at, length) => changing(at, length, () => disk.zero(at, length)),
    close: disk.close,
  }
  const become = (faults: DiskFaults): void => {
    bad = faults.badBytes ?? []
    fails = faults.fails ?? []
  }
  return { disk: faulty, become }
}
