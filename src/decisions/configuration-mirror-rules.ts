/** What must be so for mirror disks: two servers, partitions that nobody else writes to, a connect that can come about. */
import {
  type Configuration,
  type GroupConfiguration,
  type MirrorConfiguration,
  networksOf,
  portsOf,
} from '../events/configuration.ts'
import type { RuleContext } from './configuration-rules.ts'
import type { Path, Problem } from './configuration-source.ts'
import { didYouMean } from './did-you-mean.ts'

type Found = {
  readonly name: string
  readonly group: GroupConfiguration
  readonly mirror: MirrorConfiguration
  readonly path: Path
}

/** All rules of this file. */
export const mirrorRules = (context: RuleContext): readonly Problem[] => {
  const all = mirrorsOf(context.configuration)
  if (all.length === 0 || context.broken(['servers'])) return []
  return [
    ...all.flatMap((one) => [
      ...pairRule(context, one),
      ...byServerRule(context, one),
      ...connectRule(context, one),
      ...sizeRule(context, one),
    ]),
    ...partitionRule(context, all),
    ...portRule(context, all),
  ]
}

const mirrorsOf = ({ groups }: Configuration): readonly Found[] =>
  Object.entries(groups).flatMap(([group, configuration]) =>
    Object.entries(configuration.resources).flatMap(([resource, mirror]) =>
      mirror.type === 'md'
        ? [
            {
              name: `${group}.${resource}`,
              group: configuration,
              mirror,
              path: ['groups', group, 'resources', resource],
            },
          ]
        : [],
    ),
  )

const pairRule = ({ report }: RuleContext, { name, group: { servers }, path }: Found): readonly Problem[] => {
  const [, group = ''] = path.map(String)
  if (servers.length === 2) return []
  const message = `${name} is mirrored between two servers, and its group may run on ${servers.length}`
  const remedy =
    servers.length < 2 ? 'add the other server' : 'name two; mirroring from a shared disk (hybrid) is not possible yet'
  return [report({ path: ['groups', group, 'servers'], message, remedy })]
}

const kinds = ['dataPartition', 'clusterPartition'] as const

const byServerRule = ({ report }: RuleContext, { group: { servers }, mirror, path }: Found): readonly Problem[] =>
  kinds.flatMap((key) => {
    const written = mirror[key]
    if (typeof written === 'string') return []
    const missing = servers.filter((server) => written[server] === undefined)
    const strangers = Object.keys(written).filter((server) => !servers.includes(server))
    return [
      ...missing.map((server) =>
        report({ path: [...path, key], message: `${server} has none`, remedy: `add ${server}: with its path` }),
      ),
      ...strangers.map((server) => {
        const message = `${server} is not in the server list of the group`
        return report({ path: [...path, key, server], message, remedy: didYouMean(server, servers) })
      }),
    ]
  })

const connectRule = ({ configuration, report }: RuleContext, found: Found): readonly Problem[] => {
  const { mirror, group, path } = found
  const known = networksOf(configuration)
  const servers = configuration.servers.filter(({ name }) => group.servers.includes(name))
  return (mirror.connects ?? []).flatMap((network, index) => {
    const at = [...path, 'connects', index]
    if (!known.includes(network))
      return [report({ path: at, message: `there is no network ${network}`, remedy: didYouMean(network, known) })]
    if (mirror.connects?.indexOf(network) !== index)
      return [report({ path: at, message: `${network} stands here twice`, remedy: 'remove it' })]
    const without = servers.filter(({ addresses }) => addresses[network] === undefined)
    return without.map(({ name }) =>
      report({ path: at, message: `${name} has no address on ${network}`, remedy: 'add one, or take another network' }),
    )
  })
}

