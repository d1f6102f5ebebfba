/** Blocks of whole lines from an exported log's file, every line's bytes checked against its hash. */
import { hash as digestOf } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { changedSince, DamagedExport, longestLine, parseHeader } from '../events/exported-line.ts'

const newline = 10
const space = 32

/** `length` bytes of whole lines, newlines included. */
export type Block = { readonly buffer: Buffer<ArrayBuffer>; readonly length: number }

/** Owns the open file. Reads synchronously: large files are read in a worker (log-worker.ts). */
export class VerifiedBlocks {
  readonly cluster: string
  readonly #file: number
  #carried: Buffer
  #line = 1
  /** Damage found behind good lines, which are delivered first. */
  #damage: DamagedExport | null = null

  /** @throws DamagedExport when the first line is no header, or what the file system says. */
  constructor(path: string) {
    this.#file = openSync(path, 'r')
    try {
      const first = Buffer.alloc(4096)
      const length = readSync(this.#file, first)
      const end = first.subarray(0, length).indexOf(newline)
      this.cluster = parseHeader(first.toString('utf8', 0, end < 0 ? length : end))
      if (end < 0) throw new DamagedExport(1, 'cut off: nothing follows the header')
      this.#carried = first.subarray(end + 1, length)
    } catch (error) {
      closeSync(this.#file)
      throw error
    }
  }

  close(): void {
    closeSync(this.#file)
  }

  /** The next block, in `buffer` or a larger one; null at the end. @throws DamagedExport */
  next(buffer: Buffer<ArrayBuffer>): Block | null {
    if (this.#damage) throw this.#damage
    const { buffer: filled, length, end } = this.#fill(buffer)
    this.#carried = Buffer.from(filled.subarray(end, length))
    if (end === 0) return null
    const good = this.#verify(filled, end)
    if (good === 0 && this.#damage) throw this.#damage
    return { buffer: filled, length: good }
  }

  /** Reads until the buffer is full or the file ends. `end`: behind its last whole line. */
  #fill(given: Buffer<ArrayBuffer>): { buffer: Buffer<ArrayBuffer>; length: number; end: number } {
    let buffer = given
    let length = this.#carried.copy(buffer)
    for (;;) {
      const read = readSync(this.#file, buffer, length, buffer.length - length, null)
      length += read
      const end = buffer.subarray(0, length).lastIndexOf(newline) + 1
      if (read === 0 && end < length)
        this.#damage = new DamagedExport(this.#line + 1 + linesIn(buffer, end), 'cut off in the middle of a commit')
      if (read === 0 && end === 0 && this.#damage) throw this.#damage
      if (read === 0 || (length === buffer.length && end > 0)) return { buffer, length, end }
      if (length < buffer.length) continue
      if (buffer.length >= longestLine) throw new DamagedExport(this.#line + 1, `longer than ${longestLine} bytes`)
      const larger = Buffer.alloc(buffer.length * 2)
      buffer.copy(larger)
      buffer = larger
    }
  }

  /** Answers how many bytes are of good lines; what comes behind them is the damage. */
  #verify(buffer: Buffer, end: number): number {
    for (let from = 0; from < end; ) {
      const to = buffer.indexOf(newline, from)
      this.#line += 1
      const afterSequence = buffer.indexOf(space, from)
      const afterHash = buffer.indexOf(space, afterSequence + 1)
      // A line of another form is left to the reader, who says what is wrong with it.
      if (afterSequence > from && afterHash > afterSequence && afterHash < to) {
        const stated = buffer.toString('latin1', afterSequence + 1, afterHash)
        const sequence = Number(buffer.toString('latin1', from, afterSequence))
        const isOurs = digestOf('sha256', buffer.subarray(afterHash + 1, to), 'base64url') === stated
        if (!isOurs && sequence > 0) {
          this.#damage = new DamagedExport(this.#line, changedSince(sequence))
          return from
        }
      }
      from = to + 1
    }
    return end
  }
}

const linesIn = (buffer: Buffer, end: number): number => {
  let lines = 0
  for (let at = buffer.indexOf(newline); at >= 0 && at < end; at = buffer.indexOf(newline, at + 1)) lines += 1
  return lines
}
