/** What must be so inside one group: servers it may run on, order of its resources. */
import type { GroupConfiguration } from '../events/configuration.ts'
import type { RuleContext } from './configuration-rules.ts'
import type { Problem } from './configuration-source.ts'
import { didYouMean } from './did-you-mean.ts'

/** All rules of this file. */
export const groupRules = (context: RuleContext): readonly Problem[] =>
  Object.entries(context.configuration.groups).flatMap(([name, group]) => [
    ...serverRule(context, name, group),
    ...choiceRule(context, name, group),
    ...managementRule(context, name, group),
    ...dependencyRule(context, name, group),
    ...cycleRule(context, name, group),
    ...scriptRule(context, name, group),
  ])

const serverRule = (context: RuleContext, name: string, { servers }: GroupConfiguration): readonly Problem[] => {
  const { configuration, report, broken } = context
  if (broken(['servers'])) return []
  const known = configuration.servers.map((server) => server.name)
  return servers.flatMap((server, index) => {
    const path = ['groups', name, 'servers', index]
    if (server === configuration.witness?.name) {
      return [report({ path, message: `${server} is the witness, which runs no groups`, remedy: 'remove it' })]
    }
    if (!known.includes(server)) {
      return [report({ path, message: `there is no server ${server}`, remedy: didYouMean(server, known) })]
    }
    const twice = servers.indexOf(server) < index
    return twice ? [report({ path, message: `${server} stands here twice`, remedy: 'remove it' })] : []
  })
}

const choiceRule = (context: RuleContext, name: string, group: GroupConfiguration): readonly Problem[] => {
  const { configuration, report, broken } = context
  const path = ['groups', name]
  const warn = (key: string, message: string, remedy: string) =>
    report({ path: [...path, key], message, remedy, severity: 'warning' })
  const problems: Problem[] = []
  const alone = group.servers.length === 1 && !broken([...path, 'servers'])
  if (alone && configuration.servers.length > 1) {
    problems.push(warn('servers', `the group can run on ${group.servers[0]} only: it cannot fail over`, 'add a server'))
  }
  if (alone && group.exclusion !== 'off') {
    const message = 'with one server, exclusion can only keep the group from starting'
    problems.push(warn('exclusion', message, 'add a server, or remove it'))
  }
  if (group.failback === 'auto' && group.failover === 'manual') {
    const message = 'the group returns home by itself, but leaves only by hand'
    problems.push(warn('failback', message, 'is failback: manual meant?'))
  }
  if (Object.keys(group.resources).length === 0 && !broken([...path, 'resources'])) {
    problems.push(warn('resources', 'the group is empty', 'add a resource'))
  }
  return problems
}

/** It runs on servers that nobody has let return: nothing that holds data, or that a user's program is. */
const managementRule = ({ report }: RuleContext, name: string, { kind, resources }: GroupConfiguration) =>
  kind !== 'management'
    ? []
    : Object.entries(resources).flatMap(([resource, { type }]) => {
        if (type === 'fip') return []
        const path = ['groups', name, 'resources', resource, 'type']
        const message = `a management group holds floating addresses (fip) alone, no ${type}`
        return [report({ path, message, remedy: `put ${resource} into a failover group` })]
      })

const dependencyRule = (context: RuleContext, name: string, { resources }: GroupConfiguration): readonly Problem[] => {
  const known = context.namesAt(['groups', name, 'resources'])
  return Object.entries(resources).flatMap(([resource, { after }]) =>
    after.flatMap((other, index) => {
      if (known.includes(other)) return []
      const path = ['groups', name, 'resources', resource, 'after', index]
      const message = `there is no resource ${other} in this group`
      const rest = known.filter((candidate) => candidate !== resource)
      return [context.report({ path, message, remedy: didYouMean(other, rest) })]
    }),
  )
}

const cycleRule = ({ report }: RuleContext, name: string, { resources }: GroupConfiguration): readonly Problem[] => {
  const next = new Map(Object.entries(resources).map(([resource, { after }]) => [resource, after]))
  return cyclesOf(next).map((cycle) => {
    const path = ['groups', name, 'resources', cycle[0] ?? '', 'after']
    const message = `each of these waits for the next: ${[...cycle, cycle[0]].join(' → ')}`
    return report({ path, place: 'key', message, remedy: 'remove one of these dependencies' })
  })
}

/** Cycles of a graph, each by its members in order; every node that is in one is in one of the answers at most. */
const cyclesOf = (next: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] => {
  const cycles: string[][] = []
  const done = new Set<string>()
  for (const first of next.keys()) {
    // Depth first, with a stack of its own: a file may hold more resources than calls may nest.
    const trail: { node: string; rest: string[] }[] = []
    const enter = (node: string) => trail.push({ node, rest: [...(next.get(node) ?? [])] })
    if (!done.has(first)) enter(first)
    for (let top = trail.at(-1); top; top = trail.at(-1)) {
      const node = top.rest.shift()
      const begin = trail.findIndex((step) => step.node === node)
      if (node === undefined) {
        done.add(top.node)
        trail.pop()
      } else if (begin !== -1) cycles.push(trail.slice(begin).map((step) => step.node))
      else if (!done.has(node)) enter(node)
    }
  }
  const seen = new Set<string>()
  return cycles.filter((cycle) => {
    const isNew = !cycle.some((node) => seen.has(node))
    for (const node of cycle) seen.add(node)
    return isNew
  })
}

const scriptRule = ({ report }: RuleContext, name: string, { resources }: GroupConfiguration): readonly Problem[] =>
  Object.entries(resources).flatMap(([resource, configuration]) => {
    if (configuration.type !== 'exec') return []
    const { start, stop } = configuration
    const texts = { start, stop: stop ?? '' }
    return Object.entries(texts).flatMap(([key, text]) =>
      text.startsWith('#!') && text.includes('\r\n')
        ? [
            report({
              path: ['groups', name, 'resources', resource, key],
              message: 'the script has line ends of Windows, which become part of the name of its interpreter',
              remedy: 'convert it, for example by sed -i "s/\\r$//"',
            }),
          ]
        : [],
    )
  })
