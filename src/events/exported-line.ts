/** The outside of an exported log's lines (exported-log.ts), for whoever need not decode the commits in them. */
import type { Position, Recorded } from './commit.ts'
import type { Hash, Sequence } from './ids.ts'

/** Longer than any commit: the log server takes 1 MiB a message. */
export const longestLine = 8 * 1024 * 1024

/** Begins the last line of what an agent sends of its log where that is not all; no line of an exported log begins so. */
export const incompleteMark = '! '

/** The text is not an exported log, or not any more: cut, changed, or with something missing. */
export class DamagedExport extends Error {
  override readonly name = 'DamagedExport'
  readonly line: number
  readonly what: string
  constructor(line: number, what: string, options?: ErrorOptions) {
    super(`line ${line}: ${what}`, options)
    this.line = line
    this.what = what
  }
}

const format = 'baton-log 1 '

export const formatHeader = (cluster: string): string => `${format}${cluster}`
export const formatRecorded = ({ position, bytes }: Recorded): string =>
  `${position.sequence} ${position.hash} ${bytes}`

/** Answers the cluster's name. @throws DamagedExport */
export const parseHeader = (line: string): string => {
  if (line.startsWith(format)) return line.slice(format.length)
  throw new DamagedExport(
    1,
    /^baton-log \d/.test(line)
      ? `a newer form of exported log ("${line.slice(0, 40)}"); this version of baton reads form 1`
      : 'not an exported log: it begins with "baton-log 1 <cluster>" (made by `baton log export`)',
  )
}

/** What stands before the bytes, and where they begin. */
export type LinePrefix = { readonly position: Position; readonly bytesAt: number }

/** Null when the line is not of the form. */
export const parsePrefix = (line: string): LinePrefix | null => {
  const afterSequence = line.indexOf(' ')
  const afterHash = line.indexOf(' ', afterSequence + 1)
  const number = Number(line.slice(0, afterSequence))
  if (afterSequence < 1 || afterHash < 0 || !Number.isSafeInteger(number) || number < 1) return null
  const hash = line.slice(afterSequence + 1, afterHash) as Hash
  return { position: { sequence: number as Sequence, hash }, bytesAt: afterHash + 1 }
}

/** What is wrong with a line whose bytes are not those that its hash is of. */
export const changedSince = (at: number): string => `sequence ${at} was changed since: its bytes do not match its hash`
