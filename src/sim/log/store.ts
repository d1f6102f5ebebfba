/** What a log server has on its disk. Everything in it was synced, but for the entries beyond `durable`. */

/** An entry of the replicated log. Entries without bytes only mark the beginning of a leader's time. */
export type Entry = {
  readonly term: number
  readonly id: string | null
  readonly bytes: string | null
  /** How many commits the stream holds with this one. */
  readonly sequence: number
}

export type Stored = { readonly id: string; readonly bytes: string }

export class LogStore {
  term = 0
  votedFor: string | null = null
  entries: Entry[] = []
  /** Entries that an fsync has put on disk. */
  durable = 0
  /** Entries that are in the stream. */
  applied = 0
  /** The commits in order: what readers get. */
  readonly stream: Stored[] = []

  get last(): number {
    return this.entries.length
  }
  /** Of the stream with everything that was proposed. */
  get lastSequence(): number {
    return this.entries.at(-1)?.sequence ?? 0
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
}
