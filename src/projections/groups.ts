/** Which server may run which group, how far it is, and what its resources do. */
import {
  type AssignReason,
  type Epoch,
  epochOf,
  type GroupEvent,
  type GroupName,
  type ResourceEvent,
  type ResourceName,
  type Sequence,
  type ServerName,
  type StopFactor,
  type Verdict,
  type WallTime,
} from '../events/index.ts'
import type { Moment } from './servers.ts'

export type ResourceCondition =
  | 'offline'
  | 'activating'
  | 'online'
  | 'deactivating'
  | 'activation-failed'
  | 'deactivation-failed'
  | 'lost'

export type Resource = {
  readonly condition: ResourceCondition
  readonly since: WallTime
  readonly because: string
  /** `off`: an operator stopped this one resource by hand. */
  readonly wanted: 'on' | 'off'
  /** Activations that failed since it was last online under this epoch. */
  readonly failedAttempts: number
  /** The latest failure was a stall: no end within the time-out (F3). */
  readonly stalled: boolean
  /** A restart that was ordered and has not happened yet. */
  readonly restart: Sequence | null
}

export type Next = { readonly server: ServerName; readonly reason: AssignReason; readonly verdicts: readonly Verdict[] }

export type Ownership =
  | { readonly status: 'stopped'; readonly since: WallTime; readonly because: string }
  | {
      readonly status: 'assigned'
      readonly server: ServerName
      readonly epoch: Epoch
      readonly reason: AssignReason
      /** `uncertain`: the owner was declared down and is not proven off; nobody else may have the group yet. */
      readonly phase: 'starting' | 'online' | 'stopping' | 'failed' | 'uncertain'
      readonly since: WallTime
      readonly because: string
      /** The commit that ordered what is going on: the assignment, or the stop. */
      readonly orderedBy: Sequence
      /** While stopping: why, and where it goes next. */
      readonly factor: StopFactor | null
      readonly next: Next | null
      readonly resources: Readonly<Record<string, Resource>>
    }

export type Group = {
  readonly name: GroupName
  readonly wanted: 'started' | 'stopped'
  readonly ownership: Ownership
  /** Failovers since the count was last reset. */
  readonly failovers: number
  /** Servers that it was failed over from since then. */
  readonly failedOn: readonly ServerName[]
  readonly lastServer: ServerName | null
  /** Why it cannot be placed; null when it can. */
  readonly waiting: { readonly because: string; readonly verdicts: readonly Verdict[] } | null
  /** The latest failover that was not done, and why. */
  readonly suppressed: string | null
}
export type Groups = Readonly<Record<string, Group>>

export const freshGroup = (name: GroupName, wanted: 'started' | 'stopped', at: WallTime): Group => ({
  name,
  wanted,
  ownership: { status: 'stopped', since: at, because: 'never started' },
  failovers: 0,
  failedOn: [],
  lastServer: null,
  waiting: null,
  suppressed: null,
})

export const freshResource = (at: WallTime): Resource => ({
  condition: 'offline',
  since: at,
  because: '',
  wanted: 'on',
  failedAttempts: 0,
  stalled: false,
  restart: null,
})

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
type Draft = Record<string, Mutable<Group>>

/** Folds one event in place. Total: what contradicts is answered as an anomaly, for people. */
export const foldGroup = (groups: Groups, event: GroupEvent, moment: Moment): string | null => {
  const { type, data } = event
  const group = (groups as Draft)[data.group]
  if (!group) return `${type} for group ${data.group}, which no configuration has`
  switch (type) {
    case 'GroupWanted':
      group.wanted = data.wanted
      // An operator has looked at it: what failed before may be mended.
      group.failedOn = []
      if (data.wanted === 'stopped') group.waiting = null
      return null
    case 'GroupAssigned': {
      const before = group.ownership
      group.ownership = {
        status: 'assigned',
        server: data.server,
        epoch: epochOf(moment.sequence),
        reason: data.reason,
        phase: 'starting',
        since: moment.at,
        because: '',
        orderedBy: moment.sequence,
        factor: null,
        next: null,
        resources: {},
      }
      group.lastServer = data.server
      group.waiting = null
      group.suppressed = null
      // A crash of the server says nothing against the group; a failure of the group itself counts.
      if (data.reason === 'failover' && before.status === 'stopped' && before.because === 'GROUPFAILOVER')
        group.failovers += 1
      return before.status === 'assigned'
        ? `${data.group} assigned to ${data.server} while ${before.server} still owned it`
        : null
    }
    case 'GroupWaiting':
      group.waiting = { because: data.because, verdicts: data.verdicts }
      return null
    // Who owns it stands on the log already; that there were two is for people.
    case 'DoubleActivationSeen':
      return null
    case 'FailoverCountReset':
      group.failovers = 0
      group.failedOn = []
      return null
    default:
      return foldOwned(group, event, moment)
  }
}

type OwnedEvent = Extract<GroupEvent, { data: { epoch: Epoch } }>

