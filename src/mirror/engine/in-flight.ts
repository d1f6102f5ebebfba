/** What was begun and is not known to be done on the other side, in order. */
import type { Settle } from './authority.ts'

export type Begun = {
  readonly kind: 'write' | 'trim' | 'zero' | 'flush'
  readonly at: number
  readonly length: number
  readonly mayUnmap: boolean
  /** What is written, where this side has no disk that has it. */
  readonly bytes?: Uint8Array
  /** Of its last chunk. */
  sequence: number
  /** When it was taken. */
  readonly beganAt: number
  /** When it was sent last; until then, when it was taken. */
  sentAt: number
  readonly settles: readonly Settle[]
}

export class InFlight {
  #entries: Begun[] = []
  #bytes = 0
  #waiting = 0

  get bytes(): number {
    return this.#bytes
  }

  get count(): number {
    return this.#entries.length
  }

  /** Requests that are answered with these. */
  get waiting(): number {
    return this.#waiting
  }

  get oldest(): Begun | undefined {
    return this.#entries[0]
  }

  readonly add = (one: Begun): void => {
    this.#entries.push(one)
    this.#waiting += one.settles.length
    if (one.kind === 'write') this.#bytes += one.length
  }

  /** Takes everything up to this sequence. */
  readonly take = (sequence: number): readonly Begun[] => {
    const end = this.#entries.findIndex((one) => one.sequence > sequence)
    const taken = this.#entries.splice(0, end < 0 ? this.#entries.length : end)
    for (const one of taken) {
      this.#waiting -= one.settles.length
      if (one.kind === 'write') this.#bytes -= one.length
    }
    return taken
  }

  readonly takeAll = (): readonly Begun[] => this.take(Number.POSITIVE_INFINITY)

  readonly all = (): readonly Begun[] => this.#entries
}
