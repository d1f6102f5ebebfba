/** What must be so for monitors: targets that exist, and a recovery that can reach something. */
import type { MonitorConfiguration } from '../events/configuration.ts'
import { formatDuration } from '../events/configuration.ts'
import type { RuleContext } from './configuration-rules.ts'
import type { Path, Problem } from './configuration-source.ts'
import { didYouMean } from './did-you-mean.ts'

type Watching = { readonly name: string; readonly path: Path; readonly monitor: MonitorConfiguration }

/** All rules of this file. */
export const monitorRules = (context: RuleContext): readonly Problem[] =>
  Object.entries(context.configuration.monitors).flatMap(([name, monitor]) => {
    const watching = { name, path: ['monitors', name], monitor }
    return [
      ...targetRule(context, watching),
      ...whenRule(context, watching),
      ...processRule(context, watching),
      ...mirrorRule(context, watching),
      ...recoveryRule(context, watching),
      ...timeRule(context, watching),
      ...watcherRule(context, watching),
    ]
  })

const targetRule = ({ report, namesAt }: RuleContext, { path, monitor: { target } }: Watching): readonly Problem[] => {
  if (!target) return []
  const groups = namesAt(['groups'])
  if (!groups.includes(target.group)) {
    const message = `there is no group ${target.group}`
    return [report({ path: [...path, 'target', 'group'], message, remedy: didYouMean(target.group, groups) })]
  }
  const resources = namesAt(['groups', target.group, 'resources'])
  if (target.resource === undefined || resources.includes(target.resource)) return []
  const message = `the group ${target.group} has no resource ${target.resource}`
  return [report({ path: [...path, 'target', 'resource'], message, remedy: didYouMean(target.resource, resources) })]
}

const whenRule = ({ report, broken }: RuleContext, { path, monitor }: Watching): readonly Problem[] => {
  if (monitor.type === 'pidw' && monitor.when === 'always') {
    const message = 'a process can only be watched while its resource is active'
    return [report({ path: [...path, 'when'], message, remedy: 'remove it, or write when: active' })]
  }
  // A pidw without a target is told so below.
  if (monitor.when !== 'active' || monitor.target || monitor.type === 'pidw' || broken([...path, 'target'])) return []
  const message = 'while active — but there is no target to be active'
  return [report({ path: [...path, 'when'], message, remedy: 'add target: {group: …}' })]
}

const processRule = (context: RuleContext, { path, monitor }: Watching): readonly Problem[] => {
  const { configuration, report, broken, namesAt } = context
  if (monitor.type !== 'pidw' || broken([...path, 'target'])) return []
  const { target } = monitor
  const remedy = 'write target: {group: …, resource: …}'
  if (!target) {
    return [report({ path: [...path, 'target'], message: 'a pidw needs the exec resource that it watches', remedy })]
  }
  if (!namesAt(['groups']).includes(target.group)) return []
  const exec = namesAt(['groups', target.group, 'resources']).filter((name) => {
    const group = Object.hasOwn(configuration.groups, target.group) ? configuration.groups[target.group] : undefined
    return group && Object.hasOwn(group.resources, name) && group.resources[name]?.type === 'exec'
  })
  if (target.resource === undefined) {
    const message = 'a pidw watches one exec resource, not a group'
    const choice = exec.length > 0 ? `add resource: ${exec[0]}` : remedy
    return [report({ path: [...path, 'target'], place: 'key', message, remedy: choice })]
  }
  const at = ['groups', target.group, 'resources', target.resource]
  const isThere = namesAt(at.slice(0, -1)).includes(target.resource)
  if (!isThere || broken(at) || exec.includes(target.resource)) return []
  const message = `${target.resource} is no exec resource: it has no process of its own`
  return [report({ path: [...path, 'target', 'resource'], message, remedy: didYouMean(target.resource, exec) })]
}

const mirrorRule = (
  { configuration, report, broken }: RuleContext,
  { path, monitor }: Watching,
): readonly Problem[] => {
  if ((monitor.type !== 'mdw' && monitor.type !== 'mdnw') || broken([...path, 'target'])) return []
  const { target } = monitor
  const { [target?.group ?? '']: group } = configuration.groups
  if (target && group === undefined) return []
  const mirrors = Object.entries(group?.resources ?? {}).flatMap(([name, { type }]) => (type === 'md' ? [name] : []))
  if (target?.resource !== undefined && mirrors.includes(target.resource)) return []
  const message = `${monitor.type === 'mdw' ? 'an mdw' : 'an mdnw'} needs the mirror disk that it watches`
  const remedy =
    target && mirrors[0] ? `add resource: ${mirrors[0]}` : 'write target: {group: …, resource: …}, of type md'
  return [report({ path: target ? [...path, 'target'] : path, message, remedy })]
}

const recoveryRule = (context: RuleContext, { path, monitor }: Watching): readonly Problem[] => {
  const { report, written, broken } = context
  const { target, recovery } = monitor
  if (broken([...path, 'target']) || broken([...path, 'recovery'])) return []
  const at = [...path, 'recovery']
  const explicit = written([...at, 'on']) !== undefined
  if (!target && monitor.type !== 'pidw' && (recovery.on === 'resource' || recovery.on === 'group')) {
    const nothing = recovery.restarts === 0 && recovery.failovers === 0 && recovery.finalAction !== 'stop-group'
    if (nothing) return []
    if (explicit) {
      const message = `recovery on a ${recovery.on} — but there is no target that says which`
      return [report({ path: [...at, 'on'], message, remedy: 'add target: {group: …}' })]
    }
    const message = 'without a target an error is recorded and alerted, but nothing is restarted or failed over'
    const remedy = 'add a target, or recovery: {on: all-groups}, or recovery: {restarts: 0, failovers: 0}'
    return [report({ path, place: 'key', message, remedy, severity: 'warning' })]
  }
  if (!explicit || recovery.on !== 'resource' || !target || target.resource !== undefined) return []
  const message = `the target names no resource: recovery acts on the whole group ${target.group}`
  return [report({ path: [...at, 'on'], message, remedy: 'write on: group, or name it', severity: 'warning' })]
}

const timeRule = ({ report, broken }: RuleContext, { path, monitor }: Watching): readonly Problem[] => {
  const { timeout, interval } = monitor
  if (timeout <= interval || broken([...path, 'timeout']) || broken([...path, 'interval'])) return []
  const message = `a look may take ${formatDuration(timeout)}, longer than the interval of ${formatDuration(interval)}: the next is late then`
  const remedy = `lower timeout to ${formatDuration(interval)}, or raise interval to ${formatDuration(timeout)}`
  return [report({ path: [...path, 'timeout'], message, remedy, severity: 'warning' })]
}

const watcherRule = (context: RuleContext, { path, monitor }: Watching): readonly Problem[] => {
  const { configuration, report, broken } = context
  if (broken(['servers'])) return []
  const known = configuration.servers.map((server) => server.name)
  const group = monitor.target ? configuration.groups[monitor.target.group] : undefined
  return (monitor.servers ?? []).flatMap((server, index) => {
    const at = [...path, 'servers', index]
    if (!known.includes(server)) {
      return [report({ path: at, message: `there is no server ${server}`, remedy: didYouMean(server, known) })]
    }
    if (monitor.when !== 'active' || !group || group.servers.includes(server)) return []
    const message = `${server} never watches: ${monitor.target?.group} does not run there`
    return [report({ path: at, message, remedy: 'remove it', severity: 'warning' })]
  })
}
