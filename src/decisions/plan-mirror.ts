/**
 * What the data plane of a mirror has to do next on this server: the difference between what the log says and what it
 * does, by the contract in mirror-agent.ts. One step at a time; asked again after each.
 */
import type { Epoch, MirrorConfiguration, ServerName } from '../events/index.ts'
import type { Lacking } from '../projections/mirror-history.ts'
import { sideOf } from '../projections/mirror-sides.ts'
import type { Mirror } from '../projections/mirrors.ts'
import { serverOf } from '../projections/servers.ts'
import type { State } from '../projections/state.ts'
import { isForced, logWordOf, mayFollow, mustVoid, needsFormat, sideVerdict } from './mirror-agent.ts'
import { mirrorObjection } from './mirror-fitness.ts'
import { constructedMirror, mirrorConfigurationOf, otherOf, ownershipOf } from './mirror-pair.ts'
import { lackingSize, mayServeLarger, mustGrow } from './resize-mirror.ts'

/** The process as it is. */
export type PlaneSeen = {
  readonly does: 'nothing' | 'follow' | 'serve'
  /** Size of the data partition, however much of it is mirrored. */
  readonly diskBytes: number
  /** How much of it is mirrored, by its cluster partition; 0 = that cannot be read. */
  readonly dataBytes: number
  readonly isConsistent: boolean
  /** It takes in what was added to its data partition; `because`: why it could not. */
  readonly growth: { readonly because: string | null } | null
  /** Of the ownership under which it serves, or has served. */
  readonly epoch: number
  /** The driver has let go of what was served: nothing is mounted. */
  readonly isLetGo: boolean
  /** It makes no connection to the other side. */
  readonly isParted: boolean
  /** Its copy can be read, for a backup. */
  readonly isExposed: boolean
  /** What it claims now stands on the log, said by this agent. */
  readonly isShown: boolean
  /** For how long the other side has been waited for. */
  readonly waitedMs: number
}

export type MirrorStep =
  | { readonly do: 'rest'; readonly because: string | null }
  | { readonly do: 'show' | 'follow' | 'connect' | 'expose' }
  | { readonly do: 'part'; readonly because: string }
  /** Asked again until it has: whoever grows already goes on. */
  | { readonly do: 'grow'; readonly dataBytes: number }
  | { readonly do: 'leave'; readonly because: string }
  | FormatStep
  | {
      readonly do: 'void'
      readonly generation: string | null
      readonly epoch: number
      readonly saves: number
      readonly runs: Extract<Lacking, { copy: 'differences' }>['runs']
    }
  | {
      readonly do: 'activate'
      readonly epoch: Epoch
      readonly isCurrent: boolean
      readonly wasLast: boolean
      readonly generation: string | null
      readonly force: boolean
      /** How long the other side is waited for; null = as configured. */
      readonly connectMs: number | null
    }
export type FormatStep = {
  readonly do: 'format'
  readonly generation: string | null
  readonly dataBytes: number
  readonly blockBytes: number
  readonly regionBytes: number
  readonly saves: number
}

/** So long the smaller of two partitions is waited for, when a mirror is made and both servers are there. */
const longestWaitMs = 15_000

const rest = (because: string | null): MirrorStep => ({ do: 'rest', because })

/** `wanted`: the epoch under which the driver wants it served here; null = it does not. */
export const planMirror = (state: State, { name, me, wanted, plane }: MirrorWish): MirrorStep => {
  const mirror = constructedMirror(state, name)
  const configuration = mirrorConfigurationOf(state, name)
  if (mirror === null || configuration === null) return rest('the mirror was not initialised')
  // Served until the driver lets go of it, whatever the log says meanwhile: it is mounted.
  if (plane.does === 'serve') return whileServed(state, name, me, plane)
  const verdict = sideVerdict(state, name, me)
  if (!plane.isShown || verdict === null) return { do: 'show' }
  // A word about the copy that was overtaken by a join.
  const seen = sideOf(mirror, me).seen
  if (seen && !seen.isConsistent && plane.isConsistent && mirror.stale !== me) return { do: 'show' }
  return (
    parting(state, name, plane) ??
    rewriting(state, { name, me, wanted, plane }, { mirror, configuration }) ??
    (wanted === null ? following(state, name, me, plane) : serving(state, name, me, { wanted, plane }))
  )
}

const whileServed = (state: State, name: string, me: ServerName, plane: PlaneSeen): MirrorStep => {
  const { isShown, isLetGo, epoch } = plane
  const owned = ownershipOf(state, name)
  const isOver = owned?.server !== me || owned.epoch !== epoch
  if (isLetGo && isOver) return { do: 'leave', because: 'this ownership is over' }
  if (!isShown) return { do: 'show' }
  const larger = mayServeLarger(state, name, me) ? growing(state, name, me, plane) : null
  return parting(state, name, plane) ?? larger ?? rest(null)
}

const growing = (state: State, name: string, me: ServerName, { dataBytes: has }: PlaneSeen): MirrorStep | null => {
  const dataBytes = mustGrow(state, name, me, has)
  return dataBytes === null ? null : { do: 'grow', dataBytes }
}

/** By an operator's word both sides stay apart, or connect again; null: as it is. */
const parting = (state: State, name: string, { isParted }: PlaneSeen): MirrorStep | null => {
  const because = whyApart(constructedMirror(state, name))
  if (because !== null && !isParted) return { do: 'part', because }
  return because === null && isParted ? { do: 'connect' } : null
}

