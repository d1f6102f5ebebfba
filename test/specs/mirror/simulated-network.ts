/** Connections between two sides on virtual time: in order, with delay, cut silently or closed. */
import type { Channel, ChannelEnd } from '../../../src/mirror/peer/link.ts'
import type { Clock } from '../../../src/world/world.ts'

type Side = { end: ChannelEnd | null; isClosed: boolean }

export class SimulatedConnection {
  readonly #clock: Clock
  readonly #sides: readonly [Side, Side] = [
    { end: null, isClosed: false },
    { end: null, isClosed: false },
  ]
  delayMs = 1
  /** Nothing arrives any more, and nobody is told. */
  isCut = false
  /** May change what travels. */
  alter: (bytes: Uint8Array) => Uint8Array = (bytes) => bytes

  constructor(clock: Clock) {
    this.#clock = clock
  }

  readonly open =
    (side: 0 | 1) =>
    (end: ChannelEnd): Channel => {
      const own = this.#sides[side]
      const other = this.#sides[1 - side]
      own.end = end
      return {
        send: (bytes) => {
          // Memory that was lent for the call only must not travel.
          const copy = this.alter(Uint8Array.from(bytes))
          if (own.isClosed) return
          this.#later(() => {
            if (other && !other.isClosed) other.end?.received(copy)
          })
        },
        close: () => {
          if (own.isClosed) return
          own.isClosed = true
          this.#later(() => this.#tell(other, 'the other side has closed the connection'))
        },
      }
    }

  /** Both sides see it end, as after a reset. */
  readonly reset = (): void => {
    for (const side of this.#sides) this.#tell(side, 'connection reset')
  }

  readonly #tell = (side: Side | undefined, because: string): void => {
    if (!side || side.isClosed) return
    side.isClosed = true
    side.end?.closed(because)
  }

  readonly #later = (run: () => void): void => {
    this.#clock.after(this.delayMs, () => {
      if (!this.isCut) run()
    })
  }
}
