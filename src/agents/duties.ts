/** Everything that a server's agent may put on the log by itself, as a list: what for, under which conditions, how decided. */
import { assignGroups, endStartSync } from '../decisions/assign-groups.ts'
import { acknowledgeVoters, completeVoters } from '../decisions/change-voters.ts'
import type { Decision, Facts } from '../decisions/decision.ts'
import { takeUpAnew } from '../decisions/double-activation.ts'
import { failBack, forgetFailovers } from '../decisions/fail-back.ts'
import { endFencing, takeOverFencing } from '../decisions/fence-server.ts'
import { admitVoters, joinServer, leaveCluster } from '../decisions/join-server.ts'
import { hearersOf, needsGeneration } from '../decisions/liveness.ts'
import { hearersNeeded } from '../decisions/liveness-pair.ts'
import { type PairSight, takeCopyBack, tellSetAside } from '../decisions/log-copy.ts'
import { settlement } from '../decisions/operate.ts'
import type { Observed } from '../decisions/plan.ts'
import { majorityOf } from '../decisions/quorum.ts'
import { giveUp, giveUpStopping, vacate } from '../decisions/report-group.ts'

import type { Resolution } from '../decisions/resolve-partition.ts'
import { type ConditionFacts, reportConditions } from '../decisions/server-conditions.ts'
import { endStretch } from '../decisions/stretch-timeout.ts'
import { takeOver } from '../decisions/take-over.ts'

import {
  type Epoch,
  type Event,
  type GroupName,
  groupName,
  type Instant,
  pathName,
  type ServerName,
  type VoterName,
  voterName,
} from '../events/index.ts'
import { membersOf } from '../projections/configuration.ts'
import type { PendingFence } from '../projections/fencing.ts'
import { serverOf } from '../projections/servers.ts'
import type { State } from '../projections/state.ts'
import type { Voter } from './voter/voter.ts'

/** What one agent can see when it looks for something to do. */
export type Sight = {
  readonly me: ServerName
  readonly boot: string
  readonly now: Instant
  readonly facts: Facts
  readonly voter: Voter
  readonly hasBarrier: boolean
  readonly observed: Observed
  readonly onlineMs: (group: GroupName) => number
  /** Rule 7d: up to here its epochs are over on this server. */
  readonly stoppedEpoch: (group: string) => Epoch | undefined
  /** Since this server last joined. */
  readonly joinedMs: number
  /** Since this agent saw that the cluster is starting. */
  readonly startingMs: number
  /** What NP resolution says of this side. Few duties ask for this and the next, and seldom. */
  readonly np: () => Resolution
  readonly conditions: () => ConditionFacts
  /** Since this agent saw that the heartbeat time-out is stretched. */
  readonly stretchedMs: number
  /** For how long this agent has seen nothing new of a request to fence. */
  readonly fenceSilentMs: (request: PendingFence) => number
  /** Null in topologies other than `pair`. */
  readonly pair: PairSight | null
}

/**
 * `needs`: `log` = nothing but a log that can be written; `barrier` = rule 7c; `lease` = a lease as well.
 * `inTurn`: any server could do it: the n-th in the list waits n short whiles, so that they do not collide.
 * `everyMs`: not more often than this. `delayMs`: NP resolution may hold something up, for a while.
 */
export type Duty = {
  readonly key: string
  readonly needs: 'log' | 'barrier' | 'lease'
  readonly inTurn?: boolean
  readonly everyMs?: number
  /** How much longer than its turn it waits, in ms. */
  readonly delayMs?: (state: State, sight: Sight) => number
  readonly decide: (state: State, sight: Sight) => Decision | null
}

