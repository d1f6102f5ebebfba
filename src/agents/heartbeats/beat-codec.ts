/**
 * Beats as they travel on NATS and LAN paths: text, authenticated by the cluster key.
 *
 * | bytes | what |
 * |---|---|
 * | 0–3 | `BTN1` |
 * | 4–35 | HMAC-SHA-256 of everything after it |
 * | 36– | the cluster's name, a line feed, the beat as JSON |
 */
import { z } from 'zod'
import type { Beat } from '../../decisions/liveness.ts'
import { decode } from '../../events/index.ts'
import type { World } from '../../world/world.ts'

const magic = 'BTN1'
const headBytes = 36
/** Larger than any beat of seven servers; what is longer is none of ours. */
export const largestBeat = 16_384

const count = z.number().int().min(0)
const echo = z.object({
  incarnation: decode.incarnation,
  number: decode.beatNumber,
  generation: decode.generation,
  promisedMs: z.number().positive().nullable(),
})
const support = z.object({ generation: decode.generation, reason: z.enum(['silent', 'renounced']) })
const arrival = z.object({
  of: decode.voter,
  path: decode.path,
  incarnation: decode.incarnation,
  number: decode.beatNumber,
  agoMs: z.number().min(0),
})
const schema = z.object({
  from: decode.voter,
  incarnation: decode.incarnation,
  number: decode.beatNumber,
  store: z.string(),
  generation: decode.generation,
  sequence: count,
  groups: z.record(z.string(), decode.epoch),
  echoes: z.record(z.string(), echo),
  hears: z.record(z.string(), z.array(decode.path)),
  supports: z.record(z.string(), support),
  renounced: decode.generation,
  arrival: arrival.optional(),
  version: z.string().max(40).optional(),
  // Beats of before 0.1 have none.
  passedOn: z
    .record(z.string(), z.object({ incarnation: decode.incarnation, renounced: decode.generation }))
    .default({}),
})

export type BeatCodec = {
  readonly encode: (beat: Beat) => Uint8Array
  /** The beat, or why it is none: `foreign` = of another cluster or product, no cause for alarm. */
  readonly decode: (bytes: Uint8Array) => Beat | 'foreign' | 'forged' | 'damaged'
}

/** Beats come over several paths at once: a copy of one that was read a moment ago need not be read again. */
const rememberedBeats = 16

export const beatCodec = (world: Pick<World, 'authenticate'>, cluster: string, key: Uint8Array): BeatCodec => {
  const remembered: { readonly bytes: Buffer; readonly beat: Beat }[] = []
  const read = (all: Buffer): Beat | 'foreign' | 'forged' | 'damaged' => {
    if (all.toString('latin1', 0, 4) !== magic) return 'foreign'
    const body = all.subarray(headBytes)
    const lineEnd = body.indexOf(10)
    if (lineEnd < 0 || body.toString('utf8', 0, lineEnd) !== cluster) return 'foreign'
    if (!isEqual(all.subarray(4, headBytes), world.authenticate(key, body))) return 'forged'
    try {
      const parsed = schema.safeParse(JSON.parse(body.toString('utf8', lineEnd + 1)))
      return parsed.success ? parsed.data : 'damaged'
    } catch {
      return 'damaged'
    }
  }
  return {
    encode: (beat) => {
      const body = Buffer.from(`${cluster}\n${JSON.stringify(beat)}`)
      return Buffer.concat([Buffer.from(magic), world.authenticate(key, body), body])
    },
    decode: (bytes) => {
      if (bytes.length < headBytes || bytes.length > largestBeat) return 'foreign'
      const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
      const known = remembered.find((one) => one.bytes.equals(all))
      if (known) return known.beat
      const beat = read(all)
      if (typeof beat === 'string') return beat
      // A copy: whoever gave us the bytes may use their room again.
      remembered.push({ bytes: Buffer.from(all), beat })
      if (remembered.length > rememberedBeats) remembered.shift()
      return beat
    },
  }
}

/** In constant time: a forger must not learn how much of a code was right. */
export const isEqual = (a: Uint8Array, b: Uint8Array): boolean => {
  let difference = a.length ^ b.length
  for (const [index, byte] of a.entries()) difference |= byte ^ (b[index] ?? 0)
  return difference === 0
}
