/** A log server's copy of a log in memory, as one of the two agents reaches it: it can be cut off, killed, and lose replies. */
import type { LogSide } from '../../../src/agents/pair/log-side.ts'
import { readNext } from '../../../src/events/chain.ts'
import {
  type AppendResult,
  decodeCommit,
  type LogReader,
  type Position,
  type Sequence,
  sequence,
  type VoterName,
} from '../../../src/events/index.ts'
import { realWorld } from '../../../src/world/real.ts'

const { digest } = realWorld()

/** What a log server stores: bytes, by sequence. It outlives whoever writes. */
export class MemoryCopy {
  readonly voter: VoterName
  readonly bytes: string[] = []
  isUp = true
  readonly #listeners = new Set<() => void>()

  constructor(voter: VoterName) {
    this.voter = voter
  }

  get end(): Sequence {
    return sequence(this.bytes.length)
  }

  store(after: Position, bytes: string, afterId?: string): AppendResult {
    if (after.sequence !== this.bytes.length) return { result: 'conflict' }
    const last = this.bytes.at(-1)
    if (afterId !== undefined && (last === undefined || decodeCommit(last).commit.id !== afterId))
      return { result: 'conflict' }
    this.bytes.push(bytes)
    this.tell()
    return { result: 'appended', position: { sequence: this.end, hash: digest(bytes) } }
  }

  empty(): void {
    this.bytes.length = 0
  }

  tell(): void {
    for (const listener of this.#listeners) queueMicrotask(listener)
  }

  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    queueMicrotask(listener)
    return () => this.#listeners.delete(listener)
  }
}

/** Faults of the way from one agent to one copy. `fate` decides for each request, when it is made. */
export type Way = { readonly isOpen: () => boolean; readonly fate: () => 'goes' | 'request lost' | 'reply lost' }

export const openWay: Way = { isOpen: () => true, fate: () => 'goes' }

/** The copy as an agent reaches it. */
export const memorySide = (copy: MemoryCopy, way: Way = openWay): LogSide => {
  const isConnected = () => copy.isUp && way.isOpen()
  return {
    voter: copy.voter,
    isConnected,
    put: async (after, { bytes }, afterId) => {
      if (!isConnected()) return { result: 'unavailable', because: 'out of reach' }
      const fate = way.fate()
      await turn()
      if (fate === 'request lost' || !isConnected()) return { result: 'unknown', because: 'lost' }
      const stored = copy.store(after, bytes, afterId)
      await turn()
      return fate === 'reply lost' || !isConnected() ? { result: 'unknown', because: 'lost' } : stored
    },
    end: async () => {
      await turn()
      return isConnected() ? copy.end : null
    },
    at: async (at) => {
      await turn()
      if (!isConnected()) return 'unreachable'
      const bytes = copy.bytes[at - 1]
      return bytes === undefined ? 'missing' : { sequence: at, bytes }
    },
    read: async (first, count) => {
      await turn()
      const page = isConnected() ? copy.bytes.slice(first - 1, first - 1 + count) : []
      return page.map((bytes, index) => ({ sequence: sequence(first + index), bytes }))
    },
    follow: (after, reader) => followCopy(copy, isConnected, after, reader),
    status: () => ({ reachable: isConnected(), leader: null, last: copy.end, replicas: [] }),
    startOver: async () => {
      await turn()
      if (!isConnected()) throw new Error('out of reach')
      copy.empty()
    },
    close: async () => {},
  }
}

const followCopy = (copy: MemoryCopy, isConnected: () => boolean, after: Position, reader: LogReader) => {
  let reached = after
  let isStopped = false
  const look = () => {
    for (;;) {
      const bytes = copy.bytes[reached.sequence]
      if (isStopped || bytes === undefined || !isConnected()) return
      const read = readNext(digest, reached, { sequence: sequence(reached.sequence + 1), bytes })
      if ('trouble' in read) return reader.trouble(read)
      reached = read.position
      reader.commits([read])
    }
  }
  const forget = copy.listen(look)
  return {
    stop: () => {
      isStopped = true
      forget()
    },
  }
}

const turn = (): Promise<void> => new Promise((resolve) => queueMicrotask(resolve))