export const duties: readonly Duty[] = [
  {
    key: 'admit voters',
    needs: 'log',
    inTurn: true,
    decide: (state, { voter }) => {
      const strangers = membersOf(state).filter((member) => state.servers.admitted[member] === undefined)
      return strangers.length === 0 ? null : admitVoters(state, voter.stores(), strangers)
    },
  },
  { key: 'join', needs: 'log', everyMs: 500, decide: (state, sight) => join(state, sight) },
  {
    key: 'take over',
    needs: 'lease',
    inTurn: true,
    decide: (state, { facts }) => takeOver(state, facts),
    delayMs: (state, sight) => npDelayMs(state, sight),
  },
  { key: 'end fencing', needs: 'lease', inTurn: true, decide: (state, { facts }) => endFencing(state, facts) },
  {
    key: 'take over fencing',
    needs: 'lease',
    inTurn: true,
    decide: (state, { facts, fenceSilentMs }) => takeOverFencing(state, facts, fenceSilentMs),
  },
  {
    key: 'end start-sync',
    needs: 'lease',
    inTurn: true,
    decide: (state, { startingMs }) => endStartSync(state, startingMs),
  },
  { key: 'assign groups', needs: 'lease', inTurn: true, decide: (state, { facts }) => assignGroups(state, facts) },
  { key: 'vacate', needs: 'barrier', decide: (state, { facts }) => vacate(state, facts) },
  {
    key: 'take up anew',
    needs: 'lease',
    decide: (state, { me, stoppedEpoch }) => takeUpAnew(state, me, stoppedEpoch),
  },
  {
    key: 'give up',
    needs: 'lease',
    decide: (state, { facts, observed }) => firstOf(state, (group) => giveUp(state, group, observed, facts)),
  },
  {
    key: 'give up stopping',
    needs: 'barrier',
    decide: (state, { facts, observed }) => firstOf(state, (group) => giveUpStopping(state, group, observed, facts)),
  },
  {
    key: 'fail back',
    needs: 'lease',
    everyMs: 1000,
    decide: (state, { facts, onlineMs }) => failBack(state, facts, onlineMs),
  },
  {
    key: 'forget failovers',
    needs: 'lease',
    everyMs: 1000,
    decide: (state, { facts, onlineMs }) => forgetFailovers(state, facts, onlineMs),
  },
  {
    key: 'leave',
    needs: 'barrier',
    decide: (state, { me, voter }) => leaveCluster(state, me, voter.liveness().renounced),
  },
  {
    key: 'acknowledge voters',
    needs: 'lease',
    decide: (state, { me, voter }) => acknowledgeVoters(state, me, voter.liveness().acknowledging),
  },
  { key: 'complete voters', needs: 'lease', inTurn: true, decide: (state) => completeVoters(state) },
  {
    key: 'end stretch',
    needs: 'lease',
    inTurn: true,
    decide: (state, { stretchedMs }) => endStretch(state, stretchedMs),
  },
  { key: 'take the copy back', needs: 'lease', decide: (state, { me, pair }) => takeCopyBack(state, me, pair) },
  { key: 'tail set aside', needs: 'barrier', decide: (_, { me, pair }) => tellSetAside(me, pair) },
  {
    key: 'settle orphaned operations',
    needs: 'lease',
    inTurn: true,
    decide: (state, { facts }) => settleOrphans(state, facts),
  },
  { key: 'settle operations', needs: 'log', decide: (state, { me }) => settle(state, me) },
  { key: 'paths', needs: 'lease', everyMs: 500, decide: (state, sight) => reportPaths(state, sight) },
  { key: 'cut off', needs: 'lease', everyMs: 500, decide: (state, sight) => reportCutOff(state, sight) },
  {
    key: 'conditions',
    needs: 'barrier',
    everyMs: 1000,
    decide: (state, { me, conditions }) => reportConditions(state, me, conditions()),
  },
]

/**
 * Rule 9; at most once per T, but a server without any generation need not wait that long. Nor one whose machine was restarted:
 * something else that it put on the log may have become its barrier first, and the log must know of the new start.
 */
const join = (state: State, { me, boot, now, voter, hasBarrier, joinedMs }: Sight): Decision | null => {
  const liveness = voter.liveness()
  // A generation without a lease would only be renounced again.
  if (voter.withheld() !== null) return null
  const isKnown = serverOf(state.servers, me).boot === boot
  if (isKnown && hasBarrier && joinedMs < liveness.timing.timeoutMs) return null
  const membership = voter.membership()
  const needs = needsGeneration(liveness, membership, hasBarrier, now) ?? (isKnown ? null : 'its machine has restarted')
  if (needs === null) return null
  return joinServer(state, {
    me,
    incarnation: liveness.incarnation,
    boot,
    needs,
    heardBy: hearersOf(liveness, membership, now),
    majority: hearersNeeded(me, voter.pair(), majorityOf(membership.voters)),
  })
}

