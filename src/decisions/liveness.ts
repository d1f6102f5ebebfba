/**
 * Grants, leases, supports and takeover: the rules of who lives, numbered as in the design ("liveness"). Pure: time
 * comes in, beats come in, answers come out. The log decides *ownership*; the voters decide *liveness*, here.
 *
 * T = heartbeat time-out, R = release budget, L = T − R. p = a server, v = a voter, g = p's lease generation.
 *
 * Why two servers never run one group: a lease needs echoes of a majority, a removal needs supports of a majority, and
 * the two majorities share a voter. That voter supported T after the last beat it heard (2), and never grants g again
 * (3); so every lease for g had ended R before it supported, and within R everything was off.
 */
import {
  type BeatNumber,
  beatNumber,
  type Epoch,
  type Generation,
  type Incarnation,
  type Instant,
  instant,
  noGeneration,
  type PathName,
  type ServerName,
  type VoterName,
} from '../events/index.ts'
import { leaseEnd, liveGeneration } from './leases.ts'
import { type AllPassedOn, renouncedBy, withPassedOn } from './passed-on.ts'
import {
  type Granted,
  grantEnd,
  inheritedPromises,
  type Promised,
  type Promises,
  promisableMs,
  silentUntil,
  type Timing,
} from './promises.ts'
import { type Electorates, votersOfBoth } from './quorum.ts'
import { withEntry } from './with-entry.ts'

/** Rule 1: which of p's beats this voter heard last, and what it promises by saying so. */
export type Echo = {
  readonly incarnation: Incarnation
  readonly number: BeatNumber
  readonly generation: Generation
  /** T that this voter will keep silent for; null = it has barred that generation and promises nothing. */
  readonly promisedMs: number | null
}

export type Support = { readonly generation: Generation; readonly reason: 'silent' | 'renounced' }

/** Beat `number` of that life of voter `of` came by that path `agoMs` ago: it can tell its round trip from that. */
export type Arrival = {
  readonly of: VoterName
  readonly path: PathName
  readonly incarnation: Incarnation
  readonly number: BeatNumber
  readonly agoMs: number
}

/** What every voter says, on every path it has. */
export type Beat = {
  readonly from: VoterName
  readonly incarnation: Incarnation
  readonly number: BeatNumber
  /** Identifies the durable store that this voter's word rests on (rule 3). */
  readonly store: string
  readonly generation: Generation
  /** Log sequence reached. */
  readonly sequence: number
  readonly groups: Readonly<Record<string, Epoch>>
  readonly echoes: Readonly<Record<string, Echo>>
  /** Paths on which each other voter was heard within T. */
  readonly hears: Readonly<Record<string, readonly PathName[]>>
  /** Durable supports, by server. */
  readonly supports: Readonly<Record<string, Support>>
  /** Rule 4: everything of this generation and older is off for good. */
  readonly renounced: Generation
  /** Renunciations of others, heard from themselves: for voters that do not hear them. */
  readonly passedOn: AllPassedOn
  /** Telemetry: one arrival of a beat of somebody else's; in turn of every voter and path. */
  readonly arrival?: Arrival | undefined
  /** Of the software that says this. Nothing is decided by it; beats in few bytes have none. */
  readonly version?: string | undefined
}

type KeptOfBeat = 'incarnation' | 'number' | 'generation' | 'store' | 'renounced' | 'sequence' | 'groups' | 'hears'
type Heard = Pick<Beat, KeptOfBeat> & {
  readonly at: Instant
  /** When the beat of ours was sent that its newest one answers; null = it answers none that we remember. */
  readonly answers: Instant | null
  readonly paths: Readonly<Record<string, Instant>>
}

/** All that one voter keeps in memory about who lives. */
export type Liveness = {
  readonly me: VoterName
  readonly incarnation: Incarnation
  readonly timing: Timing
  /** Rule 2: this voter's own start, or its own resume from a pause. */
  readonly since: Instant
  readonly heard: Readonly<Record<string, Heard>>
  /** When each of our recent beats was first sent: that number and those after it, without a gap. */
  readonly sent: { readonly first: number; readonly at: readonly Instant[] }
  readonly lastNumber: BeatNumber
  /** Rule 10: what this voter promised by its echoes. */
  readonly promises: Promises
  /** Of our beats that each voter has echoed with a promise, the one that carries furthest … */
  readonly grants: Readonly<Record<string, Granted>>
  /** … and with or without one: proof that it hears us. */
  readonly hearsMe: Readonly<Record<string, Instant>>
  /** Rule 3: barred from the moment of decision; published (in `supports`) only once on disk. */
  readonly barred: Readonly<Record<string, Support>>
  readonly supports: Readonly<Record<string, Support>>
  /** Supports of every voter, by voter, as last said; and the store that this word rests on (null = our own). */
  readonly said: Readonly<Record<string, Said>>
  /** Rule 4: renunciations by way of others; see `passed-on.ts` for when they count. */
  readonly passedOn: AllPassedOn
  /** Rule 4: given up from the moment of decision … */
  readonly renouncing: Generation
  /** … and said once that is on disk. */
  readonly renounced: Generation
  /** Rule 10: the change of voters that our lease counts, from before that is said; 0 = none. */
  readonly acknowledging: number
}

