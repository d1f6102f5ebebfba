/** What is so, at a glance: the rows of `baton status`, from the state alone. */
import type { GroupName, MonitorVerdict, WallTime } from '../events/index.ts'
import type { Group, Resource } from './groups.ts'
import { isDummyFailing, isInForce, isSuspended, leftBy, type Monitor } from './monitors.ts'
import { isInService } from './servers.ts'
import type { State } from './state.ts'
import { listInWords } from './wording.ts'
import { stopInWords } from './words.ts'
import { fencingBanners } from './words-of-fencing.ts'
import { mirrorBanners } from './words-of-mirrors.ts'

/** What is so with a group, in one sentence. */
export const headlineOf = (state: State, name: GroupName): { readonly headline: string; readonly since: WallTime } => {
  const group = state.groups[name]
  if (!group) return { headline: `there is no group ${name}`, since: state.at }
  const { ownership, waiting } = group
  if (ownership.status === 'stopped') {
    const why = waiting ? `, waiting: ${waiting.because}` : ''
    return { headline: `${name} is stopped (${stopInWords(ownership.because)})${why}`, since: ownership.since }
  }
  const { phase, server, epoch, because } = ownership
  const why = because === '' ? '' : `: ${because}`
  return { headline: `${name} is ${phase} on ${server} (epoch ${epoch})${why}`, since: ownership.since }
}

/** Groups by the server that owns them. */
export const groupsByServer = (state: State): ReadonlyMap<string, readonly Group[]> =>
  Map.groupBy(
    Object.values(state.groups).filter(({ ownership }) => ownership.status === 'assigned'),
    ({ ownership }) => (ownership.status === 'assigned' ? ownership.server : ''),
  )

export type ResourceRow = { readonly name: string; readonly type: string; readonly resource: Resource | null }

/** The configured resources of a group in their order, then those that run without being configured any more. */
export const resourcesOf = (state: State, group: Group): readonly ResourceRow[] => {
  const configured = state.configuration.current?.groups[group.name]?.resources ?? {}
  const running = group.ownership.status === 'assigned' ? group.ownership.resources : {}
  const names = [...new Set([...Object.keys(configured), ...Object.keys(running)])]
  return names.map((name) => ({ name, type: configured[name]?.type ?? '', resource: running[name] ?? null }))
}

export type MonitorRow = {
  readonly name: string
  readonly server: string
  readonly verdict: MonitorVerdict
  readonly because: string
  readonly since: WallTime
  /** Steps of its recovery taken, in words; the reason why none is; both empty while it is content. */
  readonly recovery: string
  readonly suppressed: string
  readonly dummy: boolean
  /** The group that it watched there, and that has left: its last word, no more. Null: it runs there, or would. */
  readonly left: GroupName | null
}

const serversOf = (state: State, name: string, { servers }: Monitor) =>
  Object.entries(servers).filter(([server]) => isInForce(state, name, server))

/** Every monitor of the configuration on every server of it that has said something, and those that are suspended. */
export const monitorRows = (state: State): readonly MonitorRow[] =>
  Object.entries(state.monitors).flatMap(([name, monitor]) =>
    serversOf(state, name, monitor).map(([server, here]): MonitorRow => {
      const taken = Object.entries(here.taken).filter(([, count]) => count > 0)
      return {
        name,
        server,
        verdict: isSuspended(monitor, server) ? 'suspended' : here.verdict,
        because: here.because,
        since: here.since,
        recovery: taken.map(([rung, count]) => `${count} ${rung}${count === 1 ? '' : 's'}`).join(', '),
        suppressed: here.suppressed ?? '',
        dummy: isDummyFailing(monitor, server),
        left: leftBy(state, name, server),
      }
    }),
  )

/** What the cluster as a whole must be known for before anything else is read. */
export const banners = (state: State): readonly string[] => {
  const { cluster, watching, anomalies, configuration } = state
  const latest = anomalies.at(-1)
  const troubled = Object.values(state.servers.byName).filter(({ logTrouble }) => logTrouble !== null)
  return [
    ...(configuration.current === null ? [notBegun(state)] : []),
    ...(cluster.stopped ? ['the cluster is stopped: groups start after `baton cluster start`'] : []),
    ...(cluster.suspended ? ['the cluster is suspended: nothing is decided until `baton cluster resume`'] : []),
    ...(cluster.starting && !cluster.stopped && configuration.current !== null
      ? ['the cluster is starting: groups wait for all servers, or for `baton cluster skip-sync`']
      : []),
    ...returnBanners(state),
    ...(watching
      ? [`watching only: ${watching.type} at sequence ${watching.sequence} is of newer software; update this server`]
      : []),
    ...(latest
      ? [`${anomalies.length} contradiction(s) on the log, the latest at sequence ${latest.sequence}: ${latest.what}`]
      : []),
    ...voterBanners(state),
    ...fencingBanners(state.fencing),
    ...mirrorBanners(state),
    ...troubled.map(({ name, logTrouble }) => `${name} has trouble with its log and decides nothing: ${logTrouble}`),
  ]
}

/** Of a cluster that is started for the first time, nothing has to be applied: its kits hold the configuration. */
const notBegun = ({ position }: State): string =>
  position.sequence === 0
    ? 'nothing of the log is known here yet: the cluster begins when a majority of its voters runs and hears each other'
    : 'no configuration is in force yet: baton config apply FILE'

/** Nobody may take the groups that have to wait. */
const returnBanners = ({ servers, cluster }: State): readonly string[] => {
  const all = Object.values(servers.byName)
  const awaiting = all.filter(({ status, awaitsReturn }) => status === 'up' && awaitsReturn).map(({ name }) => name)
  if (awaiting.length === 0 || cluster.stopped || all.some(isInService)) return []
  const help = awaiting.map((name) => `\`baton server start ${name}\``)
  return [`no server has returned: all but management groups wait for ${listInWords(help)}`]
}

const voterBanners = ({ configuration: { change }, servers }: State): readonly string[] => {
  if (change === null) return []
  const missing = Object.values(servers.byName)
    .filter(({ name, status }) => status === 'up' && !change.acknowledgedBy.includes(name))
    .map(({ name }) => name)
  return [`the voters change to ${listInWords(change.to)}: waiting for ${listInWords(missing)}`]
}

/** What somebody should look at, in a few words each. */
export const needsAttention = (state: State): readonly string[] => {
  const down = Object.values(state.servers.byName).filter(({ status }) => status === 'down')
  const groups = Object.values(state.groups)
  const failed = groups.filter(({ ownership }) => ownership.status === 'assigned' && ownership.phase === 'failed')
  const uncertain = groups.filter(({ ownership }) => ownership.status === 'assigned' && ownership.phase === 'uncertain')
  const waiting = groups.filter((group) => group.waiting !== null)
  const errors = monitorRows(state).filter(({ verdict, dummy, left }) => verdict === 'error' && !dummy && left === null)
  return [
    ...down.map(({ name }) => `${name} is down`),
    ...failed.map(({ name }) => `${name} failed`),
    ...uncertain.map(({ name }) => `${name} is uncertain`),
    ...waiting.map(({ name }) => `${name} waits`),
    ...errors.map(({ name, server }) => `${name} on ${server} reports an error`),
  ]
}
