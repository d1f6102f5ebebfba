/** A bitmap that is kept on the cluster partition, page by page, each in two copies that are written in turn. */
import { Bitmap } from '../bitmap.ts'
import type { Disk } from '../disk.ts'
import { contentBytes, type PageKind, pageBytes, readPage, writePage } from './page.ts'

export const marksPerPage = contentBytes * 8
export const pagesFor = (marks: number): number => Math.ceil(marks / marksPerPage)

export type MarkPlace = {
  readonly disk: Disk
  readonly kind: PageKind
  readonly format: bigint
  /** Of the first page, in each of the two copies. */
  readonly at: readonly [number, number]
}

/**
 * Invariant: a mark that is on disk stays there until `store` has written a page without it. A torn write leaves the
 * older copy of the page: a mark too many or the very one that was being made, never fewer than were there before.
 */
export class MarkMap {
  readonly #marks: Bitmap
  readonly #stored: Bitmap
  readonly #place: MarkPlace
  readonly #versions: bigint[]
  readonly #changedPages = new Set<number>()
  readonly #page = Buffer.alloc(pageBytes)
  /** Pages of which no copy was whole: everything in them counts as marked. */
  damagedPages = 0

  private constructor(place: MarkPlace, length: number) {
    this.#place = place
    this.#marks = new Bitmap(length)
    this.#stored = new Bitmap(length)
    this.#versions = Array.from({ length: pagesFor(length) }, () => 0n)
  }

  /** Both copies without a mark. Not durable before the disk is flushed. */
  static format(place: MarkPlace, length: number): MarkMap {
    const map = new MarkMap(place, length)
    map.#writeAll()
    return map
  }

  /** The same marks at another place, with room for more. Not durable before the disk is flushed. @throws DiskTrouble */
  readonly moved = (place: MarkPlace, length: number): MarkMap => {
    const map = new MarkMap(place, length)
    map.damagedPages = this.damagedPages
    for (const [word, value] of this.#marks.words.entries()) {
      map.#marks.setWord(word, value)
      map.#stored.setWord(word, value)
    }
    map.#writeAll()
    return map
  }

  static open(place: MarkPlace, length: number): MarkMap {
    const map = new MarkMap(place, length)
    for (let index = 0; index < map.#versions.length; index++) map.#readPage(index)
    return map
  }

  /** As they should be; on disk once `store` has returned. */
  get marks(): Pick<Bitmap, 'has' | 'count' | 'next' | 'indexes' | 'runs' | 'length' | 'words'> {
    return this.#marks
  }

  readonly isStored = (index: number): boolean => this.#stored.has(index)

  readonly add = (index: number): void => {
    if (this.#marks.add(index)) this.#changedPages.add(pageOf(index))
  }

  readonly addAll = (): void => this.addRange(0, this.#marks.length)

  readonly addRange = (first: number, count: number): void => {
    if (count === 0) return
    const before = this.#marks.count
    this.#marks.addRange(first, count)
    if (this.#marks.count === before) return
    for (let page = pageOf(first); page <= pageOf(first + count - 1); page++) this.#changedPages.add(page)
  }

  /** Not one is left. */
  readonly clear = (): void => {
    for (let index = this.#marks.next(0); index >= 0; index = this.#marks.next((pageOf(index) + 1) * marksPerPage))
      this.#changedPages.add(pageOf(index))
    this.#marks.clear()
  }

  readonly remove = (index: number): void => {
    if (this.#marks.remove(index)) this.#changedPages.add(pageOf(index))
  }

  /** Marks these, durably; costs nothing when they are on disk. @throws DiskTrouble */
  readonly mark = (indexes: Iterable<number>): void => {
    let isMissing = false
    for (const index of indexes) {
      this.add(index)
      if (!this.#stored.has(index)) isMissing = true
    }
    if (isMissing) this.store()
  }

  /** Writes every page that has changed, and flushes. Afterwards the disk is as it should be. @throws DiskTrouble */
  readonly store = (): void => {
    if (this.#changedPages.size === 0) return
    for (const page of this.#changedPages) this.#writePage(page)
    // Two versions of a page must never be on their way at once: a power cut could tear both copies.
    this.#place.disk.flush()
    for (const page of this.#changedPages) {
      this.#versions[page]! += 1n
      const { from, to } = wordsOf(page, this.#marks)
      for (let word = from; word < to; word++) this.#stored.setWord(word, this.#marks.words[word]!)
    }
    this.#changedPages.clear()
  }

  /** The version after the one that is durable: one whose flush failed is written over by the next, never the one before it. */
  readonly #writePage = (index: number): void => {
    const { disk, kind, format } = this.#place
    const { from, to } = wordsOf(index, this.#marks)
    const content = new Uint8Array(contentBytes)
    const view = new DataView(content.buffer)
    for (let word = from; word < to; word++) view.setUint32((word - from) * 4, this.#marks.words[word]!, true)
    const version = this.#versions[index]! + 1n
    writePage(this.#page, { kind, index, format }, version, content)
    disk.write(this.#offset(index, version), this.#page)
  }

  /** Both copies of every page, the same. Not durable before the disk is flushed; nothing was there that could be lost. */
  readonly #writeAll = (): void => {
    for (let index = 0; index < this.#versions.length; index++)
      for (let copy = 0; copy < 2; copy++) {
        this.#writePage(index)
        this.#versions[index]! += 1n
      }
  }

  readonly #readPage = (index: number): void => {
    const { disk, kind, format } = this.#place
    let best: { readonly version: bigint; readonly content: Buffer } | null = null
    for (const copy of this.#place.at) {
      const page = Buffer.alloc(pageBytes)
      disk.read(copy + index * pageBytes, page)
      const read = readPage(page, { kind, index, format })
      if (read && (best === null || read.version > best.version)) best = read
    }
    if (best === null) this.damagedPages += 1
    const { from, to } = wordsOf(index, this.#marks)
    for (let word = from; word < to; word++) {
      const value = best === null ? 0xffffffff : best.content.readUInt32LE((word - from) * 4)
      this.#marks.setWord(word, value & wordMask(word, this.#marks.length))
      if (best !== null) this.#stored.setWord(word, this.#marks.words[word]!)
    }
    // What is not on disk as it should be is written by the next `store`.
    if (best === null) this.#changedPages.add(index)
    this.#versions[index] = best?.version ?? 0n
  }

  /** Odd versions lie in one copy, even ones in the other: the newest is never written over. */
  readonly #offset = (index: number, version: bigint): number =>
    this.#place.at[version % 2n === 0n ? 0 : 1] + index * pageBytes
}

const pageOf = (index: number): number => Math.floor(index / marksPerPage)
/** The last word may have bits that stand for nothing. */
const wordMask = (word: number, length: number): number => {
  const bits = Math.min(32, length - word * 32)
  return bits === 32 ? 0xffffffff : 2 ** bits - 1
}
const wordsPerPage = contentBytes / 4
const wordsOf = (page: number, { words }: Bitmap): { readonly from: number; readonly to: number } => ({
  from: page * wordsPerPage,
  to: Math.min((page + 1) * wordsPerPage, words.length),
})