type Said = { readonly store: string | null; readonly supports: Readonly<Record<string, Support>> }

/** What the fold and the configuration say that these rules need. */
export type Membership = Electorates & {
  readonly servers: readonly ServerName[]
  /** Current generation of each server on the log; down and left ones are not `up`. */
  readonly generations: Readonly<Record<string, { readonly generation: Generation; readonly isUp: boolean }>>
  /** Rule 3: the store each voter is believed from. */
  readonly admitted: Readonly<Record<string, string>>
  /** The longest T, in ms, that was ever in force. */
  readonly longestMs: number
}

/** The durable words of this voter, read back at its start. */
export type Durable = {
  readonly incarnation: Incarnation
  readonly supports: Readonly<Record<string, Support>>
  readonly renounced: Generation
  /** Rule 10. */
  readonly promised: Promised
}

export const awaken = (me: VoterName, durable: Durable, timing: Timing, now: Instant): Liveness => ({
  me,
  incarnation: durable.incarnation,
  timing,
  since: now,
  heard: {},
  sent: { first: 1, at: [] },
  lastNumber: beatNumber(0),
  promises: inheritedPromises(durable.promised, now),
  grants: {},
  hearsMe: {},
  barred: durable.supports,
  supports: durable.supports,
  said: { [me]: { store: null, supports: durable.supports } },
  passedOn: {},
  renouncing: durable.renounced,
  renounced: durable.renounced,
  acknowledging: 0,
})

// ---- beats -------------------------------------------------------------------------------------------------

/** Numbers a beat. Rule 1: the time is taken here, *before* the first send. Numbers never repeat in an incarnation. */
export const beatDue = (l: Liveness, now: Instant): { readonly liveness: Liveness; readonly number: BeatNumber } => {
  const number = beatNumber(l.lastNumber + 1)
  const { first, at } = l.sent
  let old = 0
  while (old < at.length && now - (at[old] ?? now) > 2 * l.timing.timeoutMs) old += 1
  const sent = { first: first + old, at: [...at.slice(old), now] }
  return { liveness: { ...l, sent, lastNumber: number }, number }
}

/** When that beat of this incarnation was first sent; null = so long ago that no echo of it counts, or never. */
export const whenSent = ({ sent }: Pick<Liveness, 'sent'>, number: number): Instant | null =>
  sent.at[number - sent.first] ?? null

/** What this voter answers to every server: the newest beat heard, promised unless barred (rules 1 and 3). */
export const echoesOf = (
  l: Liveness,
  { servers, admitted, generations }: Membership,
  store: string,
): Readonly<Record<string, Echo>> => {
  // A voter with a wiped or foreign store promises nothing until an operator has admitted it.
  const isBelieved = admitted[l.me] === undefined || admitted[l.me] === store
  const echoes: Record<string, Echo> = {}
  for (const p of servers) {
    const h = p === l.me ? undefined : l.heard[p]
    if (!h) continue
    const known = generations[p]
    // Whoever was declared down, or left, has no lease to be granted: not even by a voter that lost its bar.
    const isOver = known !== undefined && !known.isUp && h.generation <= known.generation
    const promisedMs = isBelieved && !isOver && !isBarred(l, p, h.generation) ? promisableMs(l) : null
    echoes[p] = { incarnation: h.incarnation, number: h.number, generation: h.generation, promisedMs }
  }
  return echoes
}

const isBarred = (l: Liveness, p: string, g: Generation): boolean => g <= (l.barred[p]?.generation ?? -1)

