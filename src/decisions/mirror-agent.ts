/**
 * What the agent of a server that holds a copy of a mirror does; the contract between the log and the data plane.
 * Everything is level-triggered: it depends on what the log says now.
 *
 * 1. **Show the copy.** At every start of the agent, whenever `sideVerdict` is null though the mirror was constructed, after
 *    every change of the partition by hand, and after 2 and 3, before anything is served or followed: read the cluster
 *    partition and record `seeSide`. Then act by `sideVerdict`: `as-known` and `new`: as it is. `older`: step 3, when
 *    `mustVoid` says so. `unknown`: leave it alone.
 * 2. **Format.** `needsFormat` names the mirror's id and generation when the log constructed it and this side showed no
 *    partition that can be read: format it, with the generation where this side is to have one, else without. Never over
 *    the partition of another mirror: that is `unknown`.
 * 3. **Void a copy from the past.** In this order: `isConsistent: false`; marks in the own dirty bitmap (`runs` of
 *    `mustVoid`, or everything); last the generations: `current` as the log knows this side to have had (`sideOf(…).known.generation`;
 *    none for everything), `base` and `pending` none. The other side then copies the marks with its own. Show it again.
 *    Formatting anew does for everything.
 * 4. **Serve.** Before an activation: `constructMirror` where it was never constructed; then `mirrorObjection` must be
 *    null, and `mayActivate` of the engine agrees with `logWordOf`. Where `isForced`: save `isConsistent: true` first.
 *    The engine gets a `MirrorAuthority` (agents/mirror/authority.ts). Nothing is mounted before `mayMount`: what would
 *    be written before the log has a join or a break of this epoch could be lost with a restored copy unnoticed. For the
 *    same reason the side that follows has saved the epoch before a join is asked for.
 * 5. **Follow.** The side that does not own the group follows while `mayFollow` answers null.
 * 6. **Tell.** `reportResync` (it thins out), `recordDirty` (whenever extents of the epoch were touched for the first time,
 *    at most every few seconds; complete at a break, after a join and at the end of an epoch), connects, disk trouble.
 * 7. **Carry out orders** addressed to this server (`openOrders`), then record `finishOrder`.
 */
import {
  type ByteRun,
  type Epoch,
  type MirrorEvent,
  type MirrorName,
  type Sequence,
  type ServerName,
  serverName,
} from '../events/index.ts'
import { type EpochHistory, joined, type Lacking } from '../projections/mirror-history.ts'
import { hasBeenServed, isMade, isNewTrouble, type SideVerdict, sideOf } from '../projections/mirror-sides.ts'
import type { Mirror, OpenOrder } from '../projections/mirrors.ts'
import type { State } from '../projections/state.ts'
import { percentOf } from '../projections/words-of-mirrors.ts'
import { type Decision, together } from './decision.ts'
import { constructedMirror, mirrorConfigurationOf, ownershipOf } from './mirror-pair.ts'

type DataOf<Type extends MirrorEvent['type']> = Extract<MirrorEvent, { type: Type }>['data']

/** What a side claims, once: the same claims of the same process say nothing new. */
export const seeSide = (state: State, seen: DataOf<'MirrorSideSeen'>): Decision | null => {
  const mirror = constructedMirror(state, seen.mirror)
  // Without a mirror there is nothing to hold it against.
  if (mirror === null) return null
  const before = sideOf(mirror, seen.server).seen
  const keys = [
    'id',
    'generation',
    'pending',
    'base',
    'epoch',
    'role',
    'isConsistent',
    'boot',
    'session',
    'saves',
  ] as const
  if (before && keys.every((key) => before[key] === seen[key])) return null
  return together([{ type: 'MirrorSideSeen', data: { ...seen, because: seen.because.slice(0, 500) } }], {}, null)
}

/** Null: it has not been shown yet. */
export const sideVerdict = (state: State, name: string, server: ServerName): SideVerdict | null => {
  const mirror = constructedMirror(state, name)
  return mirror && (sideOf(mirror, server).seen?.verdict ?? null)
}

