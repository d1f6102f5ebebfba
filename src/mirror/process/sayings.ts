/** What a data plane says to its agent, as the agent reads it. Docs: docs/mirror-process.md. */
import { z } from 'zod'
import type { PairState } from '../engine/authority.ts'
import { toldStatistics } from './told-statistics.ts'

const generation = z
  .string()
  .regex(/^[0-9a-f]{16}$/)
  .nullable()
const count = z.number().int().min(0)
const id = z.number()

/** How a pair stands, as src/mirror/engine/authority.ts tells them apart. */
export const pairStates = [
  'holding',
  'alone',
  'resyncing',
  'paired',
  'detached',
  'stopped',
] as const satisfies readonly PairState[]

const condition = z.object({
  pair: z.enum(pairStates),
  because: z.string(),
  dirtyBlocks: count,
})
export type PlaneCondition = z.infer<typeof condition>

/** What its metadata claims; null generations throughout where no partition can be read. */
export const planeStatus = z.object({
  say: z.literal('status'),
  id,
  disks: z.object({ dataBytes: count }).nullable(),
  /** Why the partitions cannot be used; null when they can. */
  because: z.string().nullable(),
  session: z.string().default(''),
  mirror: z.string().nullable().default(null),
  dataBytes: count.default(0),
  blockBytes: count.default(0),
  role: z.enum(['idle', 'active', 'standby']).default('idle'),
  isConsistent: z.boolean().default(false),
  epoch: count.default(0),
  boot: z.string().default(''),
  generations: z
    .object({ current: generation, base: generation, pending: generation })
    .default({ current: null, base: null, pending: null }),
  saves: count.nullable().default(null),
  dirtyBlocks: count.default(0),
  path: count.nullable().default(null),
  /** Mirror connects at whose address it cannot listen, and why. An older data plane says it otherwise. */
  deafAt: z.array(z.object({ path: count, because: z.string() })).catch([]),
  does: z.enum(['nothing', 'follow', 'serve']).default('nothing'),
  isExposed: z.boolean().default(false),
  isParted: z.boolean().default(false),
  diskErrors: count.default(0),
  statistics: toldStatistics.optional(),
  resync: z
    .object({ doneBytes: count, totalBytes: count, elapsedMs: z.number().min(0).default(0) })
    .nullable()
    .default(null),
  /** It takes in what was added to its data partition. `because`: why it could not. */
  growth: z.object({ doneBytes: count, totalBytes: count, because: z.string().nullable() }).nullable().default(null),
  condition: condition.optional(),
})
export type PlaneStatus = z.infer<typeof planeStatus>

const resync = z.object({
  say: z.literal('resync'),
  state: z.enum(['started', 'progress', 'interrupted', 'ended']),
  copy: z.enum(['differences', 'everything']),
  doneBytes: count,
  totalBytes: count,
  elapsedMs: z.number().min(0),
  because: z.string().nullable(),
})
export type ResyncSaid = z.infer<typeof resync>

const runs = z.array(z.object({ at: count, length: count }))
const verify = z.object({
  say: z.literal('verify'),
  state: z.enum(['started', 'progress', 'interrupted', 'ended']),
  checkedBytes: count,
  totalBytes: count,
  differentBytes: count,
  differences: runs,
  because: z.string().nullable(),
})
export type VerifySaid = z.infer<typeof verify>
const trouble = z.object({
  say: z.literal('trouble'),
  operation: z.enum(['read', 'write', 'flush']),
  offsets: z.array(count).max(32),
  because: z.string(),
})
export type TroubleSaid = z.infer<typeof trouble>

const server = z.string().min(1).max(64)
const asked = {
  break: z.object({
    current: server,
    stale: server,
    generation: z.string(),
    epoch: count,
    because: z.string(),
  }),
  detach: z.object({ server, current: server, epoch: count, because: z.string() }),
  join: z.object({ source: server, target: server, generation: z.string(), epoch: count }),
}

export const fromPlane = z.discriminatedUnion('say', [
  z.object({ say: z.literal('done'), id }).loose(),
  z.object({ say: z.literal('refused'), id, because: z.string() }),
  z.object({ say: z.literal('failed'), id, because: z.string() }),
  /** An order of a newer agent; `id` where one could be read. */
  z.object({ say: z.literal('misunderstood'), id: id.nullable().default(null), line: z.string().default('') }),
  resync,
  verify,
  trouble,
  z.object({ say: z.literal('repaired'), at: count, length: count }),
  z.object({ say: z.literal('cut-off'), because: z.string() }),
  condition.extend({ say: z.literal('condition') }),
  z.object({
    say: z.literal('ask'),
    question: z.number(),
    break: asked.break.optional(),
    detach: asked.detach.optional(),
    join: asked.join.optional(),
  }),
  planeStatus,
])
export type FromPlane = z.infer<typeof fromPlane>
