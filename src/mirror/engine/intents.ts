/** Which regions are being written, durably before they are, and which blocks not both sides have flushed. */
import type { ClusterPartition } from '../cluster-partition.ts'
import type { BlockRun } from '../peer/messages.ts'

const earlierLife = Number.POSITIVE_INFINITY

export type Range = { readonly at: number; readonly length: number }

/** Regions that stay marked after they were flushed: marking one anew costs a page write (mirror.md: 256 suffice). */
export const hotRegions = 256

/**
 * Invariant: a region is marked on disk before anything is written in it on either side, and unmarked only once both
 * sides have flushed all of it, or, while this side is alone, once the blocks are in the dirty bitmap on disk.
 */
export class Intents {
  readonly #partition: ClusterPartition
  readonly #hotLimit: number
  /** Sequence of the last write in it; least recently written first. */
  readonly #regions = new Map<number, number>()
  readonly #blocks = new Map<number, number>()
  #flushedBelow = 0

  constructor(partition: ClusterPartition, hotLimit = hotRegions) {
    this.#partition = partition
    this.#hotLimit = hotLimit
    // What an earlier life left marked differs until a resync has said otherwise.
    for (const region of partition.intent.marks.indexes()) this.#regions.set(region, earlierLife)
  }

  /** These ranges will be written now, under this sequence. @throws DiskTrouble: then they must not be. */
  readonly begin = (ranges: readonly Range[], sequence: number): void => {
    const { blockBytes, regionBytes } = this.#partition.geometry
    const regions = new Set<number>()
    for (const range of ranges) {
      for (const region of indexesIn(range, regionBytes)) regions.add(region)
      for (const block of indexesIn(range, blockBytes)) this.#blocks.set(block, sequence)
    }
    for (const region of regions) {
      const former = this.#regions.get(region) ?? 0
      this.#regions.delete(region)
      this.#regions.set(region, Math.max(former, sequence))
    }
    // With the page that is written for a new mark the old ones go.
    if (this.#regions.size > this.#hotLimit) this.#forget((this.#hotLimit * 3) / 4)
    this.#partition.intent.mark(regions)
  }

  /** Both sides have flushed everything below this sequence. */
  readonly flushed = (sequence: number): void => {
    this.#flushedBelow = Math.max(this.#flushedBelow, sequence)
    for (const [block, last] of this.#blocks) if (last < sequence) this.#blocks.delete(block)
  }

  /** More is marked than is cheap to resync, and only a flush can help. */
  readonly wantFlush = (): boolean => this.#regions.size > this.#hotLimit || this.#blocks.size > this.#hotLimit * 64

  /** Blocks that the other side may not have for good. */
  readonly unflushedBlocks = (): Iterable<number> => this.#blocks.keys()

  /** Once the dirty bitmap on disk has every block no marks are needed for them. Only while alone. @throws DiskTrouble */
  readonly coverByDirty = (): void => {
    this.#partition.dirty.store()
    this.#flushedBelow = Number.POSITIVE_INFINITY
    for (const region of this.#regions.keys()) this.#regions.set(region, 0)
    this.#blocks.clear()
    this.#forget(0)
    this.#flushedBelow = 0
  }

  /** Marks of regions that both sides have flushed go, durably. @throws DiskTrouble */
  readonly tidyUp = (): void => {
    this.#forget(0)
    this.#partition.intent.store()
  }

  /** What an earlier life left is as good as written under this sequence: a resync has copied it. */
  readonly adoptEarlier = (sequence: number): void => {
    for (const [region, last] of this.#regions) if (last === earlierLife) this.#regions.set(region, sequence)
  }

  readonly #forget = (untilLeft: number): void => {
    for (const [region, last] of this.#regions) {
      if (this.#regions.size <= untilLeft) return
      if (last >= this.#flushedBelow && last !== 0) continue
      this.#regions.delete(region)
      this.#partition.intent.remove(region)
    }
  }
}

/** Indexes of the units that a range touches. */
export function* indexesIn({ at, length }: Range, unit: number): Generator<number> {
  const end = Math.ceil((at + length) / unit)
  for (let index = Math.floor(at / unit); index < end; index++) yield index
}

/** The blocks of the regions that are marked, ascending. */
export function* markedRuns({ intent, geometry }: ClusterPartition): Generator<BlockRun> {
  const { blockBytes, regionBytes, dataBytes } = geometry
  for (const { first: region, count } of intent.marks.runs()) {
    const first = Math.floor((region * regionBytes) / blockBytes)
    const end = Math.ceil(Math.min((region + count) * regionBytes, dataBytes) / blockBytes)
    yield { first, count: end - first }
  }
}
