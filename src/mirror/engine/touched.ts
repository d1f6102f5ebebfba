/** Which extents were written since this side serves, and which of them the log does not know of yet (X5). */
import { Bitmap } from '../bitmap.ts'
import { indexesIn, type Range } from './intents.ts'

/** As coarse as the log needs it: what is too much is only copied in vain. */
export const extentBytes = 1_048_576
/** More do not go into one answer; the rest comes with the next. */
export const mostToldRuns = 512

export type ToldExtents = {
  /** Comes back when they are recorded. */
  readonly number: number
  readonly epoch: number
  readonly runs: readonly Range[]
  /** With these, everything that was written under this epoch so far is told. */
  readonly isComplete: boolean
}

export class Touched {
  #dataBytes: number
  readonly #epoch: number
  readonly #isFirstLife: boolean
  #touched: Bitmap
  #untold: Bitmap
  #told: { readonly number: number; readonly runs: readonly Range[] } = { number: 0, runs: [] }

  /** `isFirstLife`: false when an earlier process has written under the same epoch: what it did not tell is not known. */
  constructor(dataBytes: number, epoch: number, isFirstLife: boolean) {
    this.#dataBytes = dataBytes
    this.#epoch = epoch
    this.#isFirstLife = isFirstLife
    const extents = Math.ceil(dataBytes / extentBytes)
    this.#touched = new Bitmap(extents)
    this.#untold = new Bitmap(extents)
  }

  /** The mirror has grown. */
  readonly grow = (dataBytes: number): void => {
    const larger = (bitmap: Bitmap): Bitmap => {
      const all = new Bitmap(Math.ceil(dataBytes / extentBytes))
      all.addFrom(bitmap)
      return all
    }
    this.#dataBytes = dataBytes
    this.#touched = larger(this.#touched)
    this.#untold = larger(this.#untold)
  }

  readonly add = (range: Range): void => {
    for (const extent of indexesIn(range, extentBytes)) if (this.#touched.add(extent)) this.#untold.add(extent)
  }

  /** The same again until they are known to be recorded. */
  readonly tell = (): ToldExtents => {
    const runs: { at: number; length: number }[] = []
    let isAll = true
    for (const extent of this.#untold.indexes()) {
      const at = extent * extentBytes
      const length = Math.min(extentBytes, this.#dataBytes - at)
      const last = runs.at(-1)
      if (last && last.at + last.length === at) last.length += length
      else if (runs.length === mostToldRuns) {
        isAll = false
        break
      } else runs.push({ at, length })
    }
    this.#told = { number: this.#told.number + 1, runs }
    return { ...this.#told, epoch: this.#epoch, isComplete: isAll && this.#isFirstLife }
  }

  /** The log has what was told under this number; another number is of an earlier answer, and void. */
  readonly recorded = (number: number): void => {
    if (number !== this.#told.number) return
    for (const run of this.#told.runs) for (const extent of indexesIn(run, extentBytes)) this.#untold.remove(extent)
  }
}
