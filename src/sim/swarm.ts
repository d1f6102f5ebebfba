/** What a seed means: a cluster, a mix of faults of its own, and how often they strike. Each run is bad in its own way. */
import { deviceFaults } from './device-faults.ts'
import { allFaults, type Fault, managementFaults, Peace, unheardDeath } from './faults.ts'
import { mirrorFaults } from './mirror-faults.ts'
import { pairFaults } from './pair-faults.ts'
import { type ClusterPlan, type GroupPlan, type MirrorPlan, serverNames } from './plan.ts'
import { Chance } from './random.ts'
import { rareFaults } from './rare-faults.ts'
import type { Strike } from './seed.ts'

export type Scenario = {
  readonly seed: number
  readonly plan: ClusterPlan
  readonly faults: readonly Fault[]
  /** Mean time between two faults, in ms. */
  readonly everyMs: number
  /** How long they strike. */
  readonly faultsMs: number
  /** These, and nothing drawn: some of what struck in an earlier run of the seed. */
  readonly strikes?: readonly Strike[]
}

/** Clusters by their frequency among the seeds. */
const sizes: readonly (readonly [servers: number, hasWitness: boolean])[] = [
  [2, true],
  [2, true],
  [2, true],
  [3, false],
  [3, false],
  [4, true],
  [5, false],
  [1, false],
]

/** Faults strike for so many T. */
const timeouts = 30

/** Of the clusters some are of this kind, unless what is wished stands against it. */
export type Kinds = {
  /** Of those with two servers. */
  readonly pairs?: boolean
  /** Of those with two servers at least. */
  readonly mirrors?: boolean
}

export const scenarioOf = (seed: number, wish: Partial<ClusterPlan> = {}, kinds: Kinds = {}): Scenario => {
  const chance = new Chance(seed).split('scenario')
  const drawnPlan = planOf(chance.split('plan'))
  const bare = isSized(wish) ? drawnPlan : grownOf(drawnPlan, chance.split('size'))
  const drawn = { ...bare, ...devicesOf(bare, chance.split('devices')) }
  const paired = kinds.pairs && isFree(wish) ? pairOf(drawn, chance.split('pair')) : drawn
  const whole = kinds.mirrors ? mirroredOf(paired, chance.split('mirrors')) : paired
  const managing = chance.split('management')
  const isManaged = managing.happens(managedShare) && !('groups' in wish) && !('source' in wish)
  const groups = isManaged ? [...whole.groups, managementGroup(managing)] : whole.groups
  const plan: ClusterPlan = { ...whole, groups, ...wish }
  const mix = chance.split('mix')
  const likelihood = mix.between(0.15, 0.7)
  const others = chance.split('device mix')
  const rare = chance.split('rare mix')
  const all = allFaults(new Peace())
  const chosen = (plan.pair ? pairFaults(all, { plan }) : all).filter(() => mix.happens(likelihood))
  return {
    seed,
    plan,
    faults: [
      ...chosen,
      ...deviceFaults({ plan }).filter((fault) =>
        (fault.isDrawnAlone ? chance.split(fault.name) : others).happens(likelihood),
      ),
      ...[unheardDeath].filter(({ name }) => chance.split(name).happens(likelihood)),
      ...managementFaults({ plan }),
      ...mirrorFaults(plan).filter(() => others.happens(likelihood)),
      ...rareFaults(plan).filter(() => rare.happens(rareShare)),
    ],
    everyMs: plan.timeoutMs * mix.magnitude(0.3, 10),
    faultsMs: plan.timeoutMs * timeouts + 30_000,
  }
}

/** Of the clusters that can have it, each such fault strikes so many. */
const rareShare = 0.12

const planOf = (chance: Chance): ClusterPlan => {
  const [servers, hasWitness] = chance.pick(sizes)
  const timeoutMs = Math.round(chance.magnitude(500, 90_000))
  const groups = Array.from({ length: chance.whole(1, 3) }, (_, at) => groupOf(chance.split(`group ${at}`), at))
  return {
    servers,
    hasWitness,
    networks: chance.happens(0.7) ? ['lan', 'public'] : ['lan'],
    timeoutMs,
    intervalMs: Math.round(timeoutMs / chance.between(8, 16)),
    clockRateError: chance.pick([0, 0.5, 2, 5]),
    startSyncMs: chance.pick([1000, 10_000, 60_000]),
    groups,
  }
}

/** Of the clusters of the largest size some are larger: more servers than may vote. */
const grownOf = (plan: ClusterPlan, chance: Chance): ClusterPlan =>
  plan.servers === mostVoters && chance.happens(grownShare)
    ? { ...plan, servers: chance.pick([6, 7, 7]), hasWitness: chance.happens(0.5) }
    : plan
const mostVoters = 5
const grownShare = 0.25
/** How many machines there are is no matter of chance. */
const isSized = (wish: Partial<ClusterPlan>): boolean => 'servers' in wish || 'hasWitness' in wish

