/**
 * Requests that are not performed yet.
 * Those that came before the log or the other side has confirmed this copy. Not even reads are answered before that:
 * 1. Alpha loses its power, and with it a write that beta has. 2. It serves again and is read without it. 3. Beta takes
 * over, and there it is.
 * And those that came after a disk of this side has failed, before the log knows: 1. Alpha can mark nothing any more, and
 * sends a write to beta. 2. Alpha is lost, and beta takes over. 3. Alpha returns, its disk works again, the log has called
 * both equal all the time, and nothing says where they differ.
 */
import type { BlockRequest } from '../engine-interface.ts'
import { keepable } from './outgoing.ts'

export class HeldBack {
  #isHolding = true
  readonly #bursts: (readonly BlockRequest[])[] = []

  /** False: it may be performed now. */
  readonly take = (burst: readonly BlockRequest[]): boolean => {
    if (this.#isHolding) this.#bursts.push(burst.map(keepable))
    return this.#isHolding
  }

  /** What comes from here on is kept again. */
  readonly hold = (): void => {
    this.#isHolding = true
  }

  /** In the order in which they came; one that is kept again meanwhile stays before those that follow it. */
  readonly release = (submit: (burst: readonly BlockRequest[]) => void): void => {
    if (!this.#isHolding) return
    this.#isHolding = false
    for (const burst of this.#bursts.splice(0)) submit(burst)
  }
}
