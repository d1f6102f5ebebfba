/** P4: a configuration is checked, compared with the one in force, and put on the log with the restarts it needs. */
import type { Configuration } from '../events/configuration.ts'
import type { Command, Event } from '../events/index.ts'
import { serverOf } from '../projections/servers.ts'
import type { State } from '../projections/state.ts'
import { changeVoters } from './change-voters.ts'
import { checkConfiguration, formatProblem } from './check-configuration.ts'
import { isOwned } from './decision.ts'
import { type ConfigurationDiff, diffConfiguration } from './diff-configuration.ts'
import type { Operated } from './operate-group.ts'
import { stopGroup } from './stop-group.ts'

/**
 * What of a difference cannot be put in force now. What would make leases too short for a while harms nobody where no lease
 * carries a group; and each epoch of a group lives under one policy for lost majorities, so that an old fold that knows the
 * epoch knows the policy (rule 12).
 */
export const refusedNow = (
  state: State,
  next: Configuration,
  { refused }: Pick<ConfigurationDiff, 'refused'>,
): ConfigurationDiff['refused'] => {
  const { cluster, groups } = state
  const isIdle = cluster.stopped && Object.values(groups).every(({ ownership }) => ownership.status === 'stopped')
  return [...refused.filter(({ path }) => !(isIdle && path.startsWith('heartbeat'))), ...notGone(state, next)]
}

/**
 * Servers that would be taken out before they are gone. Only configured ones are ever declared down, proven off or told to
 * stop: what such a one owns would stay its own, and a change of voters would wait for its word for ever. One that is down
 * and need not be proven off owns nothing.
 */
const notGone = (state: State, next: Configuration): ConfigurationDiff['refused'] => {
  const stay = next.servers.map(({ name }) => name)
  const taken = (state.configuration.current?.servers ?? []).filter(({ name }) => !stay.includes(name))
  return taken.flatMap(({ name }) => {
    const refusal = (because: string, remedy: string) => [{ path: `servers.${name}`, because, remedy }]
    if (serverOf(state.servers, name).status === 'up')
      return refusal(`${name} is up`, `first baton server stop ${name}`)
    if (state.fencing.pending[name] !== undefined)
      return refusal(
        `${name} is not proven off`,
        `mend its fence device; or switch ${name} off by hand, then baton server confirm-off ${name}`,
      )
    return []
  })
}

/** Refused with every problem found, or the new version and the first step of each restart it needs. */
export const applyConfiguration = (
  state: State,
  { source, note }: Extract<Command, { do: 'apply-configuration' }>,
): Operated => {
  const checked = checkConfiguration(source)
  if (!checked.ok)
    return {
      refused: checked.problems.map((problem) => formatProblem(problem, 'cluster.yaml')).join('\n'),
      possible: 'correct these places: baton config check',
    }
  const difference = diffConfiguration(state.configuration.current, checked.configuration)
  const { changes, restarts } = difference
  const refused = refusedNow(state, checked.configuration, difference)
  if (refused.length > 0)
    return {
      refused: refused.map(({ path, because }) => `${path}: ${because}`).join('\n'),
      possible: [...new Set(refused.map(({ remedy }) => remedy))].join('; '),
    }
  const voting = changeVoters(state, checked.configuration)
  if ('refused' in voting) return voting
  if (changes.length === 0 && state.configuration.current !== null)
    return { events: [], because: {}, settled: 'it is in force already' }
  const version = state.configuration.version + 1
  const applied: Event = {
    type: 'ConfigurationApplied',
    data: { version, configuration: checked.configuration, source, note },
  }
  const toRestart = new Set([...restarts.map(({ group }) => group), ...putBackEarly(state, checked.configuration)])
  const restarted = [...toRestart].flatMap((name): Event[] => {
    const group = state.groups[name]
    if (!group || !isOwned(group) || ['stopping', 'uncertain'].includes(group.ownership.phase)) return []
    return [stopGroup(group, 'GROUPRESTART', { server: group.ownership.server, reason: 'restart', verdicts: [] })]
  })
  return { events: [applied, ...voting, ...restarted], because: { changes: changes.map(({ path }) => path), restarts } }
}

/** Groups that were taken out and are put back before they have left: what runs of them is what they were. */
const putBackEarly = ({ configuration, groups }: State, next: Configuration): readonly string[] =>
  Object.entries(next.groups).flatMap(([name, { startup }]) =>
    startup === 'auto' && !Object.hasOwn(configuration.current?.groups ?? {}, name) && Object.hasOwn(groups, name)
      ? [name]
      : [],
  )
