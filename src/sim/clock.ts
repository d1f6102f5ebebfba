/** Virtual time: what is to happen, in order. True time, in ms since the simulation began; hosts have clocks of their own. */
import { inTurns } from '../world/turns.ts'
import type { Cancel } from '../world/world.ts'

type Timer = { readonly at: number; readonly order: number; run: (() => void) | null }

export class Scheduler {
  #now = 0
  #order = 0
  #steps = 0
  readonly #heap: Timer[] = []

  get now(): number {
    return this.#now
  }
  /** How many things have happened so far. */
  get steps(): number {
    return this.#steps
  }

  /** Runs at `time`, or now when that has passed; of several at the same time the one that was asked for first. */
  readonly at = (time: number, run: () => void): Cancel => {
    this.#order += 1
    const timer: Timer = { at: Math.max(time, this.#now), order: this.#order, run }
    push(this.#heap, timer)
    return () => {
      timer.run = null
    }
  }

  readonly after = (delayMs: number, run: () => void): Cancel => this.at(this.#now + delayMs, run)

  /** Lets time go by until `end`. `stepped` is called after each step with all that follows from it; it may throw. */
  async run(end: number, stepped: () => void): Promise<void> {
    await inTurns(() => {
      stepped()
      const next = this.#next(end)
      if (next === null) return false
      this.#now = next.at
      this.#steps += 1
      const { run } = next
      next.run = null
      run?.()
      return true
    })
    stepped()
    this.#now = Math.max(this.#now, end)
  }

  #next(end: number): Timer | null {
    for (;;) {
      const first = this.#heap[0]
      if (first === undefined || (first.run !== null && first.at > end)) return null
      pop(this.#heap)
      if (first.run !== null) return first
    }
  }
}

const isBefore = (a: Timer, b: Timer): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)

const push = (heap: Timer[], timer: Timer): void => {
  let place = heap.length
  heap.push(timer)
  while (place > 0) {
    const parent = (place - 1) >> 1
    const above = heap[parent]
    if (above === undefined || isBefore(above, timer)) break
    heap[place] = above
    place = parent
  }
  heap[place] = timer
}

/** Removes the first. */
const pop = (heap: Timer[]): void => {
  const last = heap.pop()
  if (last === undefined || heap.length === 0) return
  let place = 0
  for (;;) {
    const left = 2 * place + 1
    let least = last
    let to = place
    for (const child of [left, left + 1]) {
      const candidate = heap[child]
      if (candidate !== undefined && isBefore(candidate, least)) {
        least = candidate
        to = child
      }
    }
    if (to === place) break
    heap[place] = least
    place = to
  }
  heap[place] = last
}
