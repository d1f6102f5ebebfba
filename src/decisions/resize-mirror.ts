/**
 * An ordered resize: how much is mirrored from here on, or why that cannot be. Both sides have said first how large their
 * partitions are; the log then names the size, and each side grows to it, whatever crashes meanwhile.
 */
import type { MirrorEvent, MirrorName, ServerName } from '../events/index.ts'
import { type Measured, sideOf } from '../projections/mirror-sides.ts'
import type { Mirror, OpenOrder } from '../projections/mirrors.ts'
import { serverOf } from '../projections/servers.ts'
import type { State } from '../projections/state.ts'
import { bytesInWords } from '../projections/wording.ts'
import { type Decision, together } from './decision.ts'
import { constructedMirror, otherOf, pairOf } from './mirror-pair.ts'

export type ResizeAnswer =
  /** Not both sides have said how large they are. */
  | { readonly answer: 'wait' }
  | { readonly answer: 'impossible'; readonly because: string }
  | { readonly answer: 'record'; readonly decision: Decision }
  /** The log has named the size. */
  | { readonly answer: 'named'; readonly dataBytes: number; readonly fromBytes: number }

/** Partitions are mirrored in whole pages of memory. */
const unit = 4096

type Sized = Measured & { readonly server: ServerName }

/** The resize that is ordered; null = none. */
export const openResize = (state: State, name: string): OpenOrder | null =>
  constructedMirror(state, name)?.orders.find(({ order }) => order === 'resize') ?? null

/** This side has yet to say how large its partitions are. */
export const mustMeasure = (state: State, name: string, server: ServerName): OpenOrder | null => {
  const mirror = constructedMirror(state, name)
  const open = openResize(state, name)
  return mirror === null || open === null || measuredFor(mirror, server, open) !== null ? null : open
}

const measuredFor = (mirror: Mirror, server: ServerName, { sequence }: OpenOrder): Sized | null => {
  const { measured } = sideOf(mirror, server)
  return measured?.ordered === sequence ? { ...measured, server } : null
}

/** Once for each order and side. */
export const measureSide = (
  state: State,
  measured: Extract<MirrorEvent, { type: 'MirrorSideMeasured' }>['data'],
): Decision | null =>
  mustMeasure(state, measured.mirror, measured.server)?.sequence === measured.ordered
    ? together([{ type: 'MirrorSideMeasured', data: measured }], {}, measured.ordered)
    : null

export const resizeMirror = (state: State, name: MirrorName, order: OpenOrder): ResizeAnswer => {
  const mirror = constructedMirror(state, name)
  if (mirror === null) return impossible('the mirror is not there any more')
  const { dataBytes: named, stale } = mirror
  const servers = pairOf(state, name)
  const sides = servers.flatMap((server) => measuredFor(mirror, server, order) ?? [])
  if (sides.length < servers.length) {
    if (stale !== null) return impossible(behind(mirror))
    const silent = servers.find((server) => measuredFor(mirror, server, order) === null)
    return silent === undefined || serverOf(state.servers, silent).status === 'up'
      ? { answer: 'wait' }
      : impossible(`${silent}, which has the other copy, is not there`)
  }
  const fromBytes = Math.max(...sides.map(({ mirroredBytes }) => mirroredBytes))
  const mirrored = named ?? fromBytes
  const objection = sides.map((side) => objectionTo(side, mirrored)).find((one) => one !== null)
  if (objection) return impossible(objection)
  // On its way already, by this order or one before it.
  if (named !== undefined && sides.some(({ mirroredBytes }) => mirroredBytes < named))
    return { answer: 'named', dataBytes: named, fromBytes }
  const least = Math.min(...sides.map(({ dataBytes }) => dataBytes))
  const dataBytes = least - (least % unit)
  if (dataBytes <= mirrored) {
    const small = sides.find((one) => one.dataBytes === least)
    const other = sides.find((one) => one !== small)
    return small && other && other.dataBytes - least >= unit
      ? impossible(`${partitionOf(small)}, no more than is mirrored: enlarge it too (${partitionOf(other)})`)
      : { answer: 'named', dataBytes: mirrored, fromBytes }
  }
  if (stale !== null) return impossible(behind(mirror))
  const data = { mirror: name, server: order.server, ordered: order.sequence, fromBytes, dataBytes }
  const decision = together([{ type: 'MirrorResized', data }], { fromBytes, dataBytes }, order.sequence)
  return decision === null ? { answer: 'wait' } : { answer: 'record', decision }
}

const impossible = (because: string): ResizeAnswer => ({ answer: 'impossible', because })

const behind = ({ current, stale }: Mirror): string => `only ${current} has every write, ${stale} was left behind`

const partitionOf = ({ server, dataBytes }: Sized): string =>
  `the data partition of ${server} has ${bytesInWords(dataBytes)}`

const objectionTo = (side: Sized, mirrored: number): string | null => {
  const { server, because, dataBytes, metadataBytes, neededBytes } = side
  if (because !== '') return `${server} cannot tell how large its partitions are: ${because}`
  if (dataBytes < mirrored)
    return `${partitionOf(side)}, the mirror ${bytesInWords(mirrored)}: a mirror does not shrink`
  return metadataBytes < neededBytes
    ? `the cluster partition of ${server} has ${metadataBytes} bytes, ${neededBytes} are needed for its data partition of ${bytesInWords(dataBytes)}: enlarge it, or give less to the mirror`
    : null
}

/** What this side is to grow to before it is served, and while it follows; null = it has so much, or is not believed. */
export const mustGrow = (state: State, name: string, server: ServerName, mirroredBytes: number): number | null => {
  const mirror = constructedMirror(state, name)
  const verdict = mirror && sideOf(mirror, server).seen?.verdict.is
  return verdict === 'as-known' || verdict === 'new' ? lackingSize(mirror, mirroredBytes) : null
}

/** The size that the log names, where this side mirrors less. */
export const lackingSize = (mirror: Mirror | null, mirroredBytes: number): number | null =>
  mirror?.dataBytes !== undefined && mirroredBytes > 0 && mirroredBytes < mirror.dataBytes ? mirror.dataBytes : null

/** The side that serves grows after the other one: what it takes from then on must have a place there. */
export const mayServeLarger = (state: State, name: string, server: ServerName): boolean => {
  const mirror = constructedMirror(state, name)
  const other = otherOf(state, name, server)
  if (mirror?.dataBytes === undefined || other === null) return false
  const { seen } = sideOf(mirror, other)
  const hasGrown = seen?.id === mirror.id && seen.dataBytes >= mirror.dataBytes
  return hasGrown || serverOf(state.servers, other).status !== 'up'
}
