/**
 * Mirror disks as the log tells them: whose copy has every acknowledged write, what the other one lacks, and what each
 * side claims of itself. Kept for ever, also when the resource leaves the configuration: forgetting would make a stale
 * copy look like a new one.
 */
import {
  type Epoch,
  epochOf,
  type InitialCopy,
  type MirrorEvent,
  type MirrorName,
  type MirrorOrder,
  type Sequence,
  type ServerName,
  sequence,
  serverName,
  type WallTime,
} from '../events/index.ts'
import { afterJoin, type EpochHistory, recordedUnder } from './mirror-history.ts'
import { type Resync, type Resyncing, resyncAfter } from './mirror-resync.ts'
import { isToBeCopied, type Known, type Side, sideOf, troubled, verdictOn } from './mirror-sides.ts'
import type { Moment } from './servers.ts'

/** A parting of the two sides: content `generation` went on from `parent`. */
export type Parting = {
  readonly generation: string
  readonly parent: string | null
  readonly server: ServerName
  readonly epoch: Epoch
  readonly at: WallTime
  readonly sequence: Sequence
}

export type OpenOrder = {
  readonly order: MirrorOrder
  readonly server: ServerName
  readonly sequence: Sequence
  readonly by: string
}
export type ClosedOrder = OpenOrder & { readonly outcome: 'done' | 'failed'; readonly detail: string }

export type Mirror = {
  readonly name: MirrorName
  /** Null: never constructed. */
  readonly id: string | null
  readonly initial: InitialCopy
  /** With `initial: used`, until both sides were joined, or an operator has made a copy current. */
  readonly isFirstCopyOpen?: boolean
  /** What both sides are to mirror since it was resized; none: as much as it was made with. */
  readonly dataBytes?: number
  /** Has every acknowledged write: the one that served last. */
  readonly current: ServerName | null
  /** May lack some; null = both have everything. */
  readonly stale: ServerName | null
  /** What the content of `current` is called. */
  readonly generation: string | null
  readonly epoch: Epoch
  readonly because: string
  readonly since: WallTime
  readonly sequence: Sequence
  /** Oldest first. */
  readonly partings: readonly Parting[]
  /** What was written under each epoch, oldest first. */
  readonly epochs: readonly EpochHistory[]
  readonly sides: Readonly<Record<string, Side>>
  readonly resync: Resync | null
  /** Of the latest resync; none before the first has told. */
  readonly speed?: { readonly doneBytes: number; readonly elapsedMs: number }
  /** An operator's word on which the current copy rests; null once it has been served. */
  readonly forced: {
    readonly server: ServerName
    readonly lost: string
    readonly at: WallTime
    readonly by: string
  } | null
  /** It serves with the disk of `current` alone, because its own has failed; null = nobody does. */
  readonly detached: { readonly server: ServerName; readonly because: string; readonly at: WallTime } | null
  readonly split: { readonly server: ServerName; readonly at: WallTime } | null
  /** False after `baton mirror break`, until `connect`. */
  readonly mayConnect: boolean
  readonly orders: readonly OpenOrder[]
  /** The latest. */
  readonly closedOrders: readonly ClosedOrder[]
  /** The latest comparison; null once what differed was copied. */
  readonly verified: {
    readonly at: WallTime
    readonly checkedBytes: number
    readonly differentBytes: number
  } | null
}
export type Mirrors = Readonly<Record<string, Mirror>>

/** As many as a side's metadata remembers (src/mirror/generations.ts): what is older is copied in full. */
const keptPartings = 32
const keptOrders = 20

/** No ownership has it. */
const noEpoch = epochOf(sequence(0))

const freshMirror = (name: MirrorName, { at, sequence }: Moment): Mirror => ({
  name,
  id: null,
  initial: 'full',
  current: null,
  stale: null,
  generation: null,
  epoch: noEpoch,
  because: '',
  since: at,
  sequence,
  partings: [],
  epochs: [],
  sides: {},
  resync: null,
  forced: null,
  detached: null,
  split: null,
  mayConnect: true,
  orders: [],
  closedOrders: [],
  verified: null,
})