/** Half of the clusters have nothing but networks; drawn beside the rest, so that these are what they were before. */
const devicesOf = (plan: ClusterPlan, chance: Chance): Partial<ClusterPlan> => {
  if (chance.happens(0.5)) return {}
  const has = () => chance.happens(0.4)
  const isFenced = has()
  const policy = chance.pick(['preferred', 'required', 'required'] as const)
  const fencing = { policy, action: chance.pick(['off', 'reboot', 'reboot'] as const) }
  const hasWatchdog = !isFenced || policy !== 'required' || chance.happens(0.5)
  const keeps = policy === 'required' && chance.happens(0.3)
  const others = Array.from({ length: 2 }, () => Math.round(plan.timeoutMs * chance.magnitude(0.3, 3)))
  const otherTimeouts = others.filter((ms) => ms > 2 * plan.intervalMs * 3)
  return {
    ...(plan.servers === 2 && has() ? { hasCable: true } : {}),
    ...(has() ? { hasSharedDisk: true } : {}),
    ...(has() ? { pingTargets: chance.whole(1, 2) } : {}),
    ...(isFenced && plan.servers > 1 ? { fencing, hasWatchdog } : {}),
    ...(isFenced && plan.servers > 1 && keeps ? { keeps } : {}),
    ...(has() && otherTimeouts.length > 0 ? { otherTimeouts: [plan.timeoutMs, ...otherTimeouts] } : {}),
    ...(has() ? { otherVoters: otherVotersOf(plan, chance) } : {}),
    ...(has() ? { hasWebWitness: true } : {}),
    ...(has() ? { hasControllers: true } : {}),
  }
}

/** Of the clusters with two servers some have no witness: what is drawn for the others stays what it was. */
const pairOf = (plan: ClusterPlan, chance: Chance): ClusterPlan => {
  if (plan.servers !== 2 || !chance.happens(pairShare)) return plan
  const pair = { isSound: chance.happens(0.7), asksDisk: chance.happens(0.5) }
  const isPrompt = chance.happens(promptShare)
  const roundPart = chance.between(0.2, 0.95)
  return pairPlan(plan, pair.isSound && isPrompt ? { ...pair, isPrompt, roundPart } : pair)
}
const pairShare = 1 / 3
/** Of the pairs: those whose targets let the other server in at once, drawn after all else. */
const promptShare = 0.2
/** Nothing is wished that a pair cannot be. */
const isFree = (wish: Partial<ClusterPlan>): boolean =>
  !['pair', 'servers', 'hasWitness', 'source', 'pingTargets'].some((key) => key in wish) &&
  (wish.timeoutMs ?? leastPairMs) >= leastPairMs

const leastPairMs = 1000

/** The same cluster as a pair. */
export const pairPlan = (plan: ClusterPlan, pair: NonNullable<ClusterPlan['pair']>): ClusterPlan => {
  const { otherVoters: _, keeps: __, otherTimeouts = [], ...bare } = plan
  const others = otherTimeouts.filter((ms) => ms >= leastPairMs)
  const rest = others.length > 0 ? { ...bare, otherTimeouts: others } : bare
  // Questions take 100 ms at least, and must be answered while a lease lasts.
  const slow =
    plan.timeoutMs < leastPairMs ? { timeoutMs: leastPairMs, intervalMs: leastPairMs / 10, otherTimeouts: [] } : {}
  return { ...rest, ...slow, servers: 2, hasWitness: false, pingTargets: plan.pingTargets || 1, pair }
}

/** Of the clusters that can have mirror disks some have one; what is drawn for the others stays what it was. */
const mirroredOf = (plan: ClusterPlan, chance: Chance): ClusterPlan => {
  if (plan.servers < 2 || plan.pair?.isSound === false || !chance.happens(mirrorShare)) return plan
  const [first, ...rest] = plan.groups
  return first === undefined ? plan : { ...plan, groups: [{ ...first, mirror: mirrorOf(chance) }, ...rest] }
}
const mirrorShare = 1 / 4

const mirrorOf = (chance: Chance): MirrorPlan => ({
  mode: chance.happens(0.15) ? 'async' : 'sync',
  initial: chance.pick(['full', 'none']),
  patience: chance.magnitude(0.1, 3),
  regionSize: 4096 * chance.pick([1, 4]),
})

const fewestOfThree = 3

/** One or three of the machines, drawn anew. */
const otherVotersOf = (plan: ClusterPlan, chance: Chance): readonly (readonly string[])[] => {
  const machines = [...serverNames(plan), ...(plan.hasWitness ? ['w'] : [])]
  const drawn = () => {
    const from = [...machines]
    const count = chance.pick([1, 3, 3])
    const some = Array.from({ length: count }, () => from.splice(chance.whole(0, from.length - 1), 1)[0] ?? '')
    return machines.filter((name) => some.includes(name))
  }
  return machines.length > fewestOfThree
    ? [drawn(), drawn()]
    : machines.length === fewestOfThree
      ? [[chance.pick(machines)]]
      : []
}

/** Of all clusters; those without one stay what they were. */
const managedShare = 0.25

const managementGroup = (chance: Chance): GroupPlan => ({
  ...groupOf(chance, chance.whole(0, 1)),
  name: 't',
  resources: 1,
  exclusion: 'off',
  isManagement: true,
})

const groupOf = (chance: Chance, at: number): GroupPlan => ({
  name: `g${at + 1}`,
  resources: chance.whole(1, 3),
  failover: chance.pick(['auto', 'auto', 'auto', 'dynamic']),
  failback: chance.pick(['manual', 'manual', 'auto']),
  exclusion: chance.pick(['off', 'off', 'normal']),
  retries: chance.whole(0, 2),
  failovers: chance.whole(0, 3),
  monitorMs: chance.happens(0.7) ? Math.round(chance.magnitude(1000, 60_000)) : null,
  home: at,
})
