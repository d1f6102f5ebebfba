/** One who follows the log of a pair: from whichever copy tells what stands, changing over where the log says so. */
import type { LogReader, Position, Recorded, Subscription } from '../../events/index.ts'
import type { LogSide } from './log-side.ts'

export type FollowerParts = { readonly source: () => LogSide | null; readonly learn: (recorded: Recorded) => void }

export class Follower {
  readonly #reader: LogReader
  readonly #parts: FollowerParts
  #reached: Position
  #side: LogSide | null
  #subscription: Subscription
  #isTroubled = false

  constructor(after: Position, reader: LogReader, parts: FollowerParts) {
    this.#reached = after
    this.#reader = reader
    this.#parts = parts
    this.#side = parts.source()
    this.#subscription = this.#begin()
  }

  /** The copy to read from may be another one now. */
  reconsider(): void {
    const side = this.#parts.source()
    if (side === this.#side) return
    this.stop()
    this.#side = side
    if (this.#isTroubled) this.#repaired()
    this.#subscription = this.#begin()
  }

  stop(): void {
    this.#subscription.stop()
  }

  #begin(): Subscription {
    const side = this.#side
    if (side === null) return { stop: () => {} }
    const isOurs = () => side === this.#side
    return side.follow(this.#reached, {
      commits: (recorded) => {
        if (isOurs()) this.#accept(recorded)
      },
      trouble: (trouble) => {
        if (!isOurs()) return
        this.#isTroubled = true
        this.#reader.trouble(trouble)
      },
      repaired: () => {
        if (isOurs()) this.#repaired()
      },
    })
  }

  #repaired(): void {
    this.#isTroubled = false
    this.#reader.repaired()
  }

  /** Up to the first commit after which another copy tells what stands. */
  #accept(recorded: readonly Recorded[]): void {
    const side = this.#side
    const accepted: Recorded[] = []
    for (const one of recorded) {
      if (one.position.sequence !== this.#reached.sequence + 1 || this.#side !== side) continue
      this.#reached = one.position
      accepted.push(one)
      this.#parts.learn(one)
    }
    if (accepted.length > 0) this.#reader.commits(accepted)
  }
}
