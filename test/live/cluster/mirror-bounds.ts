/** How much of a mirror disk can differ at most: where its file system uses something, and where marks say so. */
import { execFile } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { promisify } from 'node:util'
import { crc32 } from 'node:zlib'
import { ClusterPartition } from '../../../src/mirror/cluster-partition.ts'
import { openDisk } from '../../../src/mirror/direct-disk.ts'
import { indexesIn, type Range } from '../../../src/mirror/engine/intents.ts'

/** Of the units of `unitBytes` from the beginning, those in which the ext4 of this image uses something. */
export const usedUnits = async (image: string, unitBytes: number): Promise<ReadonlySet<number>> => {
  const { stdout } = await promisify(execFile)('dumpe2fs', [image], { maxBuffer: 16_777_216 })
  const { blockBytes, free, blocks } = freeIn(stdout)
  const used = new Set<number>()
  let from = 0
  for (const { at, length } of [...free, { at: blocks, length: 0 }]) {
    const range = { at: from * blockBytes, length: (at - from) * blockBytes }
    for (const unit of indexesIn(range, unitBytes)) used.add(unit)
    from = at + length
  }
  return used
}

/** One checksum for each `unitBytes` of an image. */
export const checksums = async (image: string, unitBytes: number): Promise<readonly number[]> => {
  const sums: number[] = []
  for await (const part of createReadStream(image, { highWaterMark: unitBytes })) sums.push(crc32(part as Buffer))
  return sums
}

/** In blocks of the file system; whatever `dumpe2fs` does not call free is used. */
const freeIn = (text: string): { readonly blockBytes: number; readonly blocks: number; readonly free: Range[] } => {
  const number = (name: string): number => {
    const found = new RegExp(`^${name}:\\s+(\\d+)$`, 'm').exec(text)?.[1]
    if (found === undefined) throw new Error(`dumpe2fs does not say "${name}"`)
    return Number(found)
  }
  const free = [...text.matchAll(/^ {2}Free blocks: (.+)$/gm)]
    .flatMap(([, list = '']) => list.split(', '))
    .map((run) => {
      const [first = 0, last = first] = run.split('-').map(Number)
      return { at: first, length: last - first + 1 }
    })
  return { blockBytes: number('Block size'), blocks: number('Block count'), free: free.sort((a, b) => a.at - b.at) }
}

/** Regions that are marked on a cluster partition that nobody writes to now: as a crash would find them. */
export const markedRegions = (image: string): ReadonlySet<number> => {
  const disk = openDisk(image, { direct: false, exclusive: false })
  try {
    const opened = ClusterPartition.open(disk)
    if (opened.is === 'unusable') throw new Error(`${image}: ${opened.because}`)
    return new Set(opened.partition.intent.marks.indexes())
  } finally {
    disk.close()
  }
}
