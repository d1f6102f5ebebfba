/** What one data plane is told when it is started: a file of JSON that its agent writes. */
import { z } from 'zod'
import { type ActiveLimits, defaultActiveLimits } from '../engine/active-options.ts'
import { keptEpochs } from '../engine/touched.ts'
import { defaultLinkLimits } from '../peer/link.ts'

const place = z.object({ address: z.string().min(1), port: z.number().int().min(1).max(65_535) })

export const mirrorSettings = z.object({
  mirror: z
    .string()
    .regex(/^[0-9a-f]{32}$/)
    .describe('id of the mirror: 32 hexadecimal digits, the same on both sides'),
  server: z.string().min(1).max(64).describe('this server'),
  peer: z.string().min(1).max(64).describe('the other one'),
  data: z.string().min(1).describe('data partition'),
  metadata: z.string().min(1).describe('cluster partition'),
  direct: z.boolean().default(true).describe('past the page cache; false only where a file system cannot'),
  exclusive: z.boolean().default(true).describe('nobody else may open the block devices for themselves'),
  keyFile: z.string().min(1).describe('file with the key of the cluster'),
  nbd: z.string().min(1).describe('unix socket of the NBD server; there only while this side is active'),
  blockFile: z
    .string()
    .startsWith('/')
    .nullable()
    .default(null)
    .describe('also served as a file for a loop device, at this path; there only while this side is active'),
  control: z.string().min(1).describe('unix socket where the agent connects'),
  connects: z
    .array(z.object({ own: place, peer: place }))
    .min(1)
    .max(8)
    .describe('mirror connects, best first'),
  tls: z
    .object({ ca: z.string(), certificate: z.string(), key: z.string() })
    .nullable()
    .default(null)
    .describe('PEM files'),
  compress: z.boolean().default(false),
  mode: z.enum(['sync', 'async']).default('sync'),
  onDiskError: z.enum(['continue', 'fail-over']).default('continue'),
  ackMs: z.number().int().min(100).default(10_000),
  connectMs: z.number().int().min(0).default(5000),
  reconnectMs: z.number().int().min(0).default(4000),
  queueBytes: z.number().int().min(1_048_576).default(67_108_864),
  resyncBytesPerSecond: z.number().int().min(1_048_576).nullable().default(null),
  pingMs: z.number().int().min(50).default(defaultLinkLimits.pingEveryMs),
  silenceMs: z.number().int().min(200).default(defaultLinkLimits.silenceMs),
})
export type MirrorSettings = z.infer<typeof mirrorSettings>

/** What is taken over while it serves. */
const limits = { ackMs: true, queueBytes: true, resyncBytesPerSecond: true } as const
export type PlaneLimits = Pick<MirrorSettings, keyof typeof limits>
export const limitsOf = ({ ackMs, queueBytes, resyncBytesPerSecond }: PlaneLimits): PlaneLimits => ({
  ackMs,
  queueBytes,
  resyncBytesPerSecond,
})

/** Of the settings as they are whenever somebody looks. */
export const activeLimits = (settings: () => MirrorSettings, connectMs: number): ActiveLimits => ({
  ...defaultActiveLimits,
  connectMs,
  reconnectMs: settings().reconnectMs,
  get ackMs() {
    return settings().ackMs
  },
  get queueBytes() {
    return settings().queueBytes
  },
  resync: {
    ...defaultActiveLimits.resync,
    get bytesPerSecond() {
      return settings().resyncBytesPerSecond
    },
  },
})

const generation = z
  .string()
  .regex(/^[0-9a-f]{16}$/)
  .nullable()
const bytes = z.number().int().min(0)

/** The cluster partition begins anew. `generation`: what is on the data partition is that; null = nothing is. */
const formatOrder = z.object({
  do: z.literal('format'),
  id: z.number(),
  generation,
  dataBytes: bytes,
  blockBytes: bytes,
  regionBytes: bytes,
  /** The count of saves goes on from here. */
  saves: bytes.default(0),
})
export type FormatOrder = z.infer<typeof formatOrder>

/** This copy is from the past: it lacks `runs`, and is an ancestor of what `generation` names. */
const voidOrder = z.object({
  do: z.literal('void'),
  id: z.number(),
  generation,
  epoch: bytes,
  /** The count of saves goes on from here. */
  saves: bytes,
  runs: z.array(z.object({ at: bytes, length: bytes })).max(1024),
})
export type VoidOrder = z.infer<typeof voidOrder>

/** Number of the operator's order on the log: an agent that was started anew says it again. */
const ordered = bytes.nullable().default(null)

/** What was told in an earlier answer, and is on the log. `isOver`: and nothing more of that epoch will come. */
const recordedExtents = z.object({ epoch: bytes, number: bytes, isOver: z.boolean() })
export type RecordedExtents = z.infer<typeof recordedExtents>

/** What the agent says; `id` comes back in the answer. */
export const fromAgent = z.discriminatedUnion('do', [
  z.object({ do: z.literal('follow'), id: z.number() }),
  z.object({
    do: z.literal('activate'),
    id: z.number(),
    epoch: z.number().int().min(1),
    /** What the log says of this side. */
    isCurrent: z.boolean(),
    wasLast: z.boolean(),
    generation,
    /** An operator's word: activated although it may lack something. */
    force: z.boolean().default(false),
    /** How long the other side is waited for; 0 when it is known to be down. */
    connectMs: z.number().int().min(0).optional(),
  }),
  z.object({ do: z.literal('leave'), id: z.number(), withinMs: z.number().min(0).default(0) }),
  formatOrder,
  voidOrder,
  mirrorSettings.pick(limits).extend({ do: z.literal('limits'), id: z.number() }),
  z.object({ do: z.literal('status'), id: z.number() }),
  z.object({ do: z.literal('measure'), id: z.number() }),
  z.object({ do: z.literal('grow'), id: z.number(), dataBytes: bytes }),
  z.object({ do: z.literal('expose'), id: z.number() }),
  z.object({ do: z.literal('part'), id: z.number(), because: z.string().max(500), whole: z.boolean().default(false) }),
  z.object({ do: z.literal('connect'), id: z.number() }),
  z.object({ do: z.literal('resync'), id: z.number(), everything: z.boolean().default(false), ordered }),
  z.object({
    do: z.literal('verify'),
    id: z.number(),
    ordered,
    bytesPerSecond: z.number().int().min(1_048_576).nullable().default(null),
    mark: z.boolean().default(true),
  }),
  /** `sample`: with this answer a sample ends and a new one begins. */
  z.object({ do: z.literal('statistics'), id: z.number(), sample: z.boolean().default(false) }),
  z.object({ do: z.literal('touched'), id: z.number(), recorded: z.array(recordedExtents).max(keptEpochs) }),
  z.object({ do: z.literal('answer'), question: z.number(), answer: z.enum(['recorded', 'refused', 'unknown']) }),
])
export type FromAgent = z.infer<typeof fromAgent>
