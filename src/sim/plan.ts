/** What a simulated cluster is like: its size, times, groups; and the configuration file that follows from it. */
import { checkConfiguration, formatProblem } from '../decisions/check-configuration.ts'
import { nearestSafe } from '../decisions/configuration-liveness-rule.ts'
import { type Configuration, formatDuration } from '../events/index.ts'

export type ClusterPlan = {
  readonly servers: number
  readonly hasWitness: boolean
  /** The first is the interconnect. */
  readonly networks: readonly string[]
  /** T and the time between beats, in ms; the rest follows from them. */
  readonly timeoutMs: number
  readonly intervalMs: number
  /** ρ, in percent. */
  readonly clockRateError: number
  readonly groups: readonly GroupPlan[]
  readonly startSyncMs: number
  /** There is a serial cable between the two servers; a disk that all of them share for beats. */
  readonly hasCable?: boolean
  readonly hasSharedDisk?: boolean
  /** Addresses outside that answer to pings. */
  readonly pingTargets?: number
  /** A web witness for beats; management controllers that the other servers ask. */
  readonly hasWebWitness?: boolean
  readonly hasControllers?: boolean
  readonly fencing?: { readonly policy: 'preferred' | 'required'; readonly action: 'off' | 'reboot' }
  /** `onQuorumLoss: keep`: servers without a majority keep what they run, and are fenced before it runs elsewhere. */
  readonly keeps?: boolean
  /** Machines have a hardware watchdog: when it is not said otherwise. */
  readonly hasWatchdog?: boolean
  /** Pages of the partitions of mirror disks; when it is not said, so few that all of them are written to again and again. */
  readonly mirrorPages?: number
  /** T in ms that operators change to, the one of the beginning among them. */
  readonly otherTimeouts?: readonly number[]
  /** Who votes, when it is not said otherwise by `votersIn`; and further lists, which operators change to. */
  readonly voters?: readonly string[]
  readonly otherVoters?: readonly (readonly string[])[]
  /** Two servers and nobody else; null or absent = a quorum. */
  readonly pair?: PairPlan | null
  /** A configuration file written by hand, in place of the one that follows from the above. */
  readonly source?: string
}
export type PairPlan = {
  /** Nothing cuts the servers off each other that leaves both connected: what docs/pair.md assumes. */
  readonly isSound: boolean
  /** The shared disk, where there is one, is asked as well. */
  readonly asksDisk?: boolean
  /** How long a round of questions may take, in parts of a lease: a quarter when it is not said. */
  readonly roundPart?: number
  /** NP targets let the other server in as soon as one has lost its way to them; not at once back again. */
  readonly isPrompt?: boolean
}
export type GroupPlan = {
  readonly name: string
  /** Resources in a chain: each needs the one before. */
  readonly resources: number
  readonly failover: 'auto' | 'dynamic' | 'manual'
  readonly failback: 'manual' | 'auto'
  readonly exclusion: 'off' | 'normal' | 'absolute'
  readonly retries: number
  readonly failovers: number
  /** Time between the looks of its monitor; null = it has none. */
  readonly monitorMs: number | null
  /** Which server comes first in its list. */
  readonly home: number
  /** It holds addresses alone, and may run on servers that await their return. */
  readonly isManagement?: boolean
  /** It begins with a mirror disk, `disk`, between the first two servers of its list: it runs on these two alone. */
  readonly mirror?: MirrorPlan
}
export type MirrorPlan = {
  readonly mode: 'sync' | 'async'
  readonly initial: 'full' | 'none'
  /** How long its connects may be silent, and acknowledgements away: in T. */
  readonly patience: number
  /** Bytes that are marked before they are first written. */
  readonly regionSize: number
}

export const serverNames = ({ servers }: Pick<ClusterPlan, 'servers'>): readonly string[] =>
  Array.from({ length: servers }, (_, at) => `s${at + 1}`)

/** 1, 3 or 5 of them vote. */
export const votersIn = (plan: Pick<ClusterPlan, 'servers' | 'hasWitness'>): readonly string[] => {
  const all = [...serverNames(plan), ...(plan.hasWitness ? ['w'] : [])]
  if (plan.servers % 2 === 1 && plan.servers <= 5) return serverNames(plan)
  return all.length <= 5 ? all : all.slice(-5)
}

export const addressesOf = (networks: readonly string[], at: number): Readonly<Record<string, string>> =>
  Object.fromEntries(networks.map((network, place) => [network, `10.0.${place}.${at + 1}`]))

const durationOf = (ms: number): string => formatDuration(Math.max(1, Math.round(ms)))