/** A beat came in on a path. Rule 2: only a *new* beat counts as hearing; replays and duplicates do not. */
export const hear = (l: Liveness, beat: Beat, path: PathName, { admitted }: Membership, now: Instant): Liveness => {
  const before = l.heard[beat.from]
  const isNew =
    !before ||
    beat.incarnation > before.incarnation ||
    (beat.incarnation === before.incarnation && beat.number > before.number)
  // The same beat over a second path proves that path alive; it does not prove more of the sender.
  const isCopy =
    before !== undefined && beat.incarnation === before.incarnation && before.number - beat.number <= pathLag
  if (!isNew && !isCopy) return l
  const paths = withEntry(before?.paths ?? {}, path, now)
  const newest: Heard = isNew ? { ...keptOf(beat), at: now, answers: answeredBy(l, beat), paths } : { ...before, paths }
  const heard = withEntry(l.heard, beat.from, newest)
  const isBelieved = admitted[beat.from] === beat.store
  if (!isBelieved) return { ...l, heard }
  const said = isNew ? withEntry<Said>(l.said, beat.from, { store: beat.store, supports: beat.supports }) : l.said
  const passedOn = isNew ? withPassedOn(l.passedOn, beat) : l.passedOn
  const { hearsMe, grants } = countEcho(l, beat)
  return { ...l, heard, said, passedOn, hearsMe, grants }
}

/** What is kept of a beat, field by field: a copy of the whole was a good part of what hearing cost. */
const keptOf = (beat: Beat): Pick<Beat, KeptOfBeat> => {
  const { incarnation, number, generation, store, renounced, sequence, groups, hears } = beat
  return { incarnation, number, generation, store, renounced, sequence, groups, hears }
}

/** A path that is not used any more is not lost. */
export const forgetPath = (l: Liveness, path: PathName): Liveness => ({
  ...l,
  heard: Object.fromEntries(
    Object.entries(l.heard).map(([voter, heard]) => {
      const { [path]: _, ...paths } = heard.paths
      return [voter, { ...heard, paths }]
    }),
  ),
})

/** Beats that a slower path may lag behind a faster one without being taken for silent. */
const pathLag = 8

/** Rule 1: an echo counts only for our own incarnation, from the time before that beat was first sent. */
const countEcho = (l: Liveness, beat: Beat): Pick<Liveness, 'hearsMe' | 'grants'> => {
  const echo = beat.echoes[l.me]
  const sentAt = answeredBy(l, beat)
  if (!echo || sentAt === null) return { hearsMe: l.hearsMe, grants: l.grants }
  const known = l.hearsMe[beat.from]
  const hearsMe = known !== undefined && known >= sentAt ? l.hearsMe : withEntry(l.hearsMe, beat.from, sentAt)
  if (echo.promisedMs === null) return { hearsMe, grants: l.grants }
  const granted = { sentAt, promisedMs: echo.promisedMs }
  const before = l.grants[beat.from]
  const isLess = before && grantEnd(before, l.timing) >= grantEnd(granted, l.timing)
  const grants = isLess ? l.grants : withEntry(l.grants, beat.from, granted)
  return { hearsMe, grants }
}

const answeredBy = (l: Liveness, beat: Beat): Instant | null => {
  const echo = beat.echoes[l.me]
  return echo?.incarnation === l.incarnation ? whenSent(l, echo.number) : null
}

/** The machine or the process stood still, or begins another life: timers start anew (2), no echo from before counts for a lease. */
export const resumed = (l: Liveness, now: Instant, incarnation = l.incarnation): Liveness => ({
  ...l,
  incarnation,
  since: now,
  sent: { first: l.lastNumber + 1, at: [] },
  grants: {},
  hearsMe: {},
})

/** A new T or R from the configuration: at any time, in any order with the other voters (rule 10). */
export const retimed = (l: Liveness, timing: Timing): Liveness => ({ ...l, timing })

// ---- supports ----------------------------------------------------------------------------------------------

/** Rule 2: how long p has been silent for this voter, over all its generations. */
export const silence = (l: Liveness, p: string, now: Instant): number =>
  now - Math.max(l.heard[p]?.at ?? Number.NEGATIVE_INFINITY, l.since)

/** Rules 2 and 10: from when on p has been silent for long enough, and no promise binds this voter any more. */
const maySupportAt = (l: Liveness, p: string, membership: Membership): Instant => {
  const since = Math.max(l.heard[p]?.at ?? Number.NEGATIVE_INFINITY, l.since)
  return instant(Math.max(since + l.timing.timeoutMs, silentUntil(l, p, membership)))
}

export const newer = (a: Generation, b: Generation): Generation => (a > b ? a : b)

