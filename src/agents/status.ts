/** What an agent says of itself when it is asked: for `baton status`. */

import type { VoterName } from '../events/index.ts'
import type { World } from '../world/world.ts'
import type { ConditionWatch } from './conditions.ts'
import type { AgentStatus, PeerStatus } from './control-protocol.ts'
import type { WatchdogReport } from './guardian-protocol.ts'
import type { Node } from './node.ts'
import type { Voter } from './voter.ts'

export type StatusParts = {
  readonly node: Node
  readonly voter: Voter
  readonly version: string
  readonly startedAt: number
  /** Null when this voter may run groups, or never does. */
  readonly standing: () => string | null
  readonly hasGuardian: () => boolean
  /** Null where there is no guardian either, as on a witness. */
  readonly watchdog: () => WatchdogReport | null
  readonly conditions: Pick<ConditionWatch, 'rateErrorPercent' | 'certificateDays'>
}

export const agentStatus = (
  world: World,
  { node, voter, version, startedAt, standing, hasGuardian, watchdog, conditions }: StatusParts,
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
    guardian: { running: hasGuardian(), ...watchdogStatus(watchdog()) },
    clock: { rateErrorPercent: conditions.rateErrorPercent(), wall: world.clock.wall() },
    peers: node.kit.identity.voters
      .filter(({ name }) => name !== node.kit.own.name)
      .map((peer) => peerStatus(voter, peer, { now, between: devicePathsBetween(node, peer.name) })),
    notAdmitted: notAdmitted(voter),
    notDeciding: node.notDeciding(),
    state: node.recorder.state(),
  }
}

/** Paths that are no network, which two servers have in common. */
const devicePathsBetween = ({ kit, recorder }: Node, peer: string): readonly string[] => {
  const servers = recorder.state().configuration.current?.servers ?? []
  const both = servers.filter(({ name }) => name === kit.own.name || name === peer)
  const has = (key: 'com' | 'diskHeartbeat') => both.length === 2 && both.every((server) => server[key] !== undefined)
  const web = recorder.state().configuration.current?.heartbeat.witness !== undefined && both.length === 2
  return [...(has('com') ? ['com'] : []), ...(has('diskHeartbeat') ? ['disk'] : []), ...(web ? ['witness'] : [])]
}
/** One word or path for people and scripts; what is behind it, beside. */
const watchdogStatus = (report: WatchdogReport | null): Omit<AgentStatus['guardian'], 'running'> => ({
  watchdog: report?.armed ? (report.device ?? 'none') : 'none',
  ...(report && { watchdogReport: report }),
})

const notAdmitted = (voter: Voter): readonly VoterName[] => {
  const stores = voter.stores()
  const { voters, admitted } = voter.membership()
  return voters.filter(
    (name) => stores[name] !== undefined && admitted[name] !== undefined && stores[name] !== admitted[name],
  )
}

const peerStatus = (
  voter: Voter,
  { name, role, addresses }: Node['kit']['own'],
  { now, between }: { readonly now: number; readonly between: readonly string[] },
): PeerStatus => {
  const liveness = voter.liveness()
  const heard = liveness.heard[name]
  const known = ['nats', ...Object.keys(addresses).map((network) => `lan:${network}`), ...between]
  const since = (at: number | undefined) => (at === undefined ? null : Math.round(now - at))
  return {
    voter: name,
    role,
    heardMsAgo: since(heard?.at),
    paths: Object.fromEntries(known.map((path) => [path, since(heard?.paths[path])])),
    echoMsAgo: since(liveness.hearsMe[name]),
  }
}
