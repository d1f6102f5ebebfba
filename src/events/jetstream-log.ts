/** The event log on NATS JetStream. What its answers mean was measured: docs/log-server.md. */
import { headers } from 'nats'
import { z } from 'zod'
import { type Commit, encodeCommit, type Position, type Recorded } from './commit.ts'
import type { AppendResult, EventLog, LogStatus } from './event-log.ts'
import { type CommitId, type Sequence, sequence, type VoterName } from './ids.ts'
import { ask, code, type Failure, failureOf, parseReply } from './jetstream-api.ts'
import type { LogConnection, LogWorld } from './jetstream-connection.ts'
import { type Following, followStream } from './jetstream-log-reader.ts'
import { askStream, largestCommitBytes, streamName, subjectOf } from './jetstream-stream.ts'

/** An append that is not answered within this time is `unknown`. */
const appendMs = 1000
/** The log's leader is asked this often how the log is. */
const statusMs = 1000
/** An answer older than this says nothing about now. */
const statusHoldsMs = 3500

const acknowledgement = z.object({ seq: z.number(), duplicate: z.boolean().optional() })

/**
 * The log of `cluster`, which `ensureStream` has made, over a connection that stays its caller's.
 *
 * A `conflict` that follows an `unknown` of the same commit may be that very commit: a leader cut off from its quorum
 * answers so about its own uncommitted message. The answer is what stands at `after + 1` once that has been read.
 */
export const jetstreamLog = (
  world: LogWorld,
  connection: LogConnection,
  { cluster }: { readonly cluster: string },
): EventLog => {
  const followers = new Set<Following>()
  const status = watchStatus(world, connection, {
    cluster,
    ends: (last) => {
      for (const following of followers) following.ends(last)
    },
  })
  return {
    append: async (after, commit) => {
      const result = await appendTo(connection, { cluster, after, commit, digest: world.digest })
      if (result.result === 'appended') status.heard(result.position.sequence)
      return result
    },
    follow: (after, reader) => {
      const commits = (recorded: readonly Recorded[]) => {
        for (const { position } of recorded.slice(-1)) status.heard(position.sequence)
        reader.commits(recorded)
      }
      const following = followStream(world, connection, { cluster, after, reader: { ...reader, commits } })
      followers.add(following)
      return {
        stop: () => {
          followers.delete(following)
          following.stop()
        },
      }
    },
    status: status.now,
    moveLeader: async (voter: VoterName) => {
      const body = { placement: { preferred: voter } }
      await ask(connection, `STREAM.LEADER.STEPDOWN.${streamName(cluster)}`, { schema: z.object({}), body })
    },
    close: async () => {
      status.close()
      for (const following of followers) following.stop()
      followers.clear()
    },
  }
}

type StatusWatch = {
  readonly now: () => LogStatus
  /** A commit is known to exist. */
  readonly heard: (at: Sequence) => void
  readonly close: () => void
}

const watchStatus = (
  world: LogWorld,
  connection: LogConnection,
  { cluster, ends }: { readonly cluster: string; readonly ends: (last: Sequence) => void },
): StatusWatch => {
  let last = sequence(0)
  let known: Pick<LogStatus, 'leader' | 'replicas'> = { leader: null, replicas: [] }
  let answeredAt: number | null = null
  let closed = false
  const heard = (at: Sequence) => {
    last = sequence(Math.max(last, at))
  }
  const look = async (): Promise<void> => {
    const info = await askStream(connection, cluster)
    if (closed) return
    if (!('failed' in info)) {
      known = { leader: info.leader, replicas: info.replicas }
      if (info.hasQuorum) answeredAt = world.clock.now()
      heard(info.last)
      ends(info.last)
    }
    world.clock.after(statusMs, () => void look())
  }
  void look()
  return {
    heard,
    now: () => {
      const isFresh = answeredAt !== null && world.clock.now() - answeredAt < statusHoldsMs
      const reachable = isFresh && connection.isConnected()
      return { ...known, reachable, leader: reachable ? known.leader : null, last }
    },
    close: () => {
      closed = true
    },
  }
}

type Append = {
  readonly cluster: string
  readonly after: Position
  readonly commit: Commit
  readonly digest: LogWorld['digest']
}

const appendTo = (connection: LogConnection, { cluster, after, commit, digest }: Append): Promise<AppendResult> =>
  store(connection, { cluster, after, commit, bytes: encodeCommit(commit, after.hash), digest })

/** `afterId`: what stands before it has this id, too: among many that are on their way at once, one may have failed. */
type Exactly = { readonly bytes: string; readonly afterId?: CommitId | undefined }

/** Puts a commit directly after `after`, or not at all, as exactly these bytes: a copy is the same in every one. */
export const store = async (
  connection: LogConnection,
  { cluster, after, commit, bytes: text, digest, afterId }: Append & Exactly,
): Promise<AppendResult> => {
  const bytes = new TextEncoder().encode(text)
  if (bytes.length > largestCommitBytes)
    return { result: 'unavailable', because: `a commit of ${bytes.length} bytes: ${largestCommitBytes} at most` }
  // What is sent now would be stored later, long after this answer.
  if (!connection.isConnected()) return { result: 'unavailable', because: 'not connected to a log server' }

  const conditions = headers()
  conditions.set('Nats-Msg-Id', commit.id)
  conditions.set('Nats-Expected-Last-Sequence', String(after.sequence))
  if (afterId !== undefined) conditions.set('Nats-Expected-Last-Msg-Id', afterId)
  try {
    const options = { timeout: appendMs, headers: conditions }
    const reply = await connection.nats.request(subjectOf(cluster, commit), bytes, options)
    const acknowledged = parseReply(acknowledgement, reply.string())
    if ('failed' in acknowledged) return refused(acknowledged)
    // A duplicate elsewhere: this commit was stored by an earlier append, after another position.
    if (acknowledged.seq !== after.sequence + 1) return { result: 'conflict' }
    return { result: 'appended', position: { sequence: sequence(acknowledged.seq), hash: digest(text) } }
  } catch (error) {
    return refused(failureOf(error))
  }
}

/** Only what certainly stored nothing is `unavailable`. A store that failed, say for want of space, is `unknown`. */
const refused = ({ failed, because }: Failure): AppendResult => {
  switch (failed) {
    case code.wrongLastMessageId:
    case code.wrongLastSequence:
    case code.wrongLastSequenceConstant:
      return { result: 'conflict' }
    case 'refused':
    case code.insufficientResources:
    case code.memoryExceeded:
    case code.storageExceeded:
    case code.notEnabled:
    case code.notEnabledForAccount:
    case code.messageTooLarge:
    case code.streamMismatch:
      return { result: 'unavailable', because }
    default:
      return { result: 'unknown', because }
  }
}
