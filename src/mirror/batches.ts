/** What can be done at once: reads and writes that do not get into each other's way. */
import { type Transfer, transferBytes } from './disk.ts'
import type { BlockRequest, ReadRequest, WriteRequest } from './engine-interface.ts'

/** Comparing each with each costs more than it gains beyond. */
const mostAtOnce = 128

/**
 * Collects transfers, and has them done together as soon as one comes that must not be among them. The order of those
 * that overlap is that in which they were added: two disks that were given the same have the same afterwards.
 */
export class Batch<T extends Transfer> {
  readonly #perform: (transfers: readonly T[]) => void
  #waiting: T[] = []

  /** `perform` is never called with none. */
  constructor(perform: (transfers: readonly T[]) => void) {
    this.#perform = perform
  }

  readonly add = (one: T): void => {
    if (this.#waiting.length >= mostAtOnce || this.#waiting.some((other) => isHindered(one, other))) this.run()
    this.#waiting.push(one)
  }

  /** Does what is waiting: before anything that has to come after it. */
  readonly run = (): void => {
    const transfers = this.#waiting
    this.#waiting = []
    if (transfers.length > 0) this.#perform(transfers)
  }

  /** Nobody wants it any more. */
  readonly forget = (): void => {
    this.#waiting = []
  }
}

/** Two reads may overlap. */
const isHindered = (one: Transfer, other: Transfer): boolean =>
  (one.do === 'write' || other.do === 'write') &&
  one.at < other.at + transferBytes(other) &&
  other.at < one.at + transferBytes(one)

export type BurstPort = {
  /** Reads and writes that can be done at once. */
  readonly transfer: (requests: readonly (ReadRequest | WriteRequest)[]) => void
  /** Anything else, after what came before it. */
  readonly alone: (request: Exclude<BlockRequest, ReadRequest | WriteRequest>) => void
}

/** A burst, in its order but for what can be done at once. */
export const performInBatches = (burst: readonly BlockRequest[], { transfer, alone }: BurstPort): void => {
  const batch = new Batch(transfer)
  for (const request of burst) {
    if (request.do === 'read' || request.do === 'write') batch.add(request)
    else {
      batch.run()
      alone(request)
    }
  }
  batch.run()
}
