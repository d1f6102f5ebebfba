/** The frames whose payload is text: who speaks, and what state its copy is in. */
import { z } from 'zod'
import {
  type CopyName,
  copyName,
  type DataGeneration,
  dataGeneration,
  type Generations,
  historyLength,
  type MirrorId,
  mirrorId,
} from '../generations.ts'
import type { Frame } from './frame.ts'

/** This software speaks these versions of the protocol, no other. */
export const protocolVersions = { from: 1, to: 1 } as const

const generation = z
  .string()
  .regex(/^[0-9a-f]{16}$/)
  .transform((text): DataGeneration => dataGeneration(text))
const name = z
  .string()
  .regex(/^[0-9a-f]{16}$/)
  .transform((text): CopyName => copyName(text))
const mirror = z
  .string()
  .regex(/^[0-9a-f]{32}$/)
  .transform((text): MirrorId => mirrorId(text))
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)

const helloSchema = z.object({
  protocol: z.object({ from: count, to: count }),
  mirror,
  /** Of the server that speaks. */
  server: z.string().min(1).max(64),
  /** Random, 32 bytes in hexadecimal: what the other side's proof must be about. */
  nonce: z.string().regex(/^[0-9a-f]{64}$/),
})
export type Hello = z.infer<typeof helloSchema>

const generationsSchema = z.object({
  current: generation.nullable(),
  base: generation.nullable(),
  pending: generation.nullable(),
  peer: generation.nullable(),
  history: z.array(generation).max(historyLength),
})

const stateSchema = z.object({
  /** Random for each start of a data plane: another one has forgotten what was not flushed. */
  session: z.string().min(1).max(64),
  role: z.enum(['idle', 'active', 'standby']),
  isConsistent: z.boolean(),
  epoch: count,
  dataBytes: count,
  blockBytes: count,
  regionBytes: count,
  /** What its disk reads and writes as a whole; older software does not say. */
  sectorBytes: count.nullable().default(null),
  generations: generationsSchema,
  /** It is being copied to under this name; older software has none. */
  copyOf: name.nullable().default(null),
  /** How often its metadata was saved. */
  saves: count.default(0),
})
/** What each side says of itself once both have proved who they are. */
export type PeerState = Omit<z.infer<typeof stateSchema>, 'generations'> & { readonly generations: Generations }

const joinSchema = z.object({ generations: generationsSchema })
/** Software that gives no name to a copy of differences ignores the other one. */
const beginSchema = z.object({ copy: name.nullable(), differences: name.nullable().default(null) })

const parse = <T>(schema: z.ZodType<T>, { payload }: Frame): T | null => {
  try {
    const parsed = schema.safeParse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload)))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}

/** The name of the copy: `copy` where all is marked on the side that copies, so that the other one's marks count no more. */
export type Begin = { readonly copy: CopyName | null; readonly differences: CopyName | null }
export const encodeMessage = (message: Hello | PeerState | Begin | { readonly generations: Generations }): Uint8Array =>
  new TextEncoder().encode(JSON.stringify(message))
/** Each is null when the payload is not one. */
export const parseHello = (one: Frame): Hello | null => parse(helloSchema, one)
export const parseState = (one: Frame): PeerState | null => parse(stateSchema, one)
export const parseJoin = (one: Frame): { readonly generations: Generations } | null => parse(joinSchema, one)

/** Of older software it is empty. */
export const parseBegin = (one: Frame): Begin | null =>
  one.payload.length === 0 ? { copy: null, differences: null } : parse(beginSchema, one)

/** Blocks as pairs of first index and count, 12 bytes each. */
export type BlockRun = { readonly first: number; readonly count: number }
const runBytes = 12
/** Runs in one frame. */
export const maxRuns = 4096
/** In all frames of one meeting: more than this is everything. */
export const mostRuns = 1_000_000

export const encodeRuns = (runs: readonly BlockRun[]): Uint8Array => {
  const bytes = Buffer.alloc(runs.length * runBytes)
  runs.forEach(({ first, count: length }, index) => {
    bytes.writeBigUInt64BE(BigInt(first), index * runBytes)
    bytes.writeUInt32BE(length, index * runBytes + 8)
  })
  return bytes
}

/** Null when the runs are not within `blocks`, or not whole. */
export const parseRuns = ({ payload }: Frame, blocks: number): readonly BlockRun[] | null => {
  if (payload.length % runBytes !== 0 || payload.length > maxRuns * runBytes) return null
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length)
  const runs: BlockRun[] = []
  for (let at = 0; at < bytes.length; at += runBytes) {
    const run = { first: Number(bytes.readBigUInt64BE(at)), count: bytes.readUInt32BE(at + 8) }
    if (run.first + run.count > blocks) return null
    runs.push(run)
  }
  return runs
}
