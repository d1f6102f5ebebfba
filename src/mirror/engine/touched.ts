/** Which extents were written under an epoch, and which of them the log does not know of yet (X5). */
import { Bitmap } from '../bitmap.ts'
import { indexesIn, type Range } from './intents.ts'

/** As coarse as the log needs it: what is too much is only copied in vain. */
const mostExtentBytes = 1_048_576
const leastExtentBytes = 4096
/** A small disk has smaller ones. */
const usualExtents = 1024
export const extentBytesOf = (dataBytes: number): number => {
  const least = 2 ** Math.ceil(Math.log2(dataBytes / usualExtents))
  return Math.min(mostExtentBytes, Math.max(leastExtentBytes, least))
}
/** More do not go into one answer; the rest comes with the next. */
export const mostToldRuns = 512

/**
 * What is done with them while they are told. `paired`: written on both sides; `alone`: on this one, and marked in its
 * bitmap; `between`: nobody knows yet; `over`: nothing any more, by this side.
 */
export const waysTold = ['paired', 'alone', 'between', 'over'] as const
export type ToldAs = (typeof waysTold)[number]

/** Comes back when they are recorded. */
export type ToldId = { readonly epoch: number; readonly number: number }
export type ToldExtents = ToldId & {
  readonly runs: readonly Range[]
  /** With these, everything is told that this side knows of: that was written since it serves, or since it follows and was joined. */
  readonly isComplete: boolean
}

export class Touched {
  readonly epoch: number
  #dataBytes: number
  readonly #extentBytes: number
  readonly #isFirstLife: boolean
  #touched: Bitmap
  #untold: Bitmap
  #isWritten = false
  #told: { readonly number: number; readonly runs: readonly Range[] } = { number: 0, runs: [] }

  /** `isFirstLife`: false when an earlier process has written under the same epoch: what it did not tell is not known. */
  constructor(dataBytes: number, epoch: number, isFirstLife: boolean) {
    this.#dataBytes = dataBytes
    this.#extentBytes = extentBytesOf(dataBytes)
    this.epoch = epoch
    this.#isFirstLife = isFirstLife
    const extents = Math.ceil(dataBytes / this.#extentBytes)
    this.#touched = new Bitmap(extents)
    this.#untold = new Bitmap(extents)
  }

  /** The mirror has grown. Its last extent may have been told as a shorter one. */
  readonly grow = (dataBytes: number): void => {
    const last = this.#touched.length - 1
    const larger = (bitmap: Bitmap): Bitmap => {
      const all = new Bitmap(Math.ceil(dataBytes / this.#extentBytes))
      all.addFrom(bitmap)
      return all
    }
    this.#dataBytes = dataBytes
    this.#touched = larger(this.#touched)
    this.#untold = larger(this.#untold)
    if (this.#touched.has(last)) this.#untold.add(last)
  }

  readonly add = (range: Range): void => {
    this.#isWritten = true
    for (const extent of indexesIn(range, this.#extentBytes)) if (this.#touched.add(extent)) this.#untold.add(extent)
  }

  /** The same again until they are known to be recorded. */
  readonly tell = (): ToldExtents => {
    const runs: { at: number; length: number }[] = []
    let isAll = true
    for (const extent of this.#untold.indexes()) {
      const at = extent * this.#extentBytes
      const length = Math.min(this.#extentBytes, this.#dataBytes - at)
      const last = runs.at(-1)
      if (last && last.at + last.length === at) last.length += length
      else if (runs.length === mostToldRuns) {
        isAll = false
        break
      } else runs.push({ at, length })
    }
    this.#told = { number: this.#told.number + 1, runs }
    return { ...this.#told, epoch: this.epoch, isComplete: isAll && this.#isFirstLife }
  }

  /** Something was written since this was asked last: metadata that is as it was then looks like that of a backup. */
  readonly takeWritten = (): boolean => {
    const was = this.#isWritten
    this.#isWritten = false
    return was
  }

  get isTold(): boolean {
    return this.#untold.count === 0
  }

  /** The log has what was told under this number; another number is of an earlier answer, and void. */
  readonly recorded = (number: number): void => {
    if (number !== this.#told.number) return
    for (const run of this.#told.runs)
      for (const extent of indexesIn(run, this.#extentBytes)) this.#untold.remove(extent)
  }
}

/** Older ones are given up: what the log does not know of them is copied in full. */
export const keptEpochs = 4

/** Of every epoch that this process has written under, as whoever serves or follows, until the log has it. */
export class TouchedEpochs {
  #all: readonly Touched[] = []

  /** Goes on with what there is: between two lives of one process nothing is forgotten. */
  readonly begin = (epoch: number, dataBytes: number, isFirstLife: boolean): Touched => {
    const known = this.#all.find((one) => one.epoch === epoch)
    if (known !== undefined) return known
    const begun = new Touched(dataBytes, epoch, isFirstLife)
    this.#all = [...this.#all.slice(1 - keptEpochs), begun]
    return begun
  }

  readonly grow = (dataBytes: number): void => {
    for (const one of this.#all) one.grow(dataBytes)
  }

  /** `asOf`: null = it is told by the other side. */
  readonly tell = (asOf: (one: Touched) => ToldAs | null): readonly (ToldExtents & { readonly as: ToldAs })[] =>
    this.#all.flatMap((one) => {
      const as = asOf(one)
      return as === null ? [] : [{ ...one.tell(), as }]
    })

  /** `isOver`: so it was told, and so it is on the log. */
  readonly recorded = ({ epoch, number, isOver }: ToldId & { readonly isOver: boolean }): void => {
    this.#all.find((one) => one.epoch === epoch)?.recorded(number)
    if (isOver) this.#all = this.#all.filter((one) => one.epoch !== epoch || !one.isTold)
  }
}