/** R and D for a time-out: D leaves room for the guardian's grace and for taking down. */
export const heartbeatOf = ({ timeoutMs, intervalMs, clockRateError, otherTimeouts = [] }: ClusterPlan) => {
  const least = Math.min(timeoutMs, ...otherTimeouts)
  const stop = Math.round(least * 0.25)
  // The same for all: a change of both at once is refused where the mix of them is not safe.
  const drift = otherTimeouts.length === 0 ? 0 : (clockRateError / 50) * Math.max(timeoutMs, ...otherTimeouts)
  const wish = {
    interval: intervalMs,
    timeout: timeoutMs,
    release: Math.round(Math.max(stop * 1.2, stop + drift)),
    stop,
    clockRateError,
    delay: 5,
    stall: Math.round(least * 0.05),
    lostBeats: 1,
  }
  return { ...wish, ...nearestSafe(wish) }
}

/** The smallest and the largest T that operators change to, stretched ones included; and the longest lease, T − R. */
export const timeoutsOf = (
  plan: ClusterPlan,
): { readonly least: number; readonly most: number; readonly longestLease: number } => {
  const all = [plan, ...(plan.otherTimeouts ?? []).map((timeoutMs) => ({ ...plan, timeoutMs }))].map(
    (one) => configurationOf(one).heartbeat,
  )
  const times = all.map(({ timeout }) => timeout)
  const leases = all.map(({ timeout, release }) => timeout - release)
  return { least: Math.min(...times), most: Math.max(...times), longestLease: Math.max(...leases) }
}

/** JSON is YAML, too. */
export const sourceOf = (plan: ClusterPlan): string => {
  if (plan.source !== undefined) return plan.source
  const names = serverNames(plan)
  const { interval, timeout, release, stop, delay, stall, ...rest } = heartbeatOf(plan)
  const isPair = (plan.pair ?? null) !== null
  const times = Object.entries({ interval, timeout, release, stop, delay, stall })
  const monitored = plan.groups.flatMap((group) =>
    group.monitorMs === null ? [] : [[group, group.monitorMs] as const],
  )
  return JSON.stringify(
    {
      cluster: 'simulated',
      servers: names.map((name, at) => ({
        name,
        addresses: addressesOf(plan.networks, at),
        ...(plan.hasCable === true && names.length === 2 ? { com: '/dev/ttyS0' } : {}),
        ...(plan.hasSharedDisk === true ? { diskHeartbeat: '/dev/shared' } : {}),
        ...(plan.hasControllers === true ? { bmc: { address: lastAddressOf(plan, firstController + at) } } : {}),
      })),
      ...(plan.hasWitness ? { witness: { name: 'w', addresses: addressesOf(plan.networks, names.length) } } : {}),
      ...(isPair ? { topology: 'pair' } : { voters: plan.voters ?? votersIn(plan) }),
      heartbeat: {
        ...Object.fromEntries(times.map(([key, ms]) => [key, durationOf(ms)])),
        ...rest,
        ...(plan.keeps === true ? { onQuorumLoss: 'keep' } : {}),
        ...pathsOf(plan, timeout),
        ...(plan.hasSharedDisk === true ? { disk: { interval: durationOf(Math.max(20, timeout / 10)) } } : {}),
      },
      ...(plan.pingTargets || plan.hasControllers ? { npResolution: npOf(plan, timeout - release) } : {}),
      ...(plan.fencing ? { fencing: fencingOf(plan.fencing, names) } : {}),
      startSync: durationOf(plan.startSyncMs),
      alerts: { syslog: { local: false } },
      groups: Object.fromEntries(plan.groups.map((group, at) => [group.name, groupOf(group, { names, at, timeout })])),
      monitors: Object.fromEntries(
        monitored.map(([group, everyMs]) => [`${group.name}-mon`, monitorOf(group, everyMs)]),
      ),
    },
    null,
    1,
  )
}

/** What stands outside has addresses of its own, on the last network: a cluster may have lost the first one. */
const firstController = 100
const managementPlace = 200
const witnessPlace = 240
const lastAddressOf = ({ networks }: ClusterPlan, place: number): string => `10.0.${networks.length - 1}.${place}`
const pathsOf = (plan: ClusterPlan, timeoutMs: number) => ({
  ...(plan.hasWebWitness === true
    ? {
        witness: {
          url: `http://${lastAddressOf(plan, witnessPlace)}:29020`,
          timeout: durationOf(Math.max(10, timeoutMs / 8)),
        },
      }
    : {}),
  ...(plan.hasControllers === true
    ? {
        bmc: {
          interval: durationOf(Math.max(leastQuestionMs, timeoutMs / 4)),
          timeout: durationOf(Math.max(50, timeoutMs / 8)),
        },
      }
    : {}),
})

