/**
 * What a web witness answers to a beat: whom it hears, how long ago, and their latest beats.
 *
 * | bytes | what |
 * |---|---|
 * | 0–3 | `BTW1` |
 * | 4–35 | HMAC-SHA-256 of the digest of the question and everything after it: an answer to *this* beat, and to no other |
 * | 36– | JSON |
 *
 * The ages are the witness's own word, so they are authenticated: a replayed answer could call a dead server fresh.
 */
import { z } from 'zod'
import { decode, type VoterName } from '../../events/index.ts'
import type { World } from '../../world/world.ts'

/** `beat`: as it came (beat-codec.ts); null = it is the asker's own, or too old to be passed on. */
export type Known = { readonly from: VoterName; readonly ageMs: number; readonly beat: Uint8Array | null }

const magic = 'BTW1'
const headBytes = 36
/** Sixteen beats, each as long as one may be, in base64. */
export const largestReply = 400_000

const schema = z.object({
  known: z
    .array(z.object({ from: decode.voter, ageMs: z.number().min(0), beat: z.base64().max(24_000).nullable() }))
    .max(32),
})

type Seal = Pick<World, 'authenticate' | 'digest'>

const codeOf = (world: Seal, key: Uint8Array, question: Uint8Array, body: Uint8Array): Uint8Array =>
  world.authenticate(key, Buffer.concat([Buffer.from(world.digest(latin1(question))), body]))

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

export const encodeReply = (
  world: Seal,
  { key, question }: { readonly key: Uint8Array; readonly question: Uint8Array },
  known: readonly Known[],
): Uint8Array => {
  const list = known.map(({ from, ageMs, beat }) => ({
    from,
    ageMs: Math.round(ageMs),
    beat: beat === null ? null : Buffer.from(beat).toString('base64'),
  }))
  const body = Buffer.from(JSON.stringify({ known: list }))
  return Buffer.concat([Buffer.from(magic), codeOf(world, key, question, body), body])
}

/** `foreign`: not such an answer at all. `forged`: not by who has the key, or not to this question. */
export const decodeReply = (
  world: Seal,
  { key, question }: { readonly key: Uint8Array; readonly question: Uint8Array },
  bytes: Uint8Array,
): readonly Known[] | 'foreign' | 'forged' | 'damaged' => {
  if (bytes.length < headBytes || bytes.length > largestReply) return 'foreign'
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (all.toString('latin1', 0, 4) !== magic) return 'foreign'
  const body = all.subarray(headBytes)
  if (!Buffer.from(codeOf(world, key, question, body)).equals(all.subarray(4, headBytes))) return 'forged'
  try {
    const parsed = schema.safeParse(JSON.parse(body.toString('utf8')))
    if (!parsed.success) return 'damaged'
    return parsed.data.known.map(({ beat, ...rest }) => ({
      ...rest,
      beat: beat === null ? null : new Uint8Array(Buffer.from(beat, 'base64')),
    }))
  } catch {
    return 'damaged'
  }
}
