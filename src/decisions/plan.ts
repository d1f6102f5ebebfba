/** What a server does next for its groups: the difference between what the log says and what is true on the machine. */
import {
  type Epoch,
  type GroupName,
  groupName,
  type ResourceName,
  resourceName,
  type Sequence,
  sequence,
} from '../events/index.ts'
import { depthsOf } from '../projections/configuration.ts'
import { freshResource, type Resource } from '../projections/groups.ts'
import type { State } from '../projections/state.ts'
import { type Assigned, isOwned } from './decision.ts'

/** One resource as it is on this machine. `stuck`: it could not be taken down, whatever was tried. */
export type ObservedResource = {
  readonly group: GroupName
  readonly resource: ResourceName
  readonly epoch: Epoch
  readonly condition: 'off' | 'activating' | 'on' | 'failed' | 'deactivating' | 'stuck'
  /** How far the log had been read when its latest activation began: later orders to restart are not done yet. */
  readonly since: Sequence
  /** Resources it needs, as configured when it was activated; for taking it down in order when it is configured no more. */
  readonly after: readonly string[]
  readonly adopted: boolean
  /** Why it is not running any more, as the world itself told; it counts as `on` until it is taken down. */
  readonly lost: string | null
}
export type Observed = readonly ObservedResource[]

export type Effect =
  | { readonly do: 'Activate'; readonly group: GroupName; readonly resource: ResourceName; readonly epoch: Epoch }
  | {
      readonly do: 'Deactivate'
      readonly group: GroupName
      readonly resource: ResourceName
      readonly epoch: Epoch
      readonly urgent: boolean
    }
  | { readonly do: 'Cancel'; readonly group: GroupName; readonly resource: ResourceName }

/**
 * What this server may do with a group. `run`: rule 7 holds. `release`: it must be off, at once. `stop`: it must be off, in
 * good order while the lease lasts. `hold`: an agent that has just started and does not know yet; what runs goes on under the lease its predecessor had, nothing is started.
 */
export type Standing = 'run' | 'hold' | 'stop' | 'release'

/** Level-triggered: depends on what is, not on which event came; asking again yields the same until something changes. */
export const plan = (state: State, observed: Observed, standing: (group: GroupName) => Standing): readonly Effect[] => {
  const names = new Set([...Object.keys(state.groups).map(groupName), ...observed.map((one) => one.group)])
  return [...names].flatMap((name) =>
    planGroup(
      state,
      name,
      observed.filter((one) => one.group === name),
      standing(name),
    ),
  )
}

const planGroup = (state: State, name: GroupName, observed: Observed, standing: Standing): readonly Effect[] => {
  if (standing === 'hold') return []
  if (standing === 'stop') return takeDown(observed, false)
  const group = state.groups[name]
  if (standing === 'release' || !group || !isOwned(group)) return takeDown(observed, true)
  const owned = group.ownership
  const foreign = observed.filter((one) => one.epoch !== owned.epoch && one.condition !== 'off')
  // To be given the group is a new order for what was stuck before.
  if (foreign.length > 0) return takeDown(foreign, true, owned.orderedBy)
  if (owned.phase === 'stopping') return takeDown(observed, false, owned.orderedBy)
  if (owned.phase === 'failed' || owned.phase === 'uncertain') return []
  return bringUp(state, name, owned, observed)
}

const isBusy = ({ condition }: ObservedResource) => condition === 'activating' || condition === 'deactivating'

/**
 * Reverse order of dependency: a resource goes down once nothing that is up needs it. Where all must go at once, what is stuck
 * keeps nothing here: an address that stays would be in the way of whoever runs the group next.
 */