/** Events of one ownership: a late one, of an epoch that is over, must not touch its successor. */
const foldOwned = (group: Draft[string], { type, data }: OwnedEvent, moment: Moment): string | null => {
  const owned: Mutable<Ownership> = group.ownership
  if (owned.status !== 'assigned' || owned.epoch !== data.epoch) return null
  switch (type) {
    case 'GroupStopping':
      Object.assign(owned, {
        phase: 'stopping',
        factor: data.factor,
        next: data.next,
        since: moment.at,
        orderedBy: moment.sequence,
      })
      if (data.factor === 'GROUPFAILOVER') group.failedOn = [...new Set([...group.failedOn, owned.server])]
      return null
    case 'GroupOnline':
      if (owned.phase === 'stopping') return null
      Object.assign(owned, { phase: 'online', since: moment.at, because: '' })
      return null
    case 'GroupStopped':
      group.ownership = { status: 'stopped', since: moment.at, because: owned.factor ?? 'stopped' }
      return null
    case 'GroupFailed':
      Object.assign(owned, { phase: 'failed', since: moment.at, because: data.because })
      return null
    case 'FailoverSuppressed':
      group.suppressed = data.because
      return null
    default:
      return type satisfies never
  }
}

/** The draft of one resource, made when it is new. */
const ensure = (resources: Record<string, Resource>, name: ResourceName, { at }: Moment): Mutable<Resource> => {
  const known = resources[name]
  if (known) return known
  const resource = freshResource(at)
  resources[name] = resource
  return resource
}

/** Folds one resource event into its group. */
export const foldResource = (groups: Groups, { type, data }: ResourceEvent, moment: Moment): string | null => {
  const owned = groups[data.group]?.ownership
  if (owned?.status !== 'assigned' || owned.epoch !== data.epoch) return null
  const resource = ensure(owned.resources, data.resource, moment)
  const enter = (condition: ResourceCondition, because = '') =>
    Object.assign(resource, { condition, because, since: moment.at })
  switch (type) {
    case 'ActivationStarted':
      enter('activating')
      return null
    case 'ResourceActivated':
      enter('online')
      resource.failedAttempts = 0
      resource.restart = null
      return null
    case 'ActivationFailed':
      enter('activation-failed', data.because)
      resource.stalled = data.stalled
      resource.failedAttempts += 1
      resource.restart = null
      return null
    case 'DeactivationStarted':
      enter('deactivating')
      return null
    case 'ResourceDeactivated':
      enter('offline')
      return null
    case 'DeactivationFailed':
      enter('deactivation-failed', data.because)
      resource.stalled = data.stalled
      return null
    case 'ResourceLost':
      enter('lost', data.because)
      return null
    case 'ResourceRestartOrdered':
      resource.restart = moment.sequence
      resource.wanted = 'on'
      return null
    case 'ResourceStopOrdered':
      resource.wanted = 'off'
      return null
    case 'ResourceStartOrdered':
      resource.wanted = 'on'
      resource.restart = moment.sequence
      resource.failedAttempts = 0
      return null
    default:
      return type satisfies never
  }
}

/** The owner's machine restarted: whatever ran there does not. */
export const ownerRestarted = (groups: Groups, server: ServerName, moment: Moment): void => {
  for (const group of Object.values(groups as Draft)) {
    const owned: Mutable<Ownership> = group.ownership
    if (owned.status !== 'assigned' || owned.server !== server) continue
    owned.resources = {}
    if (owned.phase === 'stopping' || owned.phase === 'uncertain') continue
    const begun = { phase: 'starting', since: moment.at, because: 'the server restarted' }
    // A stop that had failed is over with what it could not stop.
    Object.assign(owned, { ...begun, factor: null, next: null })
  }
}

/** The owner was declared down, but may still run them. */
export const ownerUncertain = (groups: Groups, server: ServerName, moment: Moment): void => {
  for (const group of Object.values(groups as Draft)) {
    const owned: Mutable<Ownership> = group.ownership
    if (owned.status !== 'assigned' || owned.server !== server) continue
    Object.assign(owned, { phase: 'uncertain', since: moment.at, because: `${server} is down and not proven off` })
  }
}

/** The owner was only away: nobody else had its groups meanwhile, so they are its own as before. */
export const ownerBack = (groups: Groups, server: ServerName, moment: Moment): void => {
  for (const group of Object.values(groups as Draft)) {
    const owned: Mutable<Ownership> = group.ownership
    if (owned.status !== 'assigned' || owned.server !== server || owned.phase !== 'uncertain') continue
    const phase = owned.factor === null ? 'starting' : 'stopping'
    Object.assign(owned, { phase, since: moment.at, because: `${server} came back`, orderedBy: moment.sequence })
  }
}

/** The owner is proven off: nobody owns its groups until they are assigned anew. */
export const ownerGone = (groups: Groups, server: ServerName, because: string, moment: Moment): void => {
  for (const group of Object.values(groups as Draft)) {
    if (group.ownership.status === 'assigned' && group.ownership.server === server)
      group.ownership = { status: 'stopped', since: moment.at, because }
  }
}
