/** What a log server has on its disk. Everything in it was synced, but for the entries beyond `durable`. */
import type { Chance } from '../random.ts'

/** An entry of the replicated log. Entries without bytes only mark the beginning of a leader's time. */
export type Entry = {
  readonly term: number
  readonly id: string | null
  readonly bytes: string | null
  /** How many commits the stream holds with this one. */
  readonly sequence: number
}

export type Stored = { readonly id: string; readonly bytes: string }

/** How long a power failure may bring back what was deleted: a directory is not synced. */
const deletionMs = 5000

export class LogStore {
  term = 0
  votedFor: string | null = null
  entries: Entry[] = []
  /** Entries that an fsync has put on disk. */
  durable = 0
  /** Entries that are in the stream. */
  applied = 0
  /** The commits in order: what readers get. */
  stream: Stored[] = []
  #deleted: { readonly at: number; readonly entries: Entry[]; readonly stream: Stored[] } | null = null

  get last(): number {
    return this.entries.length
  }
  /** Of the stream with everything that was proposed. */
  get lastSequence(): number {
    return this.entries.at(-1)?.sequence ?? 0
  }
  get lastId(): string | null {
    return this.entries.findLast(({ bytes }) => bytes !== null)?.id ?? null
  }
  termAt(index: number): number {
    return index === 0 ? 0 : (this.entries[index - 1]?.term ?? -1)
  }
  isPrefixOf(committed: readonly Stored[]): boolean {
    return this.stream.every(({ bytes }, at) => committed[at]?.bytes === bytes)
  }

  /** The power went, or the process was killed before its fsync was done. */
  crashed(kept: number): void {
    const left = Math.max(this.durable, this.applied, Math.min(this.entries.length, kept))
    this.entries.length = left
    this.durable = left
  }

  /** Everything is thrown away; a term of its own, so that nothing of before is taken for what comes. */
  empty(now: number): void {
    this.#deleted = { at: now, entries: this.entries, stream: this.stream }
    this.entries = []
    this.stream = []
    this.durable = 0
    this.applied = 0
    this.term += 1
  }

  powerLost(now: number, chance: Chance): void {
    const deleted = this.#deleted
    this.#deleted = null
    // What was synced since brought the deletion to the disk as well.
    if (deleted === null || now - deleted.at > deletionMs || this.durable > 1 || !chance.happens(0.5)) return
    this.entries = deleted.entries
    this.stream = deleted.stream
    this.applied = this.entries.findLastIndex(({ sequence }) => sequence <= this.stream.length) + 1
    this.durable = this.entries.length
  }
}