/** Null: its partition is to be left as it is. */
export const needsFormat = (
  state: State,
  name: string,
  server: ServerName,
): { readonly id: string; readonly generation: string | null } | null => {
  const mirror = constructedMirror(state, name)
  if (mirror?.id == null) return null
  const { seen, known } = sideOf(mirror, server)
  // Damaged metadata of the only good copy is for people: its marks are what the other side lacks.
  const isSpare =
    !hasBeenServed(mirror) || mirror.stale === server || (mirror.stale === null && mirror.current !== server)
  if (seen === null || seen.id !== null) return null
  // By an operator's word its data counts as it is: without metadata nobody could serve it, and the word would be in vain.
  if (mirror.forced?.server === server) return { id: mirror.id, generation: null }
  if (!isSpare) return null
  return { id: mirror.id, generation: isMade(mirror, known) ? null : (known?.generation ?? null) }
}

/** What the engine's `mayActivate` asks. */
export const logWordOf = (
  state: State,
  name: string,
  server: ServerName,
): { readonly isCurrent: boolean; readonly wasLast: boolean; readonly generation: string | null } => {
  const mirror = constructedMirror(state, name)
  if (mirror === null) return { isCurrent: true, wasLast: true, generation: null }
  const isCurrent = mirror.stale !== server
  return { isCurrent, wasLast: mirror.current === server, generation: sideOf(mirror, server).known?.generation ?? null }
}

export const isForced = (state: State, name: string, server: ServerName): boolean =>
  constructedMirror(state, name)?.forced?.server === server

/** What a copy from the past lacks, once the other side serves; null = leave it alone: it may be all that is left. */
export const mustVoid = (state: State, name: string, server: ServerName): Lacking | null => {
  const verdict = sideVerdict(state, name, server)
  const owned = ownershipOf(state, name)
  const isServedThere = owned !== null && owned.server !== server && mayMount(state, name, owned.epoch)
  return verdict?.is === 'older' && isServedThere ? verdict.lacks : null
}

/** The log knows under which epoch both sides, or this one alone, are written from now on. */
export const mayMount = (state: State, name: string, epoch: Epoch): boolean =>
  constructedMirror(state, name)?.epoch === epoch

/** Why this side must not connect to the active one; null = it follows. */
export const mayFollow = (state: State, name: string, server: ServerName): string | null => {
  const mirror = constructedMirror(state, name)
  const configuration = mirrorConfigurationOf(state, name)
  if (mirror === null || configuration === null) return 'the mirror was not initialised'
  if (!mirror.mayConnect) return `it was broken by an operator (baton mirror connect ${name})`
  if (mirror.split?.server === server) return `it is split off for a backup (baton mirror rejoin ${name})`
  const verdict = sideOf(mirror, server).seen?.verdict
  if (verdict === undefined) return 'its copy has not shown itself yet'
  if (verdict.is === 'older' || verdict.is === 'unknown') return verdict.because
  if (mirror.stale !== server || configuration.resync.automatic) return null
  const isOrdered = mirror.orders.some(({ order }) => order === 'resync' || order === 'resync-full')
  return isOrdered || mirror.resync?.target === server ? null : `it lacks something (baton mirror resync ${name})`
}

/** Progress, thinned out to what the log is for: every ten percent. */
export const reportResync = (state: State, progress: DataOf<'MirrorResyncProgressed'>): Decision | null => {
  const before = constructedMirror(state, progress.mirror)?.resync
  if (!before || before.target !== progress.target) return null
  const tenth = (one: { readonly doneBytes: number; readonly totalBytes: number }) => Math.floor(percentOf(one) / 10)
  if (tenth(progress) <= tenth(before) && before.interrupted === null) return null
  return together([{ type: 'MirrorResyncProgressed', data: progress }], {}, null)
}

/** Of extents that a data plane told of. */
export type ToldDirty = {
  /** That is all that it knows of. */
  readonly isComplete: boolean
  /** What it was doing with them (mirror/engine/touched.ts). */
  readonly as: 'paired' | 'alone' | 'between' | 'over'
  /** When the mirror was last broken or joined under that epoch, as it was known before the data plane was asked. */
  readonly since: Sequence | null
}

export const recordDirty = (
  state: State,
  dirty: Omit<DataOf<'MirrorDirtyRecorded'>, 'covered'>,
  told: ToldDirty,
): Decision | null => {
  const mirror = constructedMirror(state, dirty.mirror)
  const known = mirror?.epochs.find(({ epoch }) => epoch === dirty.epoch)
  const covered =
    mirror && known && told.isComplete ? coveredBy(state, { mirror, known, by: dirty.server }, told) : null
  // Coarser than they are told, the log may have them since others were joined across them.
  const runs = dirty.runs.filter((run) => known === undefined || !known.runs.some((one) => isWithin(run, one)))
  const isNews = runs.length > 0 || (dirty.runs.length > 0 && raisesSaves(mirror, dirty.saves))
  if (!isNews && (covered === null || covered === known?.covered)) return null
  const data = { ...dirty, runs: [...joined([], runs)], ...(covered !== null && { covered }) }
  return together([{ type: 'MirrorDirtyRecorded', data }], {}, null)
}