const whyApart = (mirror: Mirror | null): string | null =>
  mirror?.split
    ? `${mirror.split.server} is split off for a backup`
    : mirror?.mayConnect === false
      ? 'broken by an operator'
      : null

export type MirrorWish = {
  readonly name: string
  readonly me: ServerName
  readonly wanted: Epoch | null
  readonly plane: PlaneSeen
}
type Known = { readonly mirror: Mirror; readonly configuration: MirrorConfiguration }

/** What has to be done to the cluster partition first; null = nothing. */
const rewriting = (
  state: State,
  { name, me, plane }: MirrorWish,
  { mirror, configuration }: Known,
): MirrorStep | null => {
  const format = needsFormat(state, name, me)
  const lacks = mustVoid(state, name, me)
  if (format === null && lacks === null) return null
  if (plane.does === 'follow' || plane.isExposed)
    return { do: 'leave', because: 'its cluster partition is written anew' }
  if (format === null && lacks?.copy === 'differences') {
    // What it lacks may lie beyond its end.
    const dataBytes = lackingSize(mirror, plane.dataBytes)
    if (dataBytes !== null) return { do: 'grow', dataBytes }
    const { known } = sideOf(mirror, me)
    const { generation = null, epoch = 0, saves = null } = known ?? {}
    return { do: 'void', generation, epoch, saves: saves ?? 0, runs: lacks.runs }
  }
  return formatStep(state, { mirror, configuration }, { me, plane, generation: format?.generation ?? null })
}

/**
 * Both sides mirror as much as the smaller one had when they were made, or what the log has named since. One that is copied
 * from a side that has not grown begins with as much: what is added to it then is made zeros, as there.
 */
export const formatStep = (
  state: State,
  { mirror, configuration }: Known,
  { me, plane, generation }: { readonly me: ServerName; readonly plane: PlaneSeen; readonly generation: string | null },
): MirrorStep => {
  const { blockSize: blockBytes, regionSize: regionBytes } = configuration
  const other = otherOf(state, mirror.name, me)
  const theirs = other === null ? null : sideOf(mirror, other).seen
  const isAwaited = other !== null && theirs === null && serverOf(state.servers, other).status === 'up'
  if (isAwaited && plane.waitedMs < longestWaitMs) return rest(`${other} has not shown its partition yet`)
  if (theirs && theirs.id === mirror.id && theirs.dataBytes > plane.diskBytes)
    return rest(`the data partition has ${plane.diskBytes} bytes, the mirror ${theirs.dataBytes}`)
  const least = theirs && theirs.dataBytes > 0 ? Math.min(theirs.dataBytes, plane.diskBytes) : plane.diskBytes
  const all = mirror.dataBytes ?? least
  if (all > plane.diskBytes) return rest(`the data partition has ${plane.diskBytes} bytes, the mirror ${all}`)
  const saves = sideOf(mirror, me).known?.saves ?? 0
  const isCopied = theirs?.id === mirror.id && mirror.current === other
  const dataBytes = isCopied && theirs.dataBytes > 0 ? Math.min(all, theirs.dataBytes) : all - (all % 4096)
  return { do: 'format', generation, dataBytes, blockBytes, regionBytes, saves }
}

const following = (state: State, name: string, me: ServerName, plane: PlaneSeen): MirrorStep => {
  const { does, isExposed, isConsistent } = plane
  const owned = ownershipOf(state, name)
  // What was acknowledged here is flushed: a machine that is shut down now has lost nothing of it.
  const because = owned === null ? 'nobody serves it' : owned.server === me ? null : mayFollow(state, name, me)
  const isSplitOff = constructedMirror(state, name)?.split?.server === me
  if (isSplitOff && isConsistent && does === 'nothing') return isExposed ? rest(because) : { do: 'expose' }
  if (isExposed) return { do: 'leave', because: 'it is split off no longer' }
  if (does === 'follow' && because !== null) return { do: 'leave', because }
  // It follows first: as long as the other side has not grown either, it can.
  if (does !== 'follow' && because === null && owned?.server !== me) return { do: 'follow' }
  return growing(state, name, me, plane) ?? rest(because)
}

const serving = (
  state: State,
  name: string,
  me: ServerName,
  { wanted, plane }: { readonly wanted: Epoch; readonly plane: PlaneSeen },
): MirrorStep => {
  const owned = ownershipOf(state, name)
  if (owned?.server !== me || owned.epoch !== wanted) return rest(`epoch ${wanted} is over`)
  const objection = mirrorObjection(state, name, me)
  if (objection !== null) return rest(objection)
  const mirror = constructedMirror(state, name)
  // One that was made current by force too, whatever the log thinks of its past.
  const dataBytes = lackingSize(mirror, plane.dataBytes)
  // Had the other side served more, this one would have been left behind: its own size is all that was ever written to.
  const isStuck = mirror?.current === me && plane.growth?.because != null
  if (dataBytes !== null && !isStuck) return { do: 'grow', dataBytes }
  const other = otherOf(state, name, me)
  const isThere = whyApart(mirror) === null && other !== null && serverOf(state.servers, other).status === 'up'
  const word = logWordOf(state, name, me)
  return { do: 'activate', epoch: wanted, ...word, force: isForced(state, name, me), connectMs: isThere ? null : 0 }
}
