/** Which blocks a disk does not read, and what is told of its trouble. */
import { type Disk, DiskTrouble } from '../disk.ts'
import type { Range } from './intents.ts'
import type { TroubleReport } from './report.ts'

/** What disks give up as a whole. */
export const badBlockBytes = 4096
/** More say no more. */
const mostOffsets = 32

/** A read that failed is tried again block by block: which of them is it? */
const badBlocksIn = (disk: Disk, { at, length }: Range): readonly number[] => {
  const offsets: number[] = []
  const block = new Uint8Array(Math.max(badBlockBytes, disk.blockBytes))
  const first = at - (at % block.length)
  for (let place = first; place < at + length && offsets.length < mostOffsets; place += block.length) {
    try {
      disk.read(place, block.subarray(0, Math.min(block.length, disk.size - place)))
    } catch (error) {
      if (!(error instanceof DiskTrouble)) throw error
      offsets.push(place)
    }
  }
  return offsets
}

export const troubleReport = (disk: Disk, { place, message }: DiskTrouble): TroubleReport => {
  // Without a place it is the disk as a whole, or its metadata.
  const { operation, at, length } = place ?? { operation: 'write', at: 0, length: 0 }
  const offsets = operation === 'read' ? badBlocksIn(disk, { at, length }) : operation === 'write' && place ? [at] : []
  return { say: 'trouble', operation, offsets, because: message }
}
