/**
 * A log as text, for files and for the control socket: a header, then a line a commit, as it stands on the log.
 *
 * | line | content |
 * |---|---|
 * | 1 | `baton-log 1 <cluster>` |
 * | others | `<sequence> <hash> <bytes>` |
 */
import { decodeCommit, type Position, type Recorded, UnreadableCommit } from './commit.ts'
import { changedSince, DamagedExport, parsePrefix } from './exported-line.ts'
import type { Digest } from './memory-log.ts'

export { DamagedExport, formatHeader, formatRecorded, incompleteMark, parseHeader } from './exported-line.ts'

/** Reads one line for itself. @throws DamagedExport, naming `number` as its line. */
export const parseExported = (line: string, number: number): Recorded => {
  const prefix = parsePrefix(line)
  if (prefix === null) throw new DamagedExport(number, `not "<sequence> <hash> <commit>" but "${line.slice(0, 60)}"`)
  const bytes = line.slice(prefix.bytesAt)
  try {
    return { position: prefix.position, bytes, ...decodeCommit(bytes) }
  } catch (cause) {
    if (!(cause instanceof UnreadableCommit)) throw cause
    throw new DamagedExport(number, `sequence ${prefix.position.sequence} is unreadable: ${cause.message}`, { cause })
  }
}

export type ExportReader = {
  /** The next line; null for one at or before `after`, which is checked for its place but not decoded. @throws DamagedExport */
  readonly next: (line: string) => Recorded | null
  /** Where it is: null before the first commit. */
  readonly position: () => Position | null
}

/**
 * Reads the lines after the header in order: none missing, each chained to the one before and, with `digest`, its bytes
 * those that its hash is of. The first line may be of any sequence: an export may begin late.
 */
export const exportReader = (options: { readonly after: number; readonly digest: Digest | null }): ExportReader => {
  let last: Position | null = null
  let number = 1

  const checkPlace = ({ sequence: found }: Position) => {
    if (last === null || found === last.sequence + 1) return
    const expected = last.sequence + 1
    const missing = found - last.sequence === 2 ? `${expected} is` : `${expected} to ${found - 1} are`
    throw new DamagedExport(
      number,
      found > expected
        ? `a hole: sequence ${found} follows ${last.sequence}, ${missing} missing`
        : `sequence ${found} follows ${last.sequence}, where ${expected} belongs`,
    )
  }
  const checkHash = ({ sequence: at, hash }: Position, bytes: string) => {
    if (options.digest === null || options.digest(bytes) === hash) return
    throw new DamagedExport(number, changedSince(at))
  }
  const checkChain = ({ previous, position }: Recorded) => {
    const expected = last === null && position.sequence === 1 ? '' : last?.hash
    if (expected === undefined || previous === expected) return
    throw new DamagedExport(
      number,
      `broken chain: sequence ${position.sequence} does not follow the ${position.sequence - 1} that stands before it`,
    )
  }
  return {
    next: (line) => {
      number += 1
      const prefix = parsePrefix(line)
      if (prefix !== null) {
        checkPlace(prefix.position)
        checkHash(prefix.position, line.slice(prefix.bytesAt))
        if (prefix.position.sequence <= options.after) {
          last = prefix.position
          return null
        }
      }
      const recorded = parseExported(line, number)
      checkChain(recorded)
      last = recorded.position
      return recorded
    },
    position: () => last,
  }
}
