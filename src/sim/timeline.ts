/** What happened in a simulation, for people; and a digest of it, by which two runs are compared. */
import { digested } from './random.ts'
import type { Moment } from './scene.ts'

/** Older ones are forgotten. */
const keptMoments = 20_000

export class Timeline {
  readonly moments: Moment[] = []
  readonly #now: () => number
  #digest = 1

  constructor(now: () => number) {
    this.#now = now
  }

  /** Of every commit, every run, every fault: not of what is said in diaries. */
  get digest(): number {
    return this.#digest
  }

  readonly note = (kind: Moment['kind'], text: string): void => {
    const at = this.#now()
    this.moments.push({ at, kind, text })
    if (kind !== 'said') this.#digest = digested(digested(this.#digest, text), at)
    if (this.moments.length > 2 * keptMoments) this.moments.splice(0, keptMoments)
  }
}
