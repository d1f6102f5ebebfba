/** What a new configuration changes on a running cluster, what that stops, and what cannot be done yet (P4). */
import {
  type Configuration,
  type GroupConfiguration,
  type ResourceConfiguration,
  votingMembersOf,
} from '../events/configuration.ts'
import { changeoverFault } from './configuration-liveness-rule.ts'

/** One difference. `null` on one side: it is not there. Lists are compared whole, except `servers`, by name. */
export type Change = {
  /** `groups.web.failover`, `servers.alpha.addresses.lan`; `serverOrder` is the order of the list. */
  readonly path: string
  readonly before: unknown
  readonly after: unknown
}
/** `onlyOn`: it is so only where the group runs on one of these servers; null = wherever it runs. */
export type Interruption = {
  readonly group: string
  readonly because: string
  readonly onlyOn: readonly string[] | null
}
export type Refusal = { readonly path: string; readonly because: string; readonly remedy: string }
export type ConfigurationDiff = {
  readonly changes: readonly Change[]
  /** Groups whose resources stop and start again, or that move. */
  readonly restarts: readonly Interruption[]
  /** Groups that are not in the new configuration and stop. */
  readonly stops: readonly Interruption[]
  /** Not empty: it must not be applied while the cluster runs. */
  readonly refused: readonly Refusal[]
}

/**
 * Fields that take effect in a running group; any other field of a resource needs a restart, so that a field that
 * is new here is on the safe side. Resources that are added or removed start and stop alone, in the running group.
 */
const liveFields: Readonly<Record<ResourceConfiguration['type'], readonly string[]>> = {
  exec: ['stop', 'killAfter', 'logSize'],
  fip: ['duplicate', 'duplicateWait', 'duplicatePatience', 'reannounce'],
  disk: ['fsck', 'killUsersAfter'],
  md: ['fsck', 'mkfs', 'killUsersAfter', 'queueLimit', 'ackTimeout', 'resync', 'initial'],
  service: [],
}
const liveOfAll = ['after', 'activation', 'deactivation']

/** What a running resource goes by once `latest` is in force: the fields that take effect without a restart. */
export const withLiveFields = (
  running: ResourceConfiguration,
  latest: ResourceConfiguration | undefined,
): ResourceConfiguration => {
  if (latest === undefined || latest.type !== running.type) return running
  const live = [...liveOfAll, ...liveFields[running.type]]
  // cast: both are of the same type, so each field keeps its own type
  return {
    ...running,
    ...Object.fromEntries(Object.entries(latest).filter(([field]) => live.includes(field))),
  } as ResourceConfiguration
}

const inSteps =
  'apply it in steps (a longer timeout alone before a longer release), or stop the cluster first (baton cluster stop)'
const remedies: Readonly<Record<string, string>> = {
  cluster: 'create a new cluster, or keep the name',
  'heartbeat.onQuorumLoss': 'stop the cluster first (baton cluster stop), apply, start it again',
}
const newKits =
  'keep it: the kits of all voters hold it too, and this version cannot exchange those on a living cluster'

/** Compares two stored configurations; `before` is null when the cluster has none yet. */
export const diffConfiguration = (before: Configuration | null, after: Configuration): ConfigurationDiff => {
  const changes = changesBetween(before === null ? {} : viewOf(before), viewOf(after), '')
  if (before === null) return { changes, restarts: [], stops: [], refused: [] }
  const groups = Object.entries(before.groups)
  const successor = (name: string) => (Object.hasOwn(after.groups, name) ? after.groups[name] : undefined)
  return {
    changes,
    restarts: groups.flatMap(([name, group]) => restartsOf(name, group, successor(name))),
    stops: groups
      .filter(([name]) => !successor(name))
      .map(([group]) => ({ group, because: 'it is not in the new configuration', onlyOn: null })),
    refused: refusals(before, after, changes),
  }
}

/** The same content as one tree of named things: a list by position would call every later server changed. */
const viewOf = (configuration: Configuration): Record<string, unknown> => ({
  ...configuration,
  servers: Object.fromEntries(configuration.servers.map((server) => [server.name, server])),
  serverOrder: configuration.servers.map((server) => server.name),
})

type Tree = Readonly<Record<string, unknown>>
const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value)

