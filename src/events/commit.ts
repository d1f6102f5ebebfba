/** A commit: the events that were decided together, who decided them and why; and its codec, the log's trust boundary. */
import { z } from 'zod'
import { type ClusterEvent, clusterEvents } from './cluster.ts'
import type { Fact, Schemas } from './fact.ts'
import { type FencingEvent, fencingEvents } from './fencing.ts'
import { type GroupEvent, groupEvents } from './group.ts'
import { type CommitId, decode, type Hash, type Sequence, type WallTime } from './ids.ts'
import { type MirrorEvent, mirrorEvents } from './mirror.ts'
import { type MonitorEvent, monitorEvents } from './monitor.ts'
import { type OperatorEvent, operatorEvents } from './operator.ts'
import { type ResourceEvent, resourceEvents } from './resource.ts'
import { type ServerEvent, serverEvents } from './server.ts'

/** Stands for an event of newer software: whoever reads it keeps what runs and decides nothing more. */
export type UnknownEvent = Fact<'UnknownEvent', { readonly was: string; readonly version: number }>

export type BatonEvent =
  | ClusterEvent
  | ServerEvent
  | GroupEvent
  | ResourceEvent
  | MonitorEvent
  | OperatorEvent
  | FencingEvent
  | MirrorEvent
export type Event = BatonEvent | UnknownEvent

/** `server:s1`, or `operator:root` for a person. */
export type Author = `server:${string}` | `operator:${string}`

export type Commit = {
  readonly id: CommitId
  readonly by: Author
  /** Wall clock of the writer: for people. Order is the sequence's business. */
  readonly at: WallTime
  /** The commit that led to this one; null = a root cause. */
  readonly causedBy: Sequence | null
  /** The inputs of the decision, as values. */
  readonly because: Readonly<Record<string, unknown>>
  readonly events: readonly [Event, ...Event[]]
}

/** What a reader has reached. `hash` is that of the commit at `sequence`. */
export type Position = { readonly sequence: Sequence; readonly hash: Hash }
export const start: Position = { sequence: 0 as Sequence, hash: '' as Hash }

/** A commit with its place on the log. `bytes`: exactly as it stands there, which is what its hash is of. */
export type Recorded = {
  readonly position: Position
  readonly previous: Hash
  readonly commit: Commit
  readonly bytes: string
}

/** The stream that an event type belongs to: second part of the subject. */
export type Stream = 'cluster' | 'server' | 'group' | 'resource' | 'monitor' | 'operator' | 'fencing' | 'mirror'

const streams: Readonly<Record<Stream, Schemas>> = {
  cluster: clusterEvents,
  server: serverEvents,
  group: groupEvents,
  resource: resourceEvents,
  monitor: monitorEvents,
  operator: operatorEvents,
  fencing: fencingEvents,
  mirror: mirrorEvents,
}

/** Turns an event's data of version n into that of version n + 1. */
type Upcaster = (data: unknown) => unknown
type EventType = { readonly stream: Stream; readonly schema: z.ZodType; readonly upcasters: readonly Upcaster[] }

/** Older forms of event types, oldest first. A type's version is 1 + the number of its upcasters. */
const upcasters: Readonly<Record<string, readonly Upcaster[]>> = {}

const eventTypes: ReadonlyMap<string, EventType> = new Map(
  Object.entries(streams).flatMap(([stream, schemas]) =>
    Object.entries(schemas).map(([type, schema]): [string, EventType] => [
      type,
      { stream: stream as Stream, schema, upcasters: upcasters[type] ?? [] },
    ]),
  ),
)

export const isEventType = (type: string): boolean => eventTypes.has(type)
export const streamOf = (type: string): Stream => eventTypes.get(type)?.stream ?? 'cluster'

/** What a reader does with the events of each stream. */
export type ByStream<Context, Answer> = {
  readonly cluster: (event: ClusterEvent, context: Context) => Answer
  readonly server: (event: ServerEvent, context: Context) => Answer
  readonly group: (event: GroupEvent, context: Context) => Answer
  readonly resource: (event: ResourceEvent, context: Context) => Answer
  readonly monitor: (event: MonitorEvent, context: Context) => Answer
  readonly operator: (event: OperatorEvent, context: Context) => Answer
  readonly fencing: (event: FencingEvent, context: Context) => Answer
  readonly mirror: (event: MirrorEvent, context: Context) => Answer
}