/** Rule 4: the removals this voter has reason to support now and has not yet. */
export const supportsDue = (
  l: Liveness,
  membership: Membership,
  store: string,
  now: Instant,
): Readonly<Record<string, Support>> => {
  const { servers, generations, admitted, voters } = membership
  if (!voters.includes(l.me) || admitted[l.me] !== store) return {}
  const due: Record<string, Support> = {}
  for (const p of servers) {
    const known = generations[p]
    const generation = newer(known?.generation ?? noGeneration, l.heard[p]?.generation ?? noGeneration)
    if (p === l.me || !known?.isUp || generation === noGeneration || isBarred(l, p, generation)) continue
    if (renouncedBy(l, p) >= generation) due[p] = { generation, reason: 'renounced' }
    else if (now >= maySupportAt(l, p, membership)) due[p] = { generation, reason: 'silent' }
  }
  return due
}

/** When the next support may fall due, so that a timer can be set; Infinity = nothing is waited for. */
export const nextSupportAt = (l: Liveness, membership: Membership): Instant => {
  const { servers, generations } = membership
  let next = Number.POSITIVE_INFINITY
  for (const p of servers) {
    const g = generations[p]
    if (p !== l.me && g?.isUp && !isBarred(l, p, g.generation)) next = Math.min(next, maySupportAt(l, p, membership))
  }
  return instant(next)
}

/** Rule 3, first half: from here on this voter grants none of these generations, nor older ones. */
export const bar = (l: Liveness, due: Readonly<Record<string, Support>>): Liveness => ({
  ...l,
  barred: { ...l.barred, ...due },
})

/** Rule 3, second half: they are on disk, so they may be said. */
export const publish = (l: Liveness, durable: Readonly<Record<string, Support>>): Liveness => {
  const supports = { ...l.supports, ...durable }
  return { ...l, supports, said: { ...l.said, [l.me]: { store: null, supports } } }
}

/** Rule 6: who supports the removal of exactly p's current generation. Rule 3: the word of a store that is not (or no
 *  more) the admitted one is nobody's: the voter that has another now may have granted what that one had barred. */
export const supportersOf = (
  l: Liveness,
  p: ServerName,
  g: Generation,
  { voters, admitted }: Membership,
): readonly { readonly voter: VoterName; readonly reason: Support['reason'] }[] =>
  voters.flatMap((voter) => {
    const said = l.said[voter]
    if (!said || (said.store !== null && said.store !== admitted[voter])) return []
    const support = said.supports[p]
    return support?.generation === g ? [{ voter, reason: support.reason }] : []
  })

// ---- generations -------------------------------------------------------------------------------------------

/** Rule 9: voters (ourselves included) that say they heard us within L: a join without them could never get a lease. */
export const hearersOf = (l: Liveness, { voters }: Membership, now: Instant): readonly VoterName[] =>
  voters.filter(
    (v) => v === l.me || now - (l.hearsMe[v] ?? Number.NEGATIVE_INFINITY) < l.timing.timeoutMs - l.timing.releaseMs,
  )

/** Rule 9: why this server needs a new generation, or null. `hasBarrier` is rule 7c. */
export const needsGeneration = (
  l: Liveness,
  membership: Membership,
  hasBarrier: boolean,
  now: Instant,
): string | null => {
  const g = liveGeneration(l, membership)
  if (g === null) return membership.generations[l.me]?.isUp ? 'it renounced its generation' : 'it is not a member'
  if (!hasBarrier) return 'its agent has restarted'
  const hearers = hearersOf(l, membership, now)
  const barring = votersOfBoth(membership).find(
    (v) => v !== l.me && (l.said[v]?.supports[l.me]?.generation ?? noGeneration) >= g && hearers.includes(v),
  )
  return barring ? `${barring} had given it up, but hears it again` : null
}

/** Rule 5: a lapsed server renounces once everything is off; never while it may only be starting. `hadLease`: under the
 *  current generation; the lapse of an older one says nothing about this one, and renouncing for it would go on for ever. */
export const mayRenounce = (
  l: Liveness,
  membership: Membership,
  facts: { readonly now: Instant; readonly joinedAt: Instant; readonly hadLease: boolean; readonly isAllOff: boolean },
): Generation | null => {
  const g = liveGeneration(l, membership)
  if (g === null || !facts.isAllOff || facts.now < leaseEnd(l, membership)) return null
  const isOver = facts.hadLease || facts.now - facts.joinedAt > 2 * l.timing.timeoutMs
  return isOver ? g : null
}

/** Rule 4, first half: from here on g carries no lease, so that nothing starts while the renunciation is being written. */
export const giveUpLease = (l: Liveness, g: Generation): Liveness => ({ ...l, renouncing: newer(l.renouncing, g) })

/** Rule 4, second half: it is on disk, so it may be said. */
export const renounce = (l: Liveness, g: Generation): Liveness => ({
  ...giveUpLease(l, g),
  renounced: newer(l.renounced, g),
})