type Mutable = { -readonly [K in keyof Mirror]: Mirror[K] }

export const mirrorOf = (mirrors: Mirrors, name: string): Mirror | null =>
  Object.hasOwn(mirrors, name) ? (mirrors[name] ?? null) : null

/** Folds one event in place. Total: what contradicts is answered as an anomaly. */
export const foldMirror = (mirrors: Mirrors, event: MirrorEvent, moment: Moment): string | null => {
  // cast: a draft, which may be changed
  const all = mirrors as Record<string, Mutable>
  const { mirror: name } = event.data
  const known = all[name]
  const mirror: Mutable = known ?? { ...freshMirror(name, moment) }
  if (!known) all[name] = mirror
  switch (event.type) {
    case 'MirrorConstructed':
    case 'MirrorBroken':
    case 'MirrorDetached':
    case 'MirrorJoined':
    case 'MirrorForced':
      return foldStanding(mirror, event, moment)
    case 'MirrorResyncStarted':
    case 'MirrorResyncProgressed':
    case 'MirrorResyncInterrupted':
      mirror.resync = resyncAfter(mirror, event, moment.at)
      if (event.type === 'MirrorResyncProgressed') mirror.speed = speedOf(event.data)
      return null
    case 'MirrorOrdered':
    case 'MirrorOrderFinished':
    case 'MirrorConnectAllowed':
      foldOrder(mirror, event, moment)
      return null
    default:
      foldSide(mirror, event, moment)
      return null
  }
}

const speedOf = ({ doneBytes, elapsedMs }: Of<'MirrorResyncProgressed'>['data']) => ({ doneBytes, elapsedMs })

type Standing = 'MirrorConstructed' | 'MirrorBroken' | 'MirrorDetached' | 'MirrorJoined' | 'MirrorForced'
type Of<Type extends MirrorEvent['type']> = Extract<MirrorEvent, { type: Type }>

const foldStanding = (mirror: Mutable, { type, data }: Of<Standing>, moment: Moment): string | null => {
  mirror.detached = null
  switch (type) {
    case 'MirrorConstructed':
      Object.assign(mirror, { id: data.id, initial: data.initial, partings: [], epochs: [], forced: null, split: null })
      mirror.sides = {}
      stand(mirror, { current: data.source, generation: data.generation, because: data.because }, moment)
      mirror.stale = data.initial === 'none' ? null : data.target
      if (data.initial === 'used') mirror.isFirstCopyOpen = true
      else delete mirror.isFirstCopyOpen
      know(mirror, data.source, { generation: data.generation })
      if (data.initial === 'none') know(mirror, data.target, { generation: data.generation })
      part(mirror, { ...data, server: data.source, epoch: mirror.epoch, parent: null }, moment)
      return null
    case 'MirrorBroken': {
      const { current, stale, generation, epoch, because } = data
      const contradiction =
        mirror.stale === current && mirror.forced?.server !== current
          ? `${mirror.name}: ${current} went on alone, but ${mirror.current} has every acknowledged write`
          : null
      if (generation !== mirror.generation)
        part(mirror, { generation, parent: mirror.generation, server: current, epoch }, moment)
      stand(mirror, { current, generation, because, epoch }, moment)
      Object.assign(mirror, { stale, forced: null })
      // Nobody else says so of one that had copied everything, and waited for the log to hear of it.
      if (mirror.resync?.interrupted === null) mirror.resync = { ...mirror.resync, interrupted: because }
      know(mirror, current, { generation, epoch })
      change(mirror, current, { seen: became('active', sideOf(mirror, current).seen, data) })
      const when = { epoch, server: current, since: moment.sequence }
      mirror.epochs = recordedUnder(mirror.epochs, { ...when, runs: [], covered: null })
      return contradiction
    }
    case 'MirrorDetached':
      return foldDetached(mirror, data, moment)
    case 'MirrorJoined': {
      const { source, target, generation, epoch } = data
      if (mirror.stale !== null || mirror.current !== source)
        stand(mirror, { current: source, generation, because: 'both sides have everything', epoch }, moment)
      Object.assign(mirror, { stale: null, resync: null, split: null, generation, epoch, forced: null })
      // What a comparison had found was marked, and is copied with the rest.
      if (isToBeCopied(mirror)) mirror.verified = null
      for (const server of [source, target]) know(mirror, server, { generation, epoch })
      change(mirror, source, { seen: became('active', sideOf(mirror, source).seen, data) })
      change(mirror, target, { trouble: null, seen: became('standby', sideOf(mirror, target).seen, data) })
      mirror.epochs = afterJoin(mirror.epochs, { epoch, server: source, since: moment.sequence })
      delete mirror.isFirstCopyOpen
      return null
    }
    case 'MirrorForced': {
      const { server, generation, lost } = data
      const other = Object.keys(mirror.sides).find((one) => one !== server) ?? mirror.current
      stand(mirror, { current: server, generation, because: 'forced by an operator' }, moment)
      mirror.forced = { server, lost, at: moment.at, by: moment.by }
      delete mirror.isFirstCopyOpen
      mirror.epochs = []
      mirror.resync = null
      mirror.stale = other === null || other === server ? null : serverName(other)
      // Its branch is given up: whatever it claims, or has claimed already, is not what the log calls current.
      if (mirror.stale !== null) giveUp(mirror, mirror.stale)
      know(mirror, server, { generation })
      return null
    }
    default:
      return type satisfies never
  }
}