/** Hands an event to the reader of its stream; which stream that is, the table above says and nothing else. */
export const byStream = <Context, Answer>(
  event: BatonEvent,
  readers: ByStream<Context, Answer>,
  context: Context,
): Answer => (readers[streamOf(event.type)] as (event: BatonEvent, context: Context) => Answer)(event, context)

const envelope = z.object({
  id: decode.commit,
  by: z.custom<Author>((by) => isAuthor(by)),
  at: decode.wallTime,
  causedBy: decode.sequence.nullable(),
  because: z.record(z.string(), z.unknown()),
  previous: z.string(),
  events: z.array(z.object({ type: z.string(), v: z.number().int().optional(), data: z.unknown() })).min(1),
})

/** The bytes are not a commit: the log is damaged, or somebody else wrote to it. */
export class UnreadableCommit extends Error {
  override readonly name = 'UnreadableCommit'
}

/** The bytes of a commit as they stand on the log, chained to the commit before by its hash. */
export const encodeCommit = (commit: Commit, previous: Hash): string => {
  const events = commit.events.map(({ type, data }) => {
    const version = 1 + (eventTypes.get(type)?.upcasters.length ?? 0)
    return version === 1 ? { type, data } : { type, v: version, data }
  })
  return JSON.stringify({ ...commit, previous, events })
}

type Envelope = z.infer<typeof envelope>

/** Reads a commit's bytes. @throws UnreadableCommit for anything that is none. */
export const decodeCommit = (bytes: string): { readonly commit: Commit; readonly previous: Hash } => {
  // An exported log has a line a commit.
  if (bytes.includes('\n')) throw new UnreadableCommit('not on one line')
  let raw: unknown
  try {
    raw = JSON.parse(bytes)
  } catch (cause) {
    throw new UnreadableCommit('not JSON', { cause })
  }
  const { id, by, at, causedBy, because, previous, events } = isEnvelope(raw) ? raw : decodeEnvelope(raw)
  const [first, ...others] = events.map(decodeEvent)
  if (!first) throw new UnreadableCommit('a commit without events')
  return { commit: { id, by, at, causedBy, because, events: [first, ...others] }, previous: previous as Hash }
}

/** Exactly what an envelope is; `isEnvelope` only says yes sooner. */
export const decodeEnvelope = (raw: unknown): Envelope => {
  const parsed = envelope.safeParse(raw)
  if (!parsed.success) throw new UnreadableCommit(`not a commit: ${z.prettifyError(parsed.error)}`)
  return parsed.data
}

/**
 * Whether `raw`, fresh from JSON, is an envelope, decided several times faster than by the schema: replay is bound by it.
 * A yes is the schema's yes with the same fields; a no only means that the schema must look (a property test).
 */
export const isEnvelope = (raw: unknown): raw is Envelope => {
  if (!isObject(raw)) return false
  const { id, by, at, causedBy, because, previous, events } = raw
  return (
    typeof id === 'string' &&
    id.length >= 1 &&
    id.length <= 64 &&
    isAuthor(by) &&
    isCount(at) &&
    (causedBy === null || isCount(causedBy)) &&
    isObject(because) &&
    !Object.hasOwn(because, '__proto__') &&
    typeof previous === 'string' &&
    Array.isArray(events) &&
    events.length > 0 &&
    events.every(isRawEvent)
  )
}

const isObject = (raw: unknown): raw is Readonly<Record<string, unknown>> =>
  typeof raw === 'object' && raw !== null && !Array.isArray(raw)
const isAuthor = (raw: unknown): raw is Author => typeof raw === 'string' && /^(server|operator):./.test(raw)
const isCount = (raw: unknown): boolean => Number.isSafeInteger(raw) && (raw as number) >= 0
const isRawEvent = (raw: unknown): boolean =>
  isObject(raw) && typeof raw.type === 'string' && 'data' in raw && (raw.v === undefined || Number.isSafeInteger(raw.v))

const decodeEvent = (raw: { type: string; v?: number | undefined; data?: unknown }): Event => {
  const known = eventTypes.get(raw.type)
  const version = raw.v ?? 1
  const latest = 1 + (known?.upcasters.length ?? 0)
  if (!known || version > latest) return { type: 'UnknownEvent', data: { was: raw.type, version } }
  const data = known.upcasters.slice(version - 1).reduce((older, upcast) => upcast(older), raw.data)
  const parsed = known.schema.safeParse(data)
  if (!parsed.success) throw new UnreadableCommit(`${raw.type}: ${z.prettifyError(parsed.error)}`)
  return { type: raw.type, data: parsed.data } as Event
}