const isWithin = (run: ByteRun, one: ByteRun): boolean => one.at <= run.at && run.at + run.length <= one.at + one.length

/** A backup from before what was written tells itself by these. */
const raisesSaves = (mirror: Mirror | null, saves: DataOf<'MirrorDirtyRecorded'>['saves']): boolean =>
  mirror !== null &&
  Object.entries(saves).some(([server, count]) => {
    const { known } = sideOf(mirror, serverName(server))
    return known !== null && count !== undefined && count > (known.saves ?? -1)
  })

/** Null: as before. What was told before a break or a join that is on the log by now says nothing about what came with it. */
const coveredBy = (
  state: State,
  { mirror, known, by }: { readonly mirror: Mirror; readonly known: EpochHistory; readonly by: ServerName },
  { as, since }: ToldDirty,
): 'yes' | 'open' | 'by-bitmap' | null => {
  if (as === 'over') {
    // Served once more under the same epoch, it would not be all.
    if (ownershipOf(state, mirror.name)?.epoch === known.epoch) return null
    // Who follows has seen all since the sides joined; what was before is on the log, or else it is not open.
    return known.server === by || known.covered === 'open' ? 'yes' : null
  }
  if (known.server !== by || (known.since ?? null) !== since) return null
  if (as === 'alone') return mirror.stale === null || mirror.stale === by ? null : 'by-bitmap'
  return as === 'paired' && mirror.stale === null ? 'open' : null
}

export const openOrders = (state: State, name: string, server: ServerName): readonly OpenOrder[] =>
  (constructedMirror(state, name)?.orders ?? []).filter((one) => one.server === server)

export const finishOrder = (
  state: State,
  finished: { readonly mirror: MirrorName; readonly ordered: Sequence } & Pick<
    DataOf<'MirrorOrderFinished'>,
    'outcome' | 'detail'
  >,
): Decision | null => {
  const { mirror: name, ordered, outcome, detail } = finished
  const open = constructedMirror(state, name)?.orders.find((one) => one.sequence === ordered)
  if (!open) return null
  const data = { mirror: name, server: open.server, ordered, outcome, detail: detail.slice(0, 500) }
  return together([{ type: 'MirrorOrderFinished', data }], {}, ordered)
}

/** The active side has begun to bring the other one up; once for each time it begins. */
export const startResync = (state: State, started: DataOf<'MirrorResyncStarted'>): Decision | null => {
  const mirror = constructedMirror(state, started.mirror)
  if (mirror?.stale !== started.target) return null
  const { resync } = mirror
  if (resync && resync.interrupted === null && resync.source === started.source) return null
  return together([{ type: 'MirrorResyncStarted', data: started }], {}, null)
}

export const interruptResync = (state: State, interrupted: DataOf<'MirrorResyncInterrupted'>): Decision | null => {
  const before = constructedMirror(state, interrupted.mirror)?.resync
  if (!before || before.target !== interrupted.target || before.interrupted !== null) return null
  const data = { ...interrupted, because: interrupted.because.slice(0, 500) }
  return together([{ type: 'MirrorResyncInterrupted', data }], {}, null)
}

/** Its disk fails, and that is news: told once for each disk and what it does not do, and for so many bad blocks. */
export const reportTrouble = (state: State, trouble: DataOf<'MirrorDiskTrouble'>): Decision | null => {
  const mirror = constructedMirror(state, trouble.mirror)
  const because = trouble.because.slice(0, 500)
  if (mirror === null || !isNewTrouble(sideOf(mirror, trouble.server).trouble, trouble)) return null
  return together([{ type: 'MirrorDiskTrouble', data: { ...trouble, because } }], {}, null)
}

/** The copy of the side that follows is left alone from here on. */
export const recordSplit = (state: State, split: DataOf<'MirrorSplit'>): Decision | null => {
  const mirror = constructedMirror(state, split.mirror)
  if (mirror === null || mirror.split !== null || mirror.stale !== null) return null
  return together([{ type: 'MirrorSplit', data: split }], {}, null)
}
