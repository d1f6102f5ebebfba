/** One of the two copies of a pair's log, each a stream of a log server that stands alone. */
import { z } from 'zod'
import {
  type AppendResult,
  type Commit,
  type CommitId,
  type LogReader,
  type LogStatus,
  type Position,
  type Sequence,
  type Subscription,
  sequence,
  type VoterName,
} from '../../events/index.ts'
import { ask } from '../../events/jetstream-api.ts'
import type { LogConnection } from '../../events/jetstream-connection.ts'
import { directGet, type RawCommit } from '../../events/jetstream-direct-get.ts'
import { jetstreamLog, store } from '../../events/jetstream-log.ts'
import { askStream, ensureStream, streamName } from '../../events/jetstream-stream.ts'
import type { World } from '../../world/world.ts'

/** A commit on its way to a copy: the bytes that stand, or are to stand, there. */
export type Message = { readonly commit: Commit; readonly bytes: string }

export type LogSide = {
  readonly voter: VoterName
  readonly isConnected: () => boolean
  /** Stores these bytes directly after `after` (and after the commit of that id), or not at all. Never throws. */
  readonly put: (after: Position, message: Message, afterId?: CommitId) => Promise<AppendResult>
  /** Sequence of its last commit; null = nobody answers. */
  readonly end: () => Promise<Sequence | null>
  readonly at: (sequence: Sequence) => Promise<RawCommit | 'missing' | 'unreachable'>
  /** Up to `count` commits from `first` on, as far as they are consecutive. */
  readonly read: (first: Sequence, count: number) => Promise<readonly RawCommit[]>
  readonly follow: (after: Position, reader: LogReader) => Subscription
  readonly status: () => LogStatus
  /** Throws away everything that this copy holds. */
  readonly startOver: () => Promise<void>
  readonly close: () => Promise<void>
}

const deleteMs = 5000
const createMs = 10_000

/** The copy could not be emptied: the log server does not do it. */
export class CopyNotEmptied extends Error {
  override readonly name = 'CopyNotEmptied'
}

/** The copy that `connection` leads to. */
export const logSide = (
  world: World,
  connection: LogConnection,
  { cluster, voter }: { readonly cluster: string; readonly voter: VoterName },
): LogSide => {
  const log = jetstreamLog(world, connection, { cluster })
  const get = directGet(world, connection, cluster)
  return {
    voter,
    isConnected: connection.isConnected,
    put: (after, message, afterId) => store(connection, { cluster, after, ...message, afterId, digest: world.digest }),
    end: async () => {
      const info = await askStream(connection, cluster)
      return 'failed' in info ? null : info.last
    },
    at: get.fromLeader,
    read: async (first, count) => {
      const { commits } = await get.page(first, count)
      return commits.filter(({ sequence: at }, index) => at === first + index)
    },
    follow: log.follow,
    status: log.status,
    startOver: async () => {
      const request = { schema: z.object({}), timeoutMs: deleteMs }
      const deleted = await ask(connection, `STREAM.DELETE.${streamName(cluster)}`, request)
      if ('failed' in deleted) throw new CopyNotEmptied(`the log of ${voter} could not be emptied: ${deleted.because}`)
      await ensureStream(world, connection, { cluster, replicas: 1, withinMs: createMs })
    },
    close: async () => {
      get.close()
      await log.close()
    },
  }
}

/** Stands for a copy that has not been reached yet. */
export const lateSide = (voter: VoterName): LogSide & { readonly arrived: (side: LogSide) => void } => {
  let real: LogSide | null = null
  const waiting = new Set<(side: LogSide) => void>()
  return {
    voter,
    arrived: (side) => {
      real = side
      for (const begin of waiting) begin(side)
      waiting.clear()
    },
    isConnected: () => real?.isConnected() ?? false,
    put: async (after, message, afterId) =>
      real
        ? real.put(after, message, afterId)
        : { result: 'unavailable', because: `the log server of ${voter} is out of reach` },
    end: async () => real?.end() ?? null,
    at: async (at) => real?.at(at) ?? 'unreachable',
    read: async (first, count) => real?.read(first, count) ?? [],
    follow: (after, reader) => {
      if (real) return real.follow(after, reader)
      let subscription: Subscription | null = null
      const begin = (side: LogSide) => {
        subscription = side.follow(after, reader)
      }
      waiting.add(begin)
      return {
        stop: () => {
          waiting.delete(begin)
          subscription?.stop()
        },
      }
    },
    status: () => real?.status() ?? { reachable: false, leader: null, last: sequence(0), replicas: [] },
    startOver: async () => {
      if (!real) throw new CopyNotEmptied(`the log server of ${voter} is out of reach`)
      await real.startOver()
    },
    close: async () => real?.close(),
  }
}
