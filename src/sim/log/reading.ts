/** Follows the simulated log: by the feed while it is complete, from a replica where it is not. */
import type { readNext } from '../../events/chain.ts'
import { type LogReader, type Position, type Recorded, sequence } from '../../events/index.ts'
import type { Cancel, World } from '../../world/world.ts'
import type { Stored } from './store.ts'

/** As jetstream-log-reader.ts has them. */
const staleMs = 200
const troubleRetryMs = 1000
const feedAhead = 256

export type ReadingParts = {
  readonly after: Position
  readonly reader: LogReader
  readonly reached: (sequence: number) => void
  readonly read: typeof readNext
  /** Asks for what follows the `from`-th commit; may never answer. */
  readonly fromOwn: (from: number, got: (found: readonly Stored[]) => void) => void
  readonly fromLeader: (from: number, got: (found: readonly Stored[]) => void) => void
}

export class Reading {
  readonly #world: World
  readonly #parts: ReadingParts
  readonly #ahead = new Map<number, string>()
  #position: Position
  #exists = 0
  #isStopped = false
  #inTrouble = false
  #cancel: Cancel = () => {}

  constructor(world: World, parts: ReadingParts) {
    this.#world = world
    this.#parts = parts
    this.#position = parts.after
    this.wake()
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel()
  }

  wake(): void {
    this.#cancel()
    if (this.#isStopped) return
    const from = this.#position.sequence
    this.#parts.fromOwn(from, (found) => this.#take(from, found))
    // The leader says once a second where the log ends: until it does nothing is missing.
    if (!this.#inTrouble && this.#exists <= from) return
    const wait = this.#inTrouble ? troubleRetryMs : staleMs
    this.#cancel = this.#world.clock.after(wait, () => {
      // Our own replica lags: the leader has it.
      if (this.#exists > this.#position.sequence && this.#position.sequence === from)
        this.#parts.fromLeader(from, (later) => this.#take(from, later))
      this.wake()
    })
  }

  fed(at: number, bytes: string): void {
    if (this.#isStopped || at <= this.#position.sequence) return
    this.#exists = Math.max(this.#exists, at)
    if (at - this.#position.sequence < feedAhead) this.#ahead.set(at, bytes)
    const isNext = at === this.#position.sequence + 1
    if (isNext) this.#take(at - 1, [])
    else this.wake()
  }

  exists(last: number): void {
    this.#exists = Math.max(this.#exists, last)
    if (this.#exists > this.#position.sequence) this.wake()
  }

  /** Delivers what follows directly, of what was found and of what the feed brought. */
  #take(from: number, found: readonly Stored[]): void {
    if (this.#isStopped) return
    const read: Recorded[] = []
    let before = this.#position
    for (;;) {
      const at = before.sequence + 1
      const bytes = found[at - from - 1]?.bytes ?? this.#ahead.get(at)
      if (bytes === undefined) break
      const next = this.#parts.read(this.#world.digest, before, { sequence: sequence(at), bytes })
      if ('trouble' in next) {
        if (!this.#inTrouble) this.#parts.reader.trouble(next)
        this.#inTrouble = true
        break
      }
      read.push(next)
      this.#ahead.delete(at)
      before = next.position
    }
    if (read.length === 0) return
    if (this.#inTrouble) this.#parts.reader.repaired()
    this.#inTrouble = false
    this.#position = before
    this.#parts.reached(before.sequence)
    this.#parts.reader.commits(read)
  }
}