const giveUp = (mirror: Mutable, server: ServerName): void => {
  change(mirror, server, { known: null })
  const { seen } = sideOf(mirror, server)
  if (seen) change(mirror, server, { seen: { ...seen, verdict: verdictOn(mirror, server, seen) } })
}

const foldDetached = (
  mirror: Mutable,
  { server, current, epoch, because }: Of<'MirrorDetached'>['data'],
  moment: Moment,
): string | null => {
  const contradiction =
    mirror.stale === null
      ? null
      : `${mirror.name}: ${server} went on with the disk of ${current}, which lacks something`
  stand(mirror, { current, epoch, because }, moment)
  Object.assign(mirror, { stale: server, resync: null, detached: { server, because, at: moment.at } })
  // What it had, and what it claimed, is void: its copy is made anew once the other side serves.
  change(mirror, server, { known: null, seen: null })
  return contradiction
}

type Named = { readonly generation: string; readonly epoch: Epoch }

/** What a side claimed before it was served, or brought up, is over. */
const became = (role: 'active' | 'standby', seen: Side['seen'], { generation, epoch }: Named): Side['seen'] =>
  seen && {
    ...seen,
    generation,
    epoch,
    pending: null,
    role,
    isConsistent: true,
    isSameBoot: true,
    verdict: { is: 'as-known' },
  }

const stand = (mirror: Mutable, change: Partial<Mirror>, { at, sequence }: Moment): void => {
  Object.assign(mirror, change, { since: at, sequence })
}

const part = (mirror: Mutable, parting: Omit<Parting, 'at' | 'sequence'>, { at, sequence }: Moment): void => {
  const { generation, parent, server, epoch } = parting
  mirror.partings = [...mirror.partings.slice(1 - keptPartings), { generation, parent, server, epoch, at, sequence }]
}

const change = (mirror: Mutable, server: ServerName, what: Partial<Side>): void => {
  mirror.sides = { ...mirror.sides, [server]: { ...sideOf(mirror, server), ...what } }
}

/** What a side has for certain from here on. */
const know = (mirror: Mutable, server: ServerName, what: Partial<Known>): void => {
  const { known } = sideOf(mirror, server)
  const { generation = null, epoch = known?.epoch ?? noEpoch, saves = known?.saves ?? null } = what
  change(mirror, server, { known: { generation, epoch, saves } })
}

