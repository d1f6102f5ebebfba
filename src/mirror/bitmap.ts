/** A set of small numbers, one bit each: blocks, regions. */
import assert from 'node:assert/strict'

const wordBits = 32

export class Bitmap {
  readonly length: number
  readonly words: Uint32Array
  #count = 0

  constructor(length: number) {
    this.length = length
    this.words = new Uint32Array(Math.ceil(length / wordBits))
  }

  get count(): number {
    return this.#count
  }

  readonly has = (index: number): boolean => ((this.words[index >>> 5]! >>> (index & 31)) & 1) === 1

  /** False when it was there already. */
  readonly add = (index: number): boolean => {
    assert(index >= 0 && index < this.length, 'an index of this bitmap')
    if (this.has(index)) return false
    this.words[index >>> 5]! |= 1 << (index & 31)
    this.#count += 1
    return true
  }

  readonly remove = (index: number): boolean => {
    assert(index >= 0 && index < this.length, 'an index of this bitmap')
    if (!this.has(index)) return false
    this.words[index >>> 5]! &= ~(1 << (index & 31))
    this.#count -= 1
    return true
  }

  readonly addAll = (): void => this.addRange(0, this.length)

  /** Word by word: a disk of many TiB is millions of them. */
  readonly addRange = (first: number, count: number): void => {
    const end = first + count
    assert(first >= 0 && count >= 0 && end <= this.length, 'a range of this bitmap')
    for (let at = first; at < end; ) {
      const word = at >>> 5
      const wordEnd = Math.min(end, (word + 1) * wordBits)
      const bits = wordEnd - at
      const mask = bits === wordBits ? 0xffffffff : (2 ** bits - 1) << (at & 31)
      this.setWord(word, (this.words[word]! | mask) >>> 0)
      at = wordEnd
    }
  }

  readonly clear = (): void => {
    this.words.fill(0)
    this.#count = 0
  }

  /** 32 of them at once: bit 0 is `32 * word`. */
  readonly setWord = (word: number, value: number): void => {
    this.#count += onesIn(value) - onesIn(this.words[word]!)
    this.words[word] = value
  }

  /** `other` is not longer than this one. */
  readonly addFrom = (other: Pick<Bitmap, 'length' | 'words'>): void => {
    assert(other.length <= this.length, 'a bitmap that fits into this one')
    for (const [word, value] of other.words.entries())
      if (value !== 0) this.setWord(word, (this.words[word]! | value) >>> 0)
  }

  /** The first one from `from` on; -1 when there is none. */
  readonly next = (from: number): number => {
    for (let at = from; at < this.length; ) {
      const word = this.words[at >>> 5]! >>> (at & 31)
      if (word === 0) {
        at = (at | 31) + 1
        continue
      }
      // The lowest bit of the word by its leading zeros when it stands alone.
      return at + (31 - Math.clz32(word & -word))
    }
    return -1
  }

  /** The first one from `from` on that is not there; `length` when all are. */
  readonly nextAbsent = (from: number): number => {
    for (let at = from; at < this.length; ) {
      const word = ~this.words[at >>> 5]! >>> (at & 31)
      if (word === 0) {
        at = (at | 31) + 1
        continue
      }
      return Math.min(this.length, at + (31 - Math.clz32(word & -word)))
    }
    return this.length
  };

  /** Neighbours as one, ascending. */
  *runs(): Generator<{ readonly first: number; readonly count: number }> {
    for (let first = this.next(0); first >= 0; ) {
      const end = this.nextAbsent(first)
      yield { first, count: end - first }
      first = this.next(end)
    }
  }

  *indexes(): Generator<number> {
    for (let index = this.next(0); index >= 0; index = this.next(index + 1)) yield index
  }
}

const onesIn = (word: number): number => {
  const pairs = word - ((word >>> 1) & 0x55555555)
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333)
  return (((fours + (fours >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24
}