/** A controller answers both sides of a cut: of no use to a pair. */
const npOf = (plan: ClusterPlan, leaseMs: number) => ({
  ...(plan.pingTargets ? { ...pingOf(plan, leaseMs), ...diskOf(plan) } : {}),
  ...(plan.hasControllers === true && !plan.pair ? { bmc: true } : {}),
})

/** What a configuration may say. */
const leastQuestionMs = 100
const usualRoundPart = 1 / 4
/** On the first network, past all machines. In a pair the answers have to come while a lease lasts. */
const pingOf = ({ pingTargets = 0, pair }: ClusterPlan, leaseMs: number) => {
  const every = durationOf(Math.max(leastQuestionMs, (leaseMs * (pair?.roundPart ?? usualRoundPart)) / 2))
  return {
    ping: {
      targets: Array.from({ length: pingTargets }, (_, at) => `10.0.0.${254 - at}`),
      ...(pair ? { interval: every, timeout: every } : {}),
    },
  }
}
const diskOf = ({ hasSharedDisk, pair }: ClusterPlan) =>
  hasSharedDisk === true && pair?.asksDisk === true
    ? // By one of two, each server may be connected by another.
      { disk: true, ...(pair.isSound ? { rule: 'all' } : {}) }
    : {}

const fencingOf = ({ policy, action }: NonNullable<ClusterPlan['fencing']>, names: readonly string[]) => ({
  policy,
  action,
  timeout: '10s',
  pause: '2s',
  retryEvery: '10s',
  check: '30s',
  devices: { power: { type: 'command', off: 'power-off', on: 'power-on', status: 'power-status', timeout: '5s' } },
  levels: Object.fromEntries(names.map((name) => [name, [['power']]])),
})

type Among = {
  readonly names: readonly string[]
  /** The group's place among the groups; T. */
  readonly at: number
  readonly timeout: number
}

const groupOf = ({ resources, home, retries, failovers, mirror, ...rest }: GroupPlan, { names, ...where }: Among) => {
  const servers = [...names.slice(home % names.length), ...names.slice(0, home % names.length)]
  const limits = {
    activation: { timeout: '20s', retries, failovers },
    deactivation: { timeout: '20s', retries: 1 },
  }
  const chain = Array.from({ length: resources }, (_, at) => [
    `r${at}`,
    {
      ...resourceOf(rest, at),
      after: at > 0 ? [`r${at - 1}`] : mirror ? ['disk'] : [],
      ...limits,
    },
  ])
  return {
    ...(rest.isManagement === true ? { kind: 'management' } : {}),
    servers: mirror ? servers.slice(0, 2) : servers,
    failover: rest.failover,
    failback: rest.failback,
    exclusion: rest.exclusion,
    resources: {
      ...(mirror ? { disk: { ...mirrorOf(mirror, where), ...limits } } : {}),
      ...Object.fromEntries(chain),
    },
  }
}

const mirrorPage = 4096
const firstMirrorPort = 29_050
/** What a configuration may say. */
const leastPing = 50
const leastSilence = 200
const mirrorOf = (
  { mode, initial, patience, regionSize }: MirrorPlan,
  { at, timeout }: { readonly at: number; readonly timeout: number },
) => {
  const silence = Math.max(leastSilence, timeout * patience)
  return {
    type: 'md',
    dataPartition: `/dev/data${at}`,
    clusterPartition: `/dev/meta${at}`,
    mountPoint: `/srv/${at}`,
    port: firstMirrorPort + at,
    mode,
    initial,
    regionSize,
    blockSize: mirrorPage,
    ackTimeout: durationOf(silence),
    keepalive: { interval: durationOf(Math.max(leastPing, silence / 5)), timeout: durationOf(silence) },
  }
}

/** Whose end somebody notices: a service tells of it, the processes of an exec are looked at. */
const resourceOf = ({ name, isManagement }: Pick<GroupPlan, 'name' | 'isManagement'>, at: number) => {
  if (isManagement === true) return { type: 'fip', address: `10.0.0.${managementPlace + at}` }
  return at % 2 === 0 ? { type: 'exec', start: 'run' } : { type: 'service', unit: `${name}-${at}.service` }
}

const monitorOf = ({ name }: GroupPlan, everyMs: number) => ({
  type: 'genw',
  script: 'look',
  interval: durationOf(everyMs),
  when: 'active',
  target: { group: name },
})

/** @throws Error when the plan makes no valid configuration: a mistake of whoever made the plan */
export const configurationOf = (plan: ClusterPlan): Configuration => {
  const checked = checkConfiguration(sourceOf(plan))
  if (checked.ok) return checked.configuration
  throw new Error(checked.problems.map((problem) => formatProblem(problem, 'cluster.yaml')).join('\n'))
}
