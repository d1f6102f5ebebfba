/**
 * Requests that came before the log or the other side has confirmed this copy. Not even reads are answered before that:
 * 1. Alpha loses its power, and with it a write that beta has. 2. It serves again and is read without it. 3. Beta takes
 * over, and there it is.
 */
import type { BlockRequest } from '../engine-interface.ts'
import { keepable } from './outgoing.ts'

export class HeldBack {
  #isOver = false
  readonly #bursts: (readonly BlockRequest[])[] = []

  /** False: it may be performed now. */
  readonly take = (burst: readonly BlockRequest[]): boolean => {
    if (!this.#isOver) this.#bursts.push(burst.map(keepable))
    return !this.#isOver
  }

  /** Once; later calls do nothing. */
  readonly release = (submit: (burst: readonly BlockRequest[]) => void): void => {
    if (this.#isOver) return
    this.#isOver = true
    for (const burst of this.#bursts.splice(0)) submit(burst)
  }
}
