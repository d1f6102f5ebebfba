/** What an agent says of itself when it is asked: for `baton status`. */

import type { Configuration, VoterName } from '../events/index.ts'
import { pathsBetween } from '../projections/paths.ts'
import type { World } from '../world/world.ts'
import type { ConditionWatch } from './conditions.ts'
import type { AgentStatus, PeerStatus } from './control-protocol.ts'
import type { WatchdogReport } from './guardian/guardian-protocol.ts'
import type { Node } from './node.ts'
import type { PartitionWatch } from './np/partition-watch.ts'
import type { PathTime } from './path-times.ts'
import type { Voter } from './voter/voter.ts'

export type StatusParts = {
  readonly node: Node
  readonly voter: Voter
  readonly version: string
  readonly startedAt: number
  /** Null when this voter may run groups, or never does. */
  readonly standing: () => string | null
  readonly hasGuardian: () => boolean
  /** Null on a witness. */
  readonly partition: (() => Pick<PartitionWatch, 'resolution' | 'controllers'>) | null
  /** Null where there is no guardian either, as on a witness. */
  readonly watchdog: () => WatchdogReport | null
  readonly mirrors: () => AgentStatus['mirrors']
  readonly conditions: Pick<ConditionWatch, 'rateErrorPercent' | 'certificateDays'>
}

export const agentStatus = (
  world: World,
  { node, voter, version, startedAt, standing, hasGuardian, watchdog, mirrors, conditions, partition }: StatusParts,
): AgentStatus => {
  const now = world.clock.now()
  const until = voter.leasedUntil()
  const because = node.kit.own.role === 'witness' ? 'a witness runs no groups' : (standing() ?? '')
  return {
    voter: node.kit.own.name,
    role: node.kit.own.role,
    version,
    instance: node.instance,
    startedMsAgo: Math.round(now - startedAt),
    lease: {
      held: because === '' && voter.hasLease(),
      remainingMs: Math.round(Math.min(Math.max(0, until - now), 1e12)),
      because,
    },
    knowledge: { sequence: node.recorder.state().position.sequence, knowsUntilMsAgo: node.outOfTouchMs() },
    log: node.log.status(),
    copies: node.pair?.copies() ?? null,
    guardian: { running: hasGuardian(), ...watchdogStatus(watchdog()) },
    clock: { rateErrorPercent: conditions.rateErrorPercent(), wall: world.clock.wall() },
    peers: node.kit.identity.voters
      .filter(({ name }) => name !== node.kit.own.name)
      .map((peer) => peerStatus(voter, peer, { now, configuration: node.recorder.state().configuration.current })),
    partition: partition === null ? null : partitionStatus(partition(), now),
    mirrors: mirrors(),
    notAdmitted: notAdmitted(voter),
    notDeciding: node.notDeciding(),
    state: node.recorder.state(),
  }
}

/** One word or path for people and scripts; what is behind it, beside. */
const watchdogStatus = (report: WatchdogReport | null): Omit<AgentStatus['guardian'], 'running'> => ({
  watchdog: report?.armed ? (report.device ?? 'none') : 'none',
  ...(report && { watchdogReport: report }),
})

/** Whose word counts for nothing, of the voters that are heard, this one among them. */
export const notAdmitted = (voter: Voter): readonly VoterName[] => {
  const stores = voter.stores()
  const { voters, admitted } = voter.membership()
  return voters.filter(
    (name) => stores[name] !== undefined && admitted[name] !== undefined && stores[name] !== admitted[name],
  )
}

const partitionStatus = (
  { resolution, controllers }: Pick<PartitionWatch, 'resolution' | 'controllers'>,
  now: number,
): AgentStatus['partition'] => {
  const { verdict, reasons } = resolution()
  const said = controllers().map(({ at, ...state }) => ({ ...state, msAgo: Math.round(now - at) }))
  return { verdict, reasons, controllers: said }
}

const peerStatus = (
  voter: Voter,
  { name, role, addresses }: Node['kit']['own'],
  { now, configuration }: { readonly now: number; readonly configuration: Configuration | null },
): PeerStatus => {
  const liveness = voter.liveness()
  const heard = liveness.heard[name]
  const known =
    configuration === null
      ? ['nats', ...Object.keys(addresses).map((network) => `lan:${network}`)]
      : pathsBetween(configuration, liveness.me, name)
  const times = voter.times().filter((time) => time.voter === name)
  const since = (at: number | undefined) => (at === undefined ? null : Math.round(now - at))
  return {
    voter: name,
    role,
    version: voter.versions()[name] ?? null,
    heardMsAgo: since(heard?.at),
    paths: Object.fromEntries(known.map((path) => [path, since(heard?.paths[path])])),
    times: Object.fromEntries(times.map((time) => [time.path, rounded(time)])),
    hears: heard?.hears ?? {},
    echoMsAgo: since(liveness.hearsMe[name]),
  }
}

const rounded = ({ answerMs, roundTripMs, late, worstMs, beats, lost }: PathTime) => ({
  answerMs: tenths(answerMs),
  roundTripMs: tenths(roundTripMs),
  late,
  worstMs: Math.round(worstMs),
  beats,
  lost,
})

const tenths = (ms: number | null): number | null => (ms === null ? null : Math.round(ms * 10) / 10)