const sizeRule = ({ report }: RuleContext, { mirror, path }: Found): readonly Problem[] => {
  const { blockSize, regionSize, keepalive } = mirror
  const problems: Problem[] = []
  for (const key of ['blockSize', 'regionSize'] as const) {
    if (Number.isInteger(Math.log2(mirror[key]))) continue
    const message = `${mirror[key]} is not a power of two`
    const remedy = `set ${2 ** Math.round(Math.log2(mirror[key]))}`
    problems.push(report({ path: [...path, key], message, remedy }))
  }
  if (regionSize < blockSize) {
    const message = `regions of ${regionSize} bytes are smaller than blocks of ${blockSize}`
    problems.push(report({ path: [...path, 'regionSize'], message, remedy: `set ${blockSize} or more` }))
  }
  if (keepalive.timeout < keepalive.interval * 2) {
    const message = 'the time-out is shorter than two signs of life: one that is late would end the connect'
    problems.push(report({ path: [...path, 'keepalive', 'timeout'], message, remedy: 'make it longer' }))
  }
  return problems
}

const plain = (path: string): string => path.replace(/\/+/g, '/').replace(/(.)\/$/, '$1')

type Use = { readonly server: string; readonly device: string; readonly what: string; readonly path: Path | null }

/** Every partition that somebody writes to, by server: each may have one user only. */
const partitionRule = (context: RuleContext, all: readonly Found[]): readonly Problem[] => {
  const seen = new Map<string, Use>()
  const problems: Problem[] = []
  for (const use of [...otherUses(context.configuration), ...all.flatMap(usesOf)]) {
    const key = `${use.server} ${plain(use.device)}`
    const other = seen.get(key)
    if (other === undefined) seen.set(key, use)
    else if (use.path !== null) {
      const message = `${use.device} of ${use.server} is ${other.what} already: what is on it would be overwritten`
      problems.push(context.report({ path: use.path, message, remedy: 'use a partition of its own' }))
    }
  }
  // The same clash on both servers is one mistake.
  return problems.filter(
    (one, index) => problems.findIndex(({ line, column }) => line === one.line && column === one.column) === index,
  )
}

const usesOf = ({ name, group, mirror, path }: Found): readonly Use[] =>
  kinds.flatMap((key) =>
    group.servers.flatMap((server): readonly Use[] => {
      const written = mirror[key]
      const device = typeof written === 'string' ? written : written[server]
      const what = `the ${key === 'dataPartition' ? 'data' : 'cluster'} partition of ${name}`
      const at = typeof written === 'string' ? [...path, key] : [...path, key, server]
      return device === undefined ? [] : [{ server, device, what, path: at }]
    }),
  )

const otherUses = ({ servers, groups }: Configuration): readonly Use[] => [
  ...servers.flatMap(({ name, diskHeartbeat }): readonly Use[] =>
    diskHeartbeat === undefined
      ? []
      : [{ server: name, device: diskHeartbeat, what: 'its heartbeat disk', path: null }],
  ),
  ...Object.entries(groups).flatMap(([group, one]) =>
    Object.entries(one.resources).flatMap(([resource, disk]) =>
      disk.type === 'disk'
        ? one.servers.map((server) => ({
            server,
            device: disk.device,
            what: `the disk of ${group}.${resource}`,
            path: null,
          }))
        : [],
    ),
  ),
]

const portRule = ({ configuration, report }: RuleContext, all: readonly Found[]): readonly Problem[] =>
  all.flatMap((one, index) => {
    const { group, mirror, path } = one
    const problem = (message: string) => [report({ path: [...path, 'port'], message, remedy: 'take another port' })]
    const twin = all
      .slice(0, index)
      .find((other) => other.mirror.port === mirror.port && other.group.servers.some((s) => group.servers.includes(s)))
    if (twin) return problem(`${mirror.port} is the port of ${twin.name} already`)
    for (const server of configuration.servers.filter(({ name }) => group.servers.includes(name))) {
      const { log, route } = portsOf(configuration, server)
      if (mirror.port === log || mirror.port === route)
        return problem(`${mirror.port} is a port of the log server of ${server.name}`)
    }
    return []
  })
