/** The stream that is the log: its name, its subjects, its settings; making it and letting it grow. */
import { headers } from 'nats'
import { z } from 'zod'
import { type Commit, streamOf } from './commit.ts'
import { namePattern, type Sequence, sequence, voterName } from './ids.ts'
import { ask, code, parseReply } from './jetstream-api.ts'
import type { LogConnection, LogWorld } from './jetstream-connection.ts'

export const streamName = (cluster: string): string => `BATON_${cluster}`
/** Committed messages only, republished as they are committed. */
export const feedSubject = (cluster: string): string => `baton.${cluster}.feed.>`
export const beatSubject = (cluster: string, voter: string): string => `baton.${cluster}.beat.${voter}`

/** `baton.<cluster>.log.<stream>.<id>`: by the commit's first event; for people who look at the log with NATS tools. */
export const subjectOf = (cluster: string, commit: Commit): string => {
  const [first] = commit.events
  const stream = streamOf(first.type)
  const named: Readonly<Record<string, unknown>> = first.data
  const id = named[stream]
  return `baton.${cluster}.log.${stream}.${typeof id === 'string' && namePattern.test(id) ? id : '-'}`
}

/** Longest message of the log in bytes, headers included; a reader has to hold some of them at once. */
const largestMessageBytes = 262_144
/** Longest payload of a commit in bytes: leaves room for its headers. */
export const largestCommitBytes = largestMessageBytes - 1024

export type Replicas = 1 | 3 | 5
/** As many replicas as there are voters to keep them; an even number would only add a way to fail. */
export const replicasFor = (voters: number): Replicas => (voters >= 5 ? 5 : voters >= 3 ? 3 : 1)

const settings = (cluster: string, replicas: Replicas) => ({
  name: streamName(cluster),
  subjects: [`baton.${cluster}.log.>`],
  num_replicas: replicas,
  storage: 'file',
  retention: 'limits',
  discard: 'new',
  max_msgs: -1,
  max_age: 0,
  max_msg_size: largestMessageBytes,
  allow_direct: true,
  allow_atomic: true,
  // It is the record: neither can be taken back once set.
  deny_delete: true,
  deny_purge: true,
  // Within these 2 min a repeated append of the same commit is recognised by its id.
  duplicate_window: 120e9,
  republish: { src: `baton.${cluster}.log.>`, dest: `baton.${cluster}.feed.>` },
})

const peer = z.object({
  name: z.string(),
  current: z.boolean().default(false),
  offline: z.boolean().default(false),
  /** Nanoseconds since the leader heard from it. */
  active: z.number().default(0),
})
/** Replicas and their leader hear from each other every second: who missed three of these is out of contact. */
const contactNs = 3.5e9
const streamInfo = z.object({
  config: z.looseObject({ num_replicas: z.number() }),
  state: z.object({ last_seq: z.number() }),
  cluster: z.object({ leader: z.string().optional(), replicas: z.array(peer).default([]) }).optional(),
})

/** Nothing of the answer matters but that it is no refusal. */
const anything = z.object({})

/** What the log's leader says about the log. */
export const askStream = async (connection: LogConnection, cluster: string) => {
  const info = await ask(connection, `STREAM.INFO.${streamName(cluster)}`, { schema: streamInfo })
  if ('failed' in info) return info
  const listed = info.cluster?.replicas ?? []
  // A log server of its own has no replicas and leads. One without a leader answers too, and lists itself with the rest.
  const leader = info.cluster?.leader || (listed.length === 0 ? connection.server() : null)
  const followers = listed.filter(({ name }) => name !== leader)
  const inContact = followers.filter(({ offline, active }) => !offline && active < contactNs)
  return {
    last: sequence(info.state.last_seq),
    leader: leader === null ? null : voterName(leader),
    // A leader that lost its followers goes on answering for up to 20 s, but can store nothing.
    hasQuorum: leader !== null && (1 + inContact.length) * 2 > 1 + followers.length,
    config: info.config,
    // The leader does not list itself.
    replicas: [
      ...(leader ? [{ voter: voterName(leader), current: true }] : []),
      ...followers.map((r) => ({ voter: voterName(r.name), current: r.current && inContact.includes(r) })),
    ],
  }
}

/** The log could be neither found nor made: mostly too few log servers are there. */
export class LogNotReady extends Error {
  override readonly name = 'LogNotReady'
}

export type WantedStream = {
  readonly cluster: string
  readonly replicas: Replicas
  /**
   * What this server has seen of the log, 0 by default. Once it has seen anything, it makes no new log: where there
   * is none, it was wiped, or its log server was moved from one voter to several, and the old one must be brought back.
   */
  readonly seen?: Sequence
}

/**
 * Makes the log with `replicas` replicas if it is not there, changes their number if it differs; resolves once it
 * takes commits. Harmless when repeated, and on several servers at once.
 * @throws LogNotReady after `withinMs`, with what the log servers said last.
 */
export const ensureStream = async (
  world: Pick<LogWorld, 'clock'>,
  connection: LogConnection,
  wanted: WantedStream & { readonly withinMs: number },
): Promise<void> => {
  const until = world.clock.now() + wanted.withinMs
  for (;;) {
    const obstacle = await obstacleTo(connection, wanted)
    if (obstacle === null) return
    if (world.clock.now() >= until) throw new LogNotReady(`the log of ${wanted.cluster} is not ready: ${obstacle}`)
    await new Promise<void>((resolve) => world.clock.after(100, resolve))
  }
}

/** One step towards the log that is wanted; null when it is there. */
const obstacleTo = async (
  connection: LogConnection,
  { cluster, replicas, seen }: WantedStream,
): Promise<string | null> => {
  const change = async (verb: 'CREATE' | 'UPDATE', body: unknown) => {
    const request = { schema: anything, body, timeoutMs: 2000 }
    const changed = await ask(connection, `STREAM.${verb}.${streamName(cluster)}`, request)
    return 'failed' in changed ? changed.because : 'waiting for its leader'
  }
  const found = await askStream(connection, cluster)
  if ('failed' in found) {
    if (found.failed !== code.streamNotFound) return found.because
    return seen ? `it is gone, although commit ${seen} was seen here` : change('CREATE', settings(cluster, replicas))
  }
  if (found.config.num_replicas !== replicas) return change('UPDATE', { ...found.config, num_replicas: replicas })
  return (await takesCommits(connection, cluster)) ? null : 'nobody takes commits yet'
}

/** Offers the log a message that it is bound to refuse: only whoever would take commits refuses it so. */
const takesCommits = async (connection: LogConnection, cluster: string): Promise<boolean> => {
  const impossible = headers()
  impossible.set('Nats-Expected-Stream', 'another')
  try {
    const options = { timeout: 1000, headers: impossible }
    const reply = parseReply(
      anything,
      (await connection.nats.request(`baton.${cluster}.log.probe.-`, '', options)).string(),
    )
    return 'failed' in reply && reply.failed === code.streamMismatch
  } catch {
    return false
  }
}
