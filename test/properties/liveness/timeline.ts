/** True time of a model run: a queue of what is to happen, and a seeded source of chance. */

/** Mulberry32: small, and the same everywhere. */
export const chanceOf = (seed: number): Chance => {
  let state = (seed * 2_654_435_761) >>> 0
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  return {
    fraction,
    between: (least, most) => least + fraction() * (most - least),
    happens: (probability) => fraction() < probability,
    oneOf: <T>(things: readonly T[]): T => things[Math.floor(fraction() * things.length)] as T,
  }
}

export type Chance = {
  readonly fraction: () => number
  readonly between: (least: number, most: number) => number
  readonly happens: (probability: number) => boolean
  readonly oneOf: <T>(things: readonly T[]) => T
}

type Entry = { readonly at: number; readonly order: number; readonly run: () => void }

/** A binary heap by time, then by order of insertion. */
export class Timeline {
  now = 0
  #order = 0
  readonly #heap: Entry[] = []

  after(delayMs: number, run: () => void): void {
    this.#order += 1
    this.#heap.push({ at: this.now + Math.max(0, delayMs), order: this.#order, run })
    this.#rise(this.#heap.length - 1)
  }

  /** Runs the next thing; false when nothing is left before `until`. */
  step(until: number): boolean {
    const first = this.#heap[0]
    const last = this.#heap.at(-1)
    if (!first || !last || first.at > until) return false
    this.#heap.pop()
    if (first !== last) {
      this.#heap[0] = last
      this.#sink(0)
    }
    this.now = first.at
    first.run()
    return true
  }

  #isBefore(a: number, b: number): boolean {
    const one = this.#heap[a]
    const other = this.#heap[b]
    if (!one || !other) return false
    return one.at < other.at || (one.at === other.at && one.order < other.order)
  }

  #swap(a: number, b: number): void {
    const one = this.#heap[a]
    const other = this.#heap[b]
    if (!one || !other) return
    this.#heap[a] = other
    this.#heap[b] = one
  }

  #rise(from: number): void {
    for (let at = from; at > 0; ) {
      const parent = (at - 1) >> 1
      if (!this.#isBefore(at, parent)) return
      this.#swap(at, parent)
      at = parent
    }
  }

  #sink(from: number): void {
    for (let at = from; ; ) {
      const [left, right] = [2 * at + 1, 2 * at + 2]
      let least = at
      if (this.#isBefore(left, least)) least = left
      if (this.#isBefore(right, least)) least = right
      if (least === at) return
      this.#swap(at, least)
      at = least
    }
  }
}