type Ordering = Of<'MirrorOrdered' | 'MirrorOrderFinished' | 'MirrorConnectAllowed'>

const foldOrder = (mirror: Mutable, { type, data }: Ordering, { sequence: ordered, by }: Moment): void => {
  if (type === 'MirrorConnectAllowed') {
    mirror.mayConnect = true
    return
  }
  if (type === 'MirrorOrdered') {
    const { order, server } = data
    // A later order of the same kind takes the place of an earlier one.
    const others = mirror.orders.filter((one) => one.order !== order).slice(1 - keptOrders)
    mirror.orders = [...others, { order, server, sequence: ordered, by }]
    if (order === 'break') mirror.mayConnect = false
    if (order === 'resync' || order === 'resync-full') mirror.mayConnect = true
    if (order === 'replace-disk') {
      const other = Object.keys(mirror.sides).find((one) => one !== server)
      change(mirror, server, { known: null, seen: null, trouble: null })
      if (other !== undefined) Object.assign(mirror, { current: serverName(other), stale: server })
    }
    return
  }
  const open = mirror.orders.find((one) => one.sequence === data.ordered)
  if (!open) return
  mirror.orders = mirror.orders.filter((one) => one !== open)
  const closed: ClosedOrder = { ...open, outcome: data.outcome, detail: data.detail }
  mirror.closedOrders = [...mirror.closedOrders.slice(1 - keptOrders), closed]
}

type OfSide = Exclude<MirrorEvent, Of<Standing> | Resyncing | Ordering>

const foldSide = (mirror: Mutable, { type, data }: OfSide, { at, sequence }: Moment): void => {
  switch (type) {
    case 'MirrorSideSeen': {
      const { mirror: _, server, ...claims } = data
      const verdict = verdictOn(mirror, server, claims)
      const { known } = sideOf(mirror, server)
      change(mirror, server, { seen: { ...claims, at, sequence, verdict } })
      if (known && verdict.is === 'as-known') {
        const { epoch } = claims.epoch > known.epoch ? claims : known
        know(mirror, server, { generation: known.generation, epoch, saves: claims.saves ?? known.saves })
      }
      return
    }
    case 'MirrorDirtyRecorded': {
      const { epoch, server: by, runs, covered } = data
      // Of an epoch that is forgotten already it is a part.
      const unless = mirror.epochs.some((one) => one.epoch === epoch) ? null : 'no'
      mirror.epochs = recordedUnder(mirror.epochs, { epoch, server: by, runs, covered: covered ?? unless })
      for (const server of Object.keys(mirror.sides).map(serverName)) {
        const { known } = sideOf(mirror, server)
        const saves = Object.hasOwn(data.saves, server) ? data.saves[server] : undefined
        if (known && saves !== undefined && saves > (known.saves ?? -1))
          know(mirror, server, { generation: known.generation, saves })
      }
      return
    }
    case 'MirrorSideMeasured': {
      const { mirror: _, server, ...measured } = data
      change(mirror, server, { measured })
      return
    }
    case 'MirrorResized':
      mirror.dataBytes = data.dataBytes
      return
    case 'MirrorVerified':
      mirror.verified = { at, checkedBytes: data.checkedBytes, differentBytes: data.differentBytes }
      return
    case 'MirrorSplit':
      mirror.split = { server: data.server, at }
      return
    case 'MirrorRejoined':
      mirror.split = null
      return
    case 'MirrorDiskTrouble':
      change(mirror, data.server, { trouble: troubled(sideOf(mirror, data.server).trouble, data, at) })
      return
    case 'MirrorProcessDied':
      // What it was doing is over; whether anything was lost with it, the next break or claim says.
      return
    case 'MirrorConnectLost':
    case 'MirrorConnectRestored': {
      const { network, server } = data
      const others = sideOf(mirror, server).lostNetworks.filter((one) => one !== network)
      change(mirror, server, { lostNetworks: type === 'MirrorConnectLost' ? [...others, network] : others })
      return
    }
    default:
      data satisfies never
  }
}
