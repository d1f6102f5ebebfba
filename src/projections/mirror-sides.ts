/** The two copies of a mirror: what the log knows each to have, what its metadata claims, and how these agree. */
import type { Epoch, MirrorEvent, Sequence, WallTime } from '../events/index.ts'
import { type Lacking, writtenSince } from './mirror-history.ts'
import type { Mirror } from './mirrors.ts'

/** What a side has for certain: it was current with it, or was joined under it. */
export type Known = {
  readonly generation: string | null
  /** The newest under which it is known to have been written. */
  readonly epoch: Epoch
  /** The highest count of saves that its metadata has shown. */
  readonly saves: number | null
}

type Seen = Extract<MirrorEvent, { type: 'MirrorSideSeen' }>['data']
export type Claims = Omit<Seen, 'mirror' | 'server'>

/**
 * `as-known`: nothing against it. `new`: empty; everything is to be copied to it. `older`: what it claims is from the past:
 * restored from a backup; its own bitmap is void. `unknown`: it claims what the log has never heard of. Invariant: only
 * `as-known` and `new` copies are followed with as they are, and a copy that was served before only when it is `as-known`.
 */
export type SideVerdict =
  | { readonly is: 'as-known' | 'new' }
  | { readonly is: 'older'; readonly because: string; readonly lacks: Lacking }
  | { readonly is: 'unknown'; readonly because: string }

/** A disk that fails, from the first time it did until its copy is brought up anew. */
export type Trouble = {
  /** What it did not do last, and why. */
  readonly operation: string
  readonly because: string
  readonly at: WallTime
  readonly since: WallTime
  /** All that it did not do. */
  readonly operations: readonly string[]
  /** Of blocks that are bad, as they were told. */
  readonly offsets: readonly number[]
  /** How often it was told: at most `mostTold` times. */
  readonly told: number
}
/** A disk that goes bad block by block must not fill the log. */
const mostTold = 16

type Troubled = Pick<Extract<MirrorEvent, { type: 'MirrorDiskTrouble' }>['data'], 'operation' | 'offsets' | 'because'>

/** It says something new: another thing that the disk does not do, or other blocks, as long as that was not told often. */
export const isNewTrouble = (trouble: Trouble | null, { operation, offsets }: Troubled): boolean => {
  if (trouble === null || !trouble.operations.includes(operation)) return true
  return trouble.told < mostTold && offsets.some((one) => !trouble.offsets.includes(one))
}

export const troubled = (
  trouble: Trouble | null,
  { operation, offsets, because }: Troubled,
  at: WallTime,
): Trouble => ({
  operation,
  because,
  at,
  since: trouble?.since ?? at,
  told: (trouble?.told ?? 0) + 1,
  operations: [...new Set([...(trouble?.operations ?? []), operation])],
  offsets: [...new Set([...(trouble?.offsets ?? []), ...offsets])].toSorted((a, b) => a - b),
})

export type Side = {
  readonly known: Known | null
  /** The latest claims, as judged when they came in. */
  readonly seen: (Claims & { readonly at: WallTime; readonly sequence: Sequence; readonly verdict: SideVerdict }) | null
  readonly trouble: Trouble | null
  readonly lostNetworks: readonly string[]
  /** How large its partitions were for the last resize; none before the first. */
  readonly measured?: Measured
}

export type Measured = Omit<Extract<MirrorEvent, { type: 'MirrorSideMeasured' }>['data'], 'mirror' | 'server'>

const nothing: Side = { known: null, seen: null, trouble: null, lostNetworks: [] }

export const sideOf = ({ sides }: Pick<Mirror, 'sides'>, server: string): Side =>
  Object.hasOwn(sides, server) ? (sides[server] ?? nothing) : nothing

/** As operators read it: the first digits tell generations apart. */
export const shortOf = (generation: string | null): string => (generation === null ? 'none' : generation.slice(0, 8))