const firstOf = (state: State, decide: (group: GroupName) => Decision | null): Decision | null => {
  for (const name of Object.keys(state.groups)) {
    const decision = decide(groupName(name))
    if (decision) return decision
  }
  return null
}

/** A server that is cut off lets others take over first; a delay, never a veto (rule 11). */
const npDelayMs = (state: State, { np }: Sight): number => {
  const { wait = 0, ping } = state.configuration.current?.npResolution ?? {}
  return np().verdict === 'cut-off' ? Math.max(wait, ping?.wait ?? 0) : 0
}

/** Operations that were asked on a server that has gone: it cannot settle them any more. One that is stopped, but heard, can. */
const settleOrphans = (state: State, { reachable }: Facts): Decision | null => {
  const orphan = state.operations.find(
    ({ outcome, from }) =>
      outcome === 'under-way' && serverOf(state.servers, from).status !== 'up' && !reachable.has(from),
  )
  if (!orphan) return null
  const known = settlement(state, orphan.id)
  const gone = { outcome: 'timed-out' as const, detail: `${orphan.from}, where it was asked, went away meanwhile` }
  return {
    events: [{ type: 'OperationFinished', data: { operation: orphan.id, ...(known ?? gone) } }],
    because: {},
    causedBy: orphan.sequence,
  }
}

/** What was asked on this server has come about, or cannot any more. */
const settle = (state: State, me: VoterName): Decision | null => {
  for (const operation of state.operations) {
    if (operation.from !== me || operation.outcome !== 'under-way') continue
    const settled = settlement(state, operation.id)
    if (settled)
      return {
        events: [{ type: 'OperationFinished', data: { operation: operation.id, ...settled } }],
        because: {},
        causedBy: operation.sequence,
      }
  }
  return null
}

/** A path is lost when it is silent while the peer is heard on another: otherwise the peer itself is silent. */
const reportPaths = (state: State, { me, voter, now }: Sight): Decision | null => {
  const { heard, timing } = voter.liveness()
  const known = serverOf(state.servers, me).lostPaths
  const events: Event[] = []
  for (const [peer, { at, paths }] of Object.entries(heard)) {
    if (now - at >= timing.timeoutMs) continue
    for (const path in paths) {
      const isLost = now - (paths[path] ?? Number.NEGATIVE_INFINITY) >= timing.timeoutMs
      const wasLost = known[peer]?.includes(path) ?? false
      if (isLost === wasLost) continue
      const data = { server: me, peer: voterName(peer), path: pathName(path) }
      events.push(isLost ? { type: 'PathLost', data } : { type: 'PathRestored', data })
    }
  }
  const [first, ...rest] = [...events, ...unusedPaths(state, me)]
  return first ? { events: [first, ...rest], because: {}, causedBy: null } : null
}

/** A cable or a disk that was lost, and is configured no more, is not missed any longer. */
const unusedPaths = (state: State, me: ServerName): readonly Event[] => {
  const own = state.configuration.current?.servers.find(({ name }) => name === me)
  const isUnused = (path: string) =>
    (path === 'com' && own?.com === undefined) || (path === 'disk' && own?.diskHeartbeat === undefined)
  return Object.entries(serverOf(state.servers, me).lostPaths).flatMap(([peer, lost]) =>
    lost
      .filter(isUnused)
      .map(
        (path): Event => ({ type: 'PathRestored', data: { server: me, peer: voterName(peer), path: pathName(path) } }),
      ),
  )
}

/** Only on a change, and only when something is known. */
const reportCutOff = (state: State, { me, np }: Sight): Decision | null => {
  const { isCutOff } = serverOf(state.servers, me)
  const { verdict, reasons } = np()
  if (verdict === 'unknown' || (verdict === 'cut-off') === isCutOff) return null
  const data = { server: me, reasons: [...reasons] }
  const event: Event = isCutOff ? { type: 'ServerConnected', data } : { type: 'ServerCutOff', data }
  return { events: [event], because: {}, causedBy: null }
}
