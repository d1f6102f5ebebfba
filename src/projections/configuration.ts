/** Which configuration is in force, who applied it, and those before it. */
import {
  type Configuration,
  type ExecConfiguration,
  type MonitorConfiguration,
  type Sequence,
  type ServerName,
  type VoterName,
  voterName,
  type WallTime,
} from '../events/index.ts'

export type AppliedConfiguration = {
  readonly version: number
  readonly sequence: Sequence
  readonly at: WallTime
  readonly by: string
  readonly note: string
}
export type ConfigurationState = {
  /** Null until the first is applied. */
  readonly current: Configuration | null
  readonly source: string
  readonly version: number
  /** Newest last. The sources of old ones are on the log, at their sequence. */
  readonly history: readonly AppliedConfiguration[]
  /** The longest heartbeat time-out that was ever in force: a voter may have promised as much. */
  readonly longestMs: number
  /** Who votes; while that changes, who is to vote, and which servers count both already. */
  readonly voters: readonly VoterName[]
  readonly change: {
    readonly to: readonly VoterName[]
    readonly sequence: Sequence
    readonly acknowledgedBy: readonly ServerName[]
  } | null
}

export const noConfiguration: ConfigurationState = {
  current: null,
  source: '',
  version: 0,
  history: [],
  longestMs: 0,
  voters: [],
  change: null,
}

/** Old entries beyond these are only on the log. */
const keptHistory = 50

export const applied = (
  state: ConfigurationState,
  data: { readonly configuration: Configuration; readonly source: string },
  entry: AppliedConfiguration,
): ConfigurationState => ({
  current: data.configuration,
  source: data.source,
  version: entry.version,
  history: [...state.history.slice(1 - keptHistory), entry],
  longestMs: state.longestMs,
  // Later ones change by events of their own.
  voters: state.current === null ? votersOf(data.configuration) : state.voters,
  change: state.change,
})

/** The two servers of topology `pair`, in order of priority; null in any other. */
export const pairMembersOf = (configuration: Configuration | null): readonly VoterName[] | null =>
  configuration !== null && isPair(configuration) ? configuration.servers.map(({ name }) => voterName(name)) : null

export const isPair = (configuration: Configuration | null): boolean => configuration?.topology === 'pair'

/** Floating addresses by which operators reach the cluster: it may run where others must wait. */
export const isManagement = (configuration: Configuration | null, group: string): boolean =>
  configuration?.groups[group]?.kind === 'management'

/** Depth of each resource of a group: 0 has no dependencies; a resource comes after everything it depends on. */
export const depthsOf = (
  resources: Readonly<Record<string, { readonly after: readonly string[] }>>,
): Readonly<Record<string, number>> => {
  const depths: Record<string, number> = {}
  const depthOf = (name: string, path: readonly string[]): number => {
    const known = depths[name]
    if (known !== undefined) return known
    // A cycle is refused by the checker; should one be on the log all the same, it must not hang a server.
    if (path.includes(name)) return 0
    const after = resources[name]?.after.filter((one) => one in resources) ?? []
    const depth = after.length === 0 ? 0 : 1 + Math.max(...after.map((one) => depthOf(one, [...path, name])))
    depths[name] = depth
    return depth
  }
  for (const name of Object.keys(resources)) depthOf(name, [])
  return depths
}

/** Every monitor that runs: the configured ones, and a process monitor for each resident exec that has none. */
export const monitorsOf = (configuration: Configuration): Readonly<Record<string, MonitorConfiguration>> => {
  const watched = new Set(
    Object.values(configuration.monitors)
      .filter((monitor) => monitor.type === 'pidw')
      .map((monitor) => `${monitor.target?.group}/${monitor.target?.resource}`),
  )
  const implied = Object.entries(configuration.groups).flatMap(([group, { resources }]) =>
    Object.entries(resources)
      .filter((entry): entry is [string, ExecConfiguration] => entry[1].type === 'exec' && entry[1].mode === 'resident')
      .filter(([resource]) => !watched.has(`${group}/${resource}`))
      .map(([resource]): [string, MonitorConfiguration] => [`${group}.${resource}`, resourceMonitor(group, resource)]),
  )
  return { ...configuration.monitors, ...Object.fromEntries(implied) }
}

/** The monitor that a resource has by itself: recovery with the usual limits. */
export const resourceMonitor = (group: string, resource: string): MonitorConfiguration => ({
  type: 'pidw',
  interval: 10_000,
  timeout: 5_000,
  retries: 0,
  startDelay: 0,
  when: 'active',
  target: { group, resource },
  nice: 0,
  delayWarning: 80,
  onTimeout: { retry: false, recover: false },
  recovery: { on: 'resource', restarts: 3, failovers: 1, finalAction: 'none', healthyAfter: 600_000 },
})

/** What watches a resource that has no monitor for its loss goes by the name `group.resource`. */
export const lossMonitorOf = ({ groups }: Configuration, name: string): MonitorConfiguration | undefined => {
  for (const [group, { resources }] of Object.entries(groups))
    for (const resource of Object.keys(resources))
      if (name === `${group}.${resource}`) return resourceMonitor(group, resource)
  return undefined
}

/** Everybody who may vote: the servers and the witness. */
export const membersOf = ({
  configuration: { current },
}: {
  readonly configuration: ConfigurationState
}): readonly VoterName[] =>
  current === null
    ? []
    : [...current.servers, ...(current.witness ? [current.witness] : [])].map(({ name }) => voterName(name))

/** The voters that a configuration asks for (who votes is in the state): as listed, else its servers, the witness added when that makes them odd. */
export const votersOf = (configuration: Configuration): readonly VoterName[] => {
  if (configuration.voters) return configuration.voters.map(voterName)
  const servers = configuration.servers.map((server) => server.name)
  const all = configuration.witness && servers.length % 2 === 0 ? [...servers, configuration.witness.name] : servers
  return all.map(voterName)
}