/** X5: a copy whose metadata claims less than the log knows it to have had is stale, whatever its bitmap says. */
export const verdictOn = (mirror: Mirror, server: string, claims: Claims): SideVerdict => {
  const { known } = sideOf(mirror, server)
  const { generation, pending, epoch } = claims
  if (mirror.id === null) return generation === null ? { is: 'new' } : { is: 'unknown', because: neverConstructed }
  const everything = (because: string): SideVerdict => ({
    is: 'older',
    because,
    lacks: { copy: 'everything', because },
  })
  if (claims.id === null) {
    const because = claims.because === '' ? 'it has no cluster partition that can be read' : claims.because
    // Before it was ever served, or made, nothing can be missing: it is formatted yet.
    return known !== null && isMade(mirror, known) ? everything(because) : { is: 'new' }
  }
  if (claims.id !== mirror.id) return { is: 'unknown', because: `it belongs to another mirror disk (${claims.id})` }
  if (generation === null) return { is: 'new' }
  if (known === null) return everything('the log knows of nothing that this side has')
  // 1. Alpha goes on alone under a new generation, and brings beta up. 2. The agent of alpha ends before it has told that they
  // were joined. Then beta has more than the log knows; it is stale as before, and no copy from the past.
  const isBroughtUp = mirror.stale === server && generation === mirror.generation
  const isNow = generation === known.generation || (pending !== null && pending === known.generation) || isBroughtUp
  const isOlder = !isNow && mirror.partings.some((one) => one.generation === generation)
  if (!isNow && !isOlder)
    return { is: 'unknown', because: `it claims generation ${shortOf(generation)}, of which the log knows nothing` }
  const because = whyOlder(known, claims, isOlder)
  if (because === null) return { is: 'as-known' }
  return { is: 'older', because, lacks: writtenSince(mirror.epochs, epoch, true) }
}

const neverConstructed = 'it carries data of a mirror disk, but this one was never initialised'

const whyOlder = (known: Known, { generation, epoch, saves }: Claims, isOlder: boolean): string | null => {
  if (isOlder)
    return `it claims generation ${shortOf(generation)}, but the log knows that it had ${shortOf(known.generation)}`
  if (epoch < known.epoch) return `it claims epoch ${epoch}, but the log knows that it was written under ${known.epoch}`
  if (saves !== null && known.saves !== null && saves < known.saves)
    return `its metadata was saved ${saves} times, but the log has seen ${known.saves}`
  return null
}

/** What a side lacks of what the current one has, as far as the log can tell. */
export const lackingOn = (mirror: Mirror, server: string): Lacking => {
  const { known, seen } = sideOf(mirror, server)
  if (seen && seen.verdict.is === 'older') return seen.verdict.lacks
  // Before it was ever served, an empty copy is that of the side whose data counts.
  if (seen && seen.verdict.is === 'new' && isMade(mirror, known))
    return { copy: 'everything', because: 'its cluster partition was formatted: it has nothing' }
  if (mirror.stale !== server) return { copy: 'nothing' }
  if (mirror.detached?.server === server) return { copy: 'everything', because: 'its disk failed while it served' }
  if (known === null) return { copy: 'everything', because: 'it never had anything, or its disk was replaced' }
  // What was written since the parting stands in the bitmap of the current side; the log has the coarse extents of it.
  const parting = mirror.partings.find(({ parent }) => parent === known.generation)
  return { copy: 'differences', runs: runsSince(mirror, parting?.epoch ?? known.epoch), byBitmap: true }
}

const runsSince = (mirror: Mirror, epoch: Epoch) => {
  const lacking = writtenSince(mirror.epochs, epoch, false)
  return lacking.copy === 'differences' ? lacking.runs : []
}

/** As much as is mirrored, as far as the log knows; 0 when neither side has shown itself. */
export const sizeOf = ({ dataBytes, sides }: Pick<Mirror, 'dataBytes' | 'sides'>): number =>
  dataBytes ?? Math.max(0, ...Object.values(sides).map(({ seen }) => seen?.dataBytes ?? 0))

/** One side was left behind, or a comparison has found what differs. */
export const isToBeCopied = ({ stale, verified }: Pick<Mirror, 'stale' | 'verified'>): boolean =>
  stale !== null || (verified !== null && verified.differentBytes > 0)

/**
 * What this side has is named by its metadata: should that be gone, then so is the disk beside it. True from the moment on
 * when it was made, though nobody may have served it yet.
 */
export const isMade = (mirror: Pick<Mirror, 'epoch'>, known: Known | null): boolean =>
  hasBeenServed(mirror) || (known !== null && known.saves !== null)

/** A break or a join under the epoch of an ownership is on the log. */
export const hasBeenServed = ({ epoch }: Pick<Mirror, 'epoch'>): boolean => epoch > 0
