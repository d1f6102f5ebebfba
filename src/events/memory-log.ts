/** An event log in memory: for one process, its tests and the simulation. Chained and checked like the real one. */
import { type Commit, decodeCommit, encodeCommit, type Position, type Recorded, start } from './commit.ts'
import type { AppendResult, EventLog, LogReader } from './event-log.ts'
import { type Hash, type Sequence, sequence } from './ids.ts'

export type Digest = (bytes: string) => Hash

/** @param digest SHA-256, base64url: the world's. */
export const memoryLog = (digest: Digest, initial: readonly Recorded[] = []): EventLog => {
  const records: Recorded[] = [...initial]
  const readers = new Set<{ next: Sequence; reader: LogReader }>()
  const tail = (): Position => records.at(-1)?.position ?? start

  const deliver = () => {
    for (const r of readers) {
      const news = records.slice(r.next - 1)
      r.next = sequence(records.length + 1)
      if (news.length > 0) r.reader.commits(news)
    }
  }
  return {
    append: async (after: Position, commit: Commit): Promise<AppendResult> => {
      const last = tail()
      if (after.sequence !== last.sequence) return { result: 'conflict' }
      const bytes = encodeCommit(commit, last.hash)
      const position = { sequence: sequence(last.sequence + 1), hash: digest(bytes) }
      records.push({ position, bytes, ...decodeCommit(bytes) })
      queueMicrotask(deliver)
      return { result: 'appended', position }
    },
    follow: (after, reader) => {
      const entry = { next: sequence(after.sequence + 1), reader }
      readers.add(entry)
      queueMicrotask(deliver)
      return { stop: () => readers.delete(entry) }
    },
    status: () => ({ reachable: true, leader: null, last: tail().sequence, replicas: [] }),
    moveLeader: async () => {},
    close: async () => readers.clear(),
  }
}
