/** The recovery ladder of monitors: script, restart, fail over, final action; each rung counted, each skipped one said. */
import {
  type Event,
  type MonitorConfiguration,
  type MonitorName,
  resourceName,
  type Sequence,
} from '../events/index.ts'
import { type MonitorOnServer, monitorOn } from '../projections/monitors.ts'
import type { State } from '../projections/state.ts'
import { type Decision, type Facts, groupsOn, type OwnedGroup, together } from './decision.ts'
import { finalAction } from './final-action.ts'
import { failOver, maxFailovers, whileSuspended } from './report-group.ts'
import { stopGroup } from './stop-group.ts'

export type Failure = {
  readonly monitor: MonitorName
  readonly configuration: MonitorConfiguration
  readonly because: string
  /** The commit that recorded the verdict; null when it goes into the same commit. */
  readonly causedBy: Sequence | null
}

/** The next rung for a monitor in error on this server. Null = nothing new to do or say. */
export const recover = (state: State, failure: Failure, facts: Facts): Decision | null => {
  const { monitor, configuration, because, causedBy } = failure
  const here = monitorOn(state.monitors, monitor, facts.me)
  const targets = targetsOf(state, configuration, facts)
  const reason = whyNot(state, configuration, targets)
  if (reason !== null) return reason === 'busy' ? null : suppress(failure, here, facts, reason)
  const inputs = { monitor, because, taken: here.taken }
  const { recovery } = configuration
  const started = (action: 'restart' | 'failover' | 'final', limit: number): Event => ({
    type: 'RecoveryStarted',
    data: {
      monitor,
      server: facts.me,
      group: targets[0]?.name ?? null,
      action,
      count: here.taken[action] + 1,
      limit,
      because,
    },
  })
  if (here.taken.restart < recovery.restarts)
    return together(
      [started('restart', recovery.restarts), ...restart(configuration, targets, because)],
      inputs,
      causedBy,
    )
  if (here.taken.failover < recovery.failovers) {
    const moves = targets.map((group) =>
      failOver(state, group, facts, { limit: limitOf(state, group), failedThere: `${monitor} failed there` }),
    )
    const stopping = moves.flatMap((move) => ('stopping' in move ? [move.stopping] : []))
    if (stopping.length > 0) return together([started('failover', recovery.failovers), ...stopping], inputs, causedBy)
    const open = moves.find((move) => 'suppressed' in move && !move.exhausted)
    if (moves.length === 0) return suppress(failure, here, facts, 'nothing to fail over')
    if (open && 'suppressed' in open) return suppress(failure, here, facts, open.suppressed)
  }
  if (recovery.finalAction !== 'none' && here.taken.final < 1)
    return together(
      [started('final', 1), ...finalActions(state, targets, lastResort(failure, here), facts)],
      inputs,
      causedBy,
    )
  return suppress(failure, here, facts, 'every step of its recovery was taken')
}

/** Of every group that is a target; what concerns the server as a whole only once. */
const finalActions = (
  state: State,
  targets: readonly OwnedGroup[],
  final: Parameters<typeof finalAction>[2],
  facts: Facts,
): readonly Event[] =>
  (final.action === 'stop-group' ? targets : targets.slice(0, 1)).flatMap((group) =>
    finalAction(state, group, final, facts),
  )

/** Which monitor, what it saw, and what was tried before. */
const lastResort = (
  { monitor, configuration: { recovery, target }, because }: Failure,
  { taken }: MonitorOnServer,
): Parameters<typeof finalAction>[2] => {
  const watched = target === undefined ? '' : ` of ${target.group}${target.resource ? `/${target.resource}` : ''}`
  const tried = `${taken.restart} of ${recovery.restarts} restarts and ${taken.failover} of ${recovery.failovers} failovers`
  return { action: recovery.finalAction, because: `monitor ${monitor}${watched}: ${because}; after ${tried}` }
}

const limitOf = (state: State, { name }: OwnedGroup): number =>
  maxFailovers(state.configuration.current?.groups[name]?.maxFailovers ?? 'unlimited')

/** What recovery acts on: groups that this server owns. */
const targetsOf = (state: State, { recovery, target }: MonitorConfiguration, { me }: Facts): readonly OwnedGroup[] => {
  const mine = groupsOn(state, me)
  return recovery.on === 'all-groups' || recovery.on === 'server'
    ? mine
    : mine.filter((group) => group.name === target?.group)
}

/** Why nothing is done now; `busy` = something is being done already, so not even a word. */
const whyNot = (
  state: State,
  { target, recovery }: MonitorConfiguration,
  targets: readonly OwnedGroup[],
): string | null => {
  if (targets.length === 0) return 'nothing that it could act on runs here'
  const isUnderWay = targets.some((group) => {
    const resource = target?.resource === undefined ? undefined : group.ownership.resources[target.resource]
    return (
      group.ownership.phase === 'stopping' ||
      group.ownership.phase === 'starting' ||
      (resource?.restart ?? null) !== null ||
      resource?.condition === 'activating' ||
      resource?.condition === 'deactivating'
    )
  })
  if (isUnderWay) return 'busy'
  if (targets.every((group) => group.ownership.phase === 'failed') && recovery.on !== 'server')
    return 'the group has failed already'
  if (state.cluster.suspended) return whileSuspended
  return state.configuration.current?.suppressRecovery ? 'recovery is suppressed in the configuration' : null
}

const suppress = (
  { monitor, causedBy }: Failure,
  here: MonitorOnServer,
  { me }: Facts,
  because: string,
): Decision | null =>
  here.suppressed === because
    ? null
    : together([{ type: 'RecoverySuppressed', data: { monitor, server: me, because } }], {}, causedBy)

const restart = (
  { recovery, target }: MonitorConfiguration,
  targets: readonly OwnedGroup[],
  because: string,
): readonly Event[] =>
  targets.flatMap((group): Event[] => {
    const { name, ownership } = group
    const resource = target?.resource
    if (recovery.on !== 'resource' || resource === undefined)
      return [stopGroup(group, 'GROUPRESTART', { server: ownership.server, reason: 'restart', verdicts: [] })]
    const which = { group: name, resource: resourceName(resource), epoch: ownership.epoch }
    return [
      { type: 'ResourceLost', data: { ...which, because } },
      { type: 'ResourceRestartOrdered', data: which },
    ]
  })
