/**
 * The web witness (H5), without its sockets: takes a beat, keeps it, and answers with what it has of the others. It
 * knows no log, has no vote and no store: it is a way for beats to travel, and can say whom it hears.
 */
import type { Beat } from '../../decisions/liveness.ts'
import type { Instant, VoterName } from '../../events/index.ts'
import type { HttpAnswer, HttpRequest, World } from '../../world/world.ts'
import { beatCodec } from './beat-codec.ts'
import { encodeReply, type Known } from './witness-reply.ts'

export const witnessPath = '/baton/v1/beat'

/** More than a cluster has voters; names beyond it are not taken, so that memory stays small whoever has the key. */
const mostNames = 16
/** A beat that is older is not passed on, only told of. */
const passedOnMs = 10_000
/** Whoever was silent for so long is forgotten. */
const rememberedMs = 24 * 3_600_000
/** Requests of one address: so many at once, and per second. */
const burst = 100
const perSecond = 50
/** Addresses that are counted; the one that has been quiet longest makes room. */
const mostAddresses = 256

export type WitnessDeskOptions = {
  readonly cluster: string
  readonly key: Uint8Array
  /** Something came that is not what it claims to be. */
  readonly suspicious: (what: string) => void
}

export type WitnessDesk = {
  readonly answer: (request: HttpRequest) => HttpAnswer
}

type Kept = { readonly beat: Beat; readonly bytes: Uint8Array; readonly at: Instant }
type Purse = { readonly left: number; readonly at: Instant }

export const witnessDesk = (
  world: Pick<World, 'clock' | 'authenticate' | 'digest'>,
  { cluster, key, suspicious }: WitnessDeskOptions,
): WitnessDesk => {
  const codec = beatCodec(world, cluster, key)
  const kept = new Map<VoterName, Kept>()
  const purses = new Map<string, Purse>()

  const mayAsk = (from: string, now: Instant): boolean => {
    const before = purses.get(from) ?? { left: burst, at: now }
    const left = Math.min(burst, before.left + ((now - before.at) * perSecond) / 1000)
    // The map keeps its order: whoever asked last stands last.
    purses.delete(from)
    const [quietest] = purses.keys()
    if (purses.size >= mostAddresses && quietest !== undefined) purses.delete(quietest)
    purses.set(from, { left: Math.max(0, left - 1), at: now })
    return left >= 1
  }

  const keep = (beat: Beat, bytes: Uint8Array, now: Instant): 'kept' | 'older' | 'full' => {
    for (const [name, { at }] of kept) if (now - at > rememberedMs) kept.delete(name)
    const before = kept.get(beat.from)
    if (before && !isNewer(beat, before.beat)) return 'older'
    if (!before && kept.size >= mostNames) return 'full'
    kept.set(beat.from, { beat, bytes, at: now })
    return 'kept'
  }

  const knownTo = (asker: VoterName, now: Instant): readonly Known[] =>
    [...kept].map(([from, { bytes, at }]) => ({
      from,
      ageMs: now - at,
      beat: from === asker || now - at > passedOnMs ? null : bytes,
    }))

  const take = (bytes: Uint8Array, now: Instant): HttpAnswer => {
    const beat = codec.decode(bytes)
    if (typeof beat === 'string') {
      if (beat !== 'foreign') suspicious(`a ${beat} beat by HTTP`)
      return refusal(beat === 'damaged' ? 400 : 403, notOurs(cluster)[beat])
    }
    const outcome = keep(beat, bytes, now)
    if (outcome === 'full') return refusal(403, `this witness hears ${mostNames} voters already`)
    // A replay, or a copy of an agent: it learns nothing, and changes nothing.
    if (outcome === 'older') {
      suspicious(`an old beat of ${beat.from} by HTTP, said again`)
      return refusal(
        409,
        `a newer beat of ${beat.from} has come already; if its store was replaced, restart this witness`,
      )
    }
    const body = encodeReply(world, { key, question: bytes }, knownTo(beat.from, now))
    return { status: 200, body, type: 'application/octet-stream' }
  }

  return {
    answer: ({ method, path, body, from }) => {
      const now = world.clock.now()
      if (!mayAsk(from, now)) return refusal(429, `more than ${perSecond} requests a second`)
      if (path === witnessPath && method === 'POST') return take(body, now)
      if (path === '/' && (method === 'HEAD' || method === 'GET'))
        return { status: 200, body: method === 'HEAD' ? '' : 'a witness of Baton\n' }
      return refusal(path === witnessPath || path === '/' ? 405 : 404, `POST a beat to ${witnessPath}`)
    },
  }
}

/** Why it is no beat of this cluster. */
const notOurs = (cluster: string) => ({
  foreign: `this is no beat of cluster ${cluster}, which this witness serves`,
  forged: `this beat was not made with the key of cluster ${cluster}: compare cluster.key on both`,
  damaged: 'this beat has the right key, but cannot be read: is its sender of another version?',
})

const refusal = (status: number, why: string): HttpAnswer => ({ status, body: `${why}\n` })

type Count = Pick<Beat, 'incarnation' | 'number'>

const isNewer = (one: Count, other: Count): boolean =>
  one.incarnation > other.incarnation || (one.incarnation === other.incarnation && one.number > other.number)
