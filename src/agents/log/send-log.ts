/** Commits for the commands of this machine, as an exported log. */
import {
  type EventLog,
  formatHeader,
  formatRecorded,
  incompleteMark,
  type Position,
  sequence,
  start,
  troubleInWords,
  unknownHash,
} from '../../events/index.ts'
import type { Clock, LocalReply, LocalRequest } from '../../world/world.ts'
import type { Recorder } from './recorder.ts'

/** Longer than the log takes to answer while it elects a leader; shorter than a person waits for nothing. */
const longestPauseMs = 8_000

type SendLogOptions = { readonly log: EventLog; readonly recorder: Pick<Recorder, 'state'>; readonly cluster: string }

/** Those there are, then, if asked to follow, those to come. What cannot be read is said in the last line. */
export const sendLog = async (
  clock: Clock,
  { log, recorder, cluster }: SendLogOptions,
  { query, reply }: Pick<LocalRequest, 'query' | 'reply'>,
): Promise<void> => {
  const after = Number(query.get('after') ?? 0)
  if (!Number.isInteger(after) || after < 0) {
    reply.begin(400, 'text/plain')
    return reply.end(`after=${query.get('after')} is not a sequence: a whole number from 0 on\n`)
  }
  const follows = query.get('follow') === '1'
  const until = follows ? Number.POSITIVE_INFINITY : recorder.state().position.sequence
  reply.begin(200, 'application/x-ndjson')
  reply.write(`${formatHeader(cluster)}\n`)
  let isGone = false
  reply.onGone(() => {
    isGone = true
  })
  let at: Position = after === 0 ? start : { sequence: sequence(after), hash: unknownHash }
  // A reader that cannot follow is waited for: reading then goes on from where it stopped.
  while (!isGone && at.sequence < until) {
    const { reached, because } = await sendUntilFull(log, at, { clock, until, reply })
    at = reached
    if (because !== null) return reply.end(`${incompleteMark}${incomplete(at, because)}\n`)
    await reply.drained()
  }
  reply.end()
}

const incomplete = ({ sequence: last }: Position, because: string): string =>
  `the log cannot be read beyond ${last}: ${because}`

type Sent = {
  readonly reached: Position
  /** Why no more can be sent; null: the reader is full, or has everything. */
  readonly because: string | null
}
type Way = { readonly clock: Clock; readonly until: number; readonly reply: LocalReply }

/** Writes commits until the reader is full, or has all it asked for. Whoever follows waits for the next one for ever. */
const sendUntilFull = (log: EventLog, from: Position, { clock, until, reply }: Way): Promise<Sent> => {
  const { promise, resolve } = Promise.withResolvers<Sent>()
  let reached = from
  let isOver = false
  const end = (because: string | null) => {
    if (isOver) return
    isOver = true
    giveUp()
    subscription.stop()
    resolve({ reached, because })
  }
  const waits = () => {
    if (until === Number.POSITIVE_INFINITY) return () => {}
    return clock.after(longestPauseMs, () => end(`it has not answered for ${longestPauseMs / 1000} s`))
  }
  let giveUp = waits()
  const subscription = log.follow(from, {
    commits: (recorded) => {
      let isFull = false
      for (const one of recorded) {
        if (isOver || one.position.sequence > until) break
        isFull = !reply.write(`${formatRecorded(one)}\n`)
        reached = one.position
      }
      giveUp()
      giveUp = waits()
      if (reached.sequence >= until || isFull) end(null)
    },
    trouble: (trouble) => end(troubleInWords(trouble)),
    repaired: () => {},
  })
  reply.onGone(() => end(null))
  return promise
}