const isSame = (a: unknown, b: unknown): boolean => {
  if (!Array.isArray(a) || !Array.isArray(b)) return a === b
  return a.length === b.length && a.every((item, index) => item === b[index])
}

const changesBetween = (before: Tree, after: Tree, path: string): readonly Change[] => {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  return keys.flatMap((key) => {
    const old = Object.hasOwn(before, key) ? (before[key] ?? null) : null
    const now = Object.hasOwn(after, key) ? (after[key] ?? null) : null
    const here = path === '' ? key : `${path}.${key}`
    if (isTree(old) && isTree(now)) return changesBetween(old, now, here)
    return isSame(old, now) ? [] : [{ path: here, before: old, after: now }]
  })
}

const restartsOf = (name: string, before: GroupConfiguration, after?: GroupConfiguration): readonly Interruption[] => {
  if (!after) return []
  const gone = before.servers.filter((server) => !after.servers.includes(server))
  const moves = {
    group: name,
    because: `${gone.join(', ')} may no longer run it: there, it moves`,
    onlyOn: gone,
  }
  const restarts = Object.entries(before.resources).flatMap(([resource, old]) => {
    const now = Object.hasOwn(after.resources, resource) ? after.resources[resource] : undefined
    const because = now ? restartReason(resource, old, now) : null
    return because === null ? [] : [{ group: name, because, onlyOn: null }]
  })
  return gone.length > 0 ? [...restarts, moves] : restarts
}

const restartReason = (name: string, before: ResourceConfiguration, after: ResourceConfiguration): string | null => {
  if (before.type !== after.type) return `${name} becomes ${after.type} instead of ${before.type}`
  const live = [...liveOfAll, ...liveFields[after.type]]
  const fields = changesBetween(before, after, '').map(({ path }) => path.split('.')[0] ?? '')
  const dead = [...new Set(fields)].filter((field) => !live.includes(field))
  return dead.length === 0 ? null : `${dead.join(', ')} of ${name} ${dead.length === 1 ? 'changes' : 'change'}`
}

const refusals = (before: Configuration, after: Configuration, changes: readonly Change[]): readonly Refusal[] => {
  const refused: Refusal[] = []
  const fault = changeoverFault(before.heartbeat, after.heartbeat)
  if (fault !== null) refused.push({ path: 'heartbeat', because: fault, remedy: inSteps })
  const machines = ({ servers, witness }: Configuration) =>
    [...servers, ...(witness ? [witness] : [])].map(({ name }) => name)
  const voters = (configuration: Configuration) => votingMembersOf(configuration).map(({ name }) => name)
  const strangers = voters(after).filter((name) => !machines(before).includes(name))
  const gone = voters(before).filter((name) => !machines(after).includes(name))
  if (strangers.length > 0)
    refused.push({
      path: 'servers',
      because: `${strangers.join(', ')} would vote, but no kit knows them`,
      remedy: newKits,
    })
  else if (gone.length > 0)
    refused.push({
      path: 'servers',
      because: `${gone.join(', ')} would go while they vote`,
      remedy: `first list other voters, wait until those vote, then remove ${gone.join(', ')}`,
    })
  for (const { path } of changes) {
    const because = refusedPath(path, before, after)
    const remedy = remedies[path] ?? newKits
    if (because !== null) refused.push({ path, because, remedy })
  }
  return refused
}

const refusedPath = (path: string, before: Configuration, after: Configuration): string | null => {
  if (path === 'heartbeat.onQuorumLoss')
    return 'a server that is cut off goes by what it read when its groups started: it can change only while every group is stopped'
  if (path === 'cluster') return 'the name of a cluster is part of its log'
  if (path === 'topology') return 'a pair keeps its log in another way than a quorum'
  const [top, name = '', field] = path.split('.')
  if (top === 'ports') return 'beats and the log use these ports now'
  const member = top === 'servers' ? name : top === 'witness' ? before.witness?.name : undefined
  const stays = [...after.servers, after.witness].some((voter) => voter?.name === member)
  const part = top === 'witness' ? name : field
  const isReach = part === 'addresses' || part === 'ports'
  return member !== undefined && stays && isReach ? `beats and the log reach ${member} by it now` : null
}