const takeDown = (observed: Observed, urgent: boolean, orderedBy: Sequence | null = null): readonly Effect[] =>
  observed.flatMap((one): Effect[] => {
    const { group, resource, epoch, condition } = one
    if (condition === 'activating') return [{ do: 'Cancel', group, resource }]
    if (condition === 'off') return []
    // Stuck: everything was tried. Trying for ever would only hide it; a new order, or a reset of the machine, has to end it.
    if (condition === 'stuck' && (orderedBy === null || orderedBy <= one.since)) return []
    // A patient stop that is under way must turn urgent when the lease ends.
    if (condition === 'deactivating' && !urgent) return []
    const isNeeded = observed.some(
      (other) =>
        other !== one &&
        other.condition !== 'off' &&
        !(urgent && other.condition === 'stuck') &&
        other.after.includes(resource),
    )
    return isNeeded ? [] : [{ do: 'Deactivate', group, resource, epoch, urgent }]
  })

const bringUp = (state: State, name: GroupName, owned: Assigned, observed: Observed): readonly Effect[] => {
  const configured = state.configuration.current?.groups[name]?.resources ?? {}
  const depths = depthsOf(configured)
  const removed = observed.filter((one) => !(one.resource in configured))
  const at = (resource: string) => observed.find((one) => one.resource === resource)
  const isBelowOthers = (resource: string) =>
    observed.some((other) => other.condition !== 'off' && other.after.includes(resource))
  const ordered = Object.keys(configured).toSorted((a, b) => (depths[a] ?? 0) - (depths[b] ?? 0))
  /** Run on something that is not (or no more) up, such as a disk that is to be restarted, or on one that does: they go down first. */
  const undermined = new Set<string>()
  const stands = (needed: string): boolean => !undermined.has(needed) && isUp(at(needed), owned.resources[needed])
  for (const resource of ordered) {
    const one = at(resource)
    if (one && !isBusy(one) && one.after.some((needed) => needed in configured && !stands(needed)))
      undermined.add(resource)
  }
  const effects = ordered.flatMap((resource): Effect[] => {
    const one = at(resource)
    const isOn = one?.condition === 'on' || one?.condition === 'failed'
    const isToGo = isOn && undermined.has(resource)
    const step = isToGo ? 'down' : nextStep(one, owned.resources[resource] ?? freshResource(owned.since))
    const target = { group: name, resource: resourceName(resource), epoch: owned.epoch }
    if (step === 'down') return isBelowOthers(resource) ? [] : [{ do: 'Deactivate', ...target, urgent: false }]
    const isReady = (configured[resource]?.after ?? []).every(stands)
    return step === 'up' && isReady ? [{ do: 'Activate', ...target }] : []
  })
  return [...takeDown(removed, false), ...effects]
}

const nextStep = (one: ObservedResource | undefined, resource: Resource): 'up' | 'down' | 'none' => {
  const condition = one?.condition ?? 'off'
  if (one && isBusy(one)) return 'none'
  const isRestartDue = resource.restart !== null && (one?.since ?? sequence(0)) < resource.restart
  if (resource.wanted === 'off') return condition === 'on' || condition === 'failed' ? 'down' : 'none'
  if (condition === 'on' || condition === 'failed') return isRestartDue ? 'down' : 'none'
  return condition === 'off' ? 'up' : 'none'
}

const isUp = (one: ObservedResource | undefined, resource: Resource | undefined): boolean =>
  one?.condition === 'on' && (resource?.restart ?? 0) <= one.since

/** Whether everything that should be up of an owned group is up, and nothing waits to be restarted. */
export const isAllUp = (state: State, name: GroupName, owned: Assigned, observed: Observed): boolean =>
  Object.keys(state.configuration.current?.groups[name]?.resources ?? {}).every((resource) => {
    const known = owned.resources[resource]
    const one = observed.find((each) => each.group === name && each.resource === resource)
    return known?.wanted === 'off'
      ? (one?.condition ?? 'off') === 'off'
      : isUp(one, known) && one?.epoch === owned.epoch
  })

export const isAllOff = (name: GroupName, observed: Observed): boolean =>
  observed.every((one) => one.group !== name || one.condition === 'off')
