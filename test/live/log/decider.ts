import { headers } from 'nats'
import { type Commit, encodeCommit, type Position, start } from '../../../src/events/commit.ts'
import type { AppendResult, EventLog } from '../../../src/events/event-log.ts'
import { sequence } from '../../../src/events/ids.ts'
import type { LogConnection } from '../../../src/events/jetstream-connection.ts'
import { subjectOf } from '../../../src/events/jetstream-stream.ts'
import { newCommit, type Recording, record } from '../../specs/events/event-log-contract.ts'
import { now, until } from '../lab/until.ts'
import { cluster, world } from './log-lab.ts'

/** Elections take 4–9 s, and a client may need some seconds more to find another log server. */
export const electionMs = 20_000

export type Decided = {
  readonly position: Position
  /** The answers on the way, repeated ones once. */
  readonly answers: readonly AppendResult['result'][]
  readonly tookMs: number
}

/** Brings one commit onto the log as a decider does: after what is known, again with the same commit while unsure. */
export const decide = async (log: EventLog, after: Position, commit: Commit = newCommit()): Promise<Decided> => {
  const from = now()
  const answers: AppendResult['result'][] = []
  const recording = record(log, after)
  const position = await until(
    async () => {
      const mine = recording.commits.find(({ commit: { id } }) => id === commit.id)
      if (mine) return mine.position
      const answer = await log.append(recording.commits.at(-1)?.position ?? after, commit)
      if (answers.at(-1) !== answer.result) answers.push(answer.result)
      return answer.result === 'appended' ? answer.position : null
    },
    electionMs,
    'a commit to be on the log',
  )
  recording.stop()
  return { position, answers, tookMs: now() - from }
}

/** Reads the whole log up to `last` at least, and checks that it is one chain. */
export const readWhole = async (log: EventLog, last: Position, withinMs = electionMs): Promise<Recording> => {
  const recording = record(log)
  const reached = () => recording.commits.at(-1)?.position.sequence ?? 0
  await until(() => reached() >= last.sequence, withinMs, `commit ${last.sequence} to be read`)
  recording.stop()
  let before = start
  for (const { position, previous } of recording.commits) {
    if (position.sequence !== before.sequence + 1 || previous !== before.hash)
      throw new Error(`commit ${position.sequence} does not follow commit ${before.sequence}`)
    before = position
  }
  if (recording.trouble.length > 0) throw new Error(`trouble: ${JSON.stringify(recording.trouble)}`)
  return recording
}

const inFlight = 128

/**
 * Appends about so many commits quickly: each is sent before the ones before it are acknowledged. What is under way while the
 * log gets another leader is answered by nobody: then it goes on from where the log stands.
 */
export const fill = async (
  log: EventLog,
  connection: LogConnection,
  after: Position,
  count: number,
): Promise<Position> => {
  let position = after
  let acknowledged = after
  let pending: Promise<unknown>[] = []
  for (let i = 1; i <= count; i++) {
    const commit = newCommit(`filling ${i}`)
    pending.push(publishRaw(connection, position, { commit, bytes: encodeCommit(commit, position.hash) }))
    position = { sequence: sequence(position.sequence + 1), hash: world.digest(encodeCommit(commit, position.hash)) }
    if (pending.length < inFlight && i < count) continue
    const outcomes = await Promise.allSettled(pending)
    if (outcomes.some(({ status }) => status === 'rejected')) position = (await decide(log, acknowledged)).position
    acknowledged = position
    pending = []
  }
  return position
}

/** Puts bytes on the log without asking whether they are a commit. */
export const publishRaw = async (
  connection: LogConnection,
  after: Position,
  { commit, bytes }: { readonly commit: Commit; readonly bytes: string },
): Promise<void> => {
  const conditions = headers()
  conditions.set('Nats-Expected-Last-Sequence', String(after.sequence))
  const options = { timeout: 10_000, headers: conditions }
  const reply = await connection.nats.request(subjectOf(cluster, commit), bytes, options)
  if (reply.json<{ seq?: number }>().seq !== after.sequence + 1) throw new Error(`not stored: ${reply.string()}`)
}
