/** The agents, as small as they can be: everything that decides is the product's. */
import { assignGroups, endStartSync } from '../../../src/decisions/assign-groups.ts'
import type { Decision, Facts } from '../../../src/decisions/decision.ts'
import { endFencing, takeOverFencing } from '../../../src/decisions/fence-server.ts'
import { type Beat, silence } from '../../../src/decisions/liveness.ts'
import { isAllOff, type Observed, plan, type Standing } from '../../../src/decisions/plan.ts'
import { mayPromise } from '../../../src/decisions/promises.ts'
import { majorityOf } from '../../../src/decisions/quorum.ts'
import { reportOnline } from '../../../src/decisions/report-group.ts'
import {
  type Generation,
  type GroupName,
  type Incarnation,
  type Instant,
  type ServerName,
  sequence,
} from '../../../src/events/index.ts'
import type { PendingFence } from '../../../src/projections/fencing.ts'
import { serverOf } from '../../../src/projections/servers.ts'
import type { State } from '../../../src/projections/state.ts'
import { faultsMs, giveUpMs, groups, intervalMs, type Machine, offMs, type Pending, path, resource } from './machine.ts'
import { Operators } from './operators.ts'

/** Rule 12: the guardian lets it be. */
const keptUntil = 1e9

export abstract class Agents extends Operators {
  // ---- life of an agent ------------------------------------------------------------------------------------

  start(m: Machine): void {
    m.hasAgent = true
    m.isFrozen = false
    m.life += 1
    m.disk.incarnation = (m.disk.incarnation + 1) as Incarnation
    const disk = this.rules.readBack(m.disk)
    // Its replica of the log, or its snapshot, may lag behind what it had read.
    m.folded = m.reached === 0 ? 1 : Math.max(1, m.reached - Math.floor(this.chance.between(0, 6)))
    const now = this.local(m)
    m.l = this.rules.awaken(m.name, { ...disk }, this.timing, now)
    m.isWritingPromise = false
    this.retime(m)
    Object.assign(m, { hasBarrier: false, joinedAt: now, askedToJoinAt: Number.NEGATIVE_INFINITY, inbox: [] })
    m.fencing.clear()
    m.requestsSeen.clear()
    Object.assign(m, { leasedUnder: null, hadLease: false, hasLapsed: false, lastLoop: now, pending: null })
    const { life } = m
    this.timeline.after(this.chance.between(0, intervalMs), () => this.tick(m, life))
  }

  stopAgent(m: Machine): void {
    m.hasAgent = false
    m.isFrozen = false
    m.life += 1
  }

  crash(m: Machine): void {
    this.say(`${m.name} crashes`)
    this.stopAgent(m)
    m.isUp = false
    m.running.clear()
    m.guardedUntil = Number.NEGATIVE_INFINITY
  }

  boot(m: Machine): void {
    if (m.isUp) return
    m.isUp = true
    m.boots += 1
    this.start(m)
  }

  noticePause(m: Machine): Instant {
    const now = this.local(m)
    if (now - m.lastLoop > m.l.timing.timeoutMs / 2) m.l = this.rules.stoodStill(m.l, now)
    m.lastLoop = now
    return now
  }

  tick(m: Machine, life: number): void {
    if (m.life !== life || m.isFrozen) return
    this.timeline.after((intervalMs / m.rate) * this.chance.between(0.9, 1.1), () => this.tick(m, life))
    const now = this.noticePause(m)
    this.pull(m)
    this.support(m, now)
    if (m.isServer) this.serve(m, now)
    this.beat(m, now)
  }

  beat(m: Machine, now: Instant): void {
    const { liveness, number } = this.rules.beatDue(m.l, now)
    m.l = liveness
    this.keepPromises(m, now)
    const membership = this.membershipOf(m)
    const echoes = this.rules.echoesOf(m.l, membership, m.disk.store)
    m.l = this.rules.promise(m.l, echoes)
    const beat: Beat = {
      from: m.name,
      incarnation: m.l.incarnation,
      number,
      store: m.disk.store,
      generation: membership.generations[m.name]?.generation ?? (0 as Generation),
      sequence: m.folded,
      groups: Object.fromEntries([...m.running].map(([group, { epoch }]) => [group, epoch])),
      echoes,
      hears: {},
      supports: m.l.supports,
      renounced: m.l.renounced,
      passedOn: this.rules.passedOnBy(m.l, membership),
    }
    for (const other of this.machines) if (other !== m) this.send(m, other, beat)
  }

  keepPromises(m: Machine, now: Instant): void {
    const due = m.isWritingPromise ? null : this.rules.promiseDue(m.l, this.membershipOf(m), m.disk.store, now)
    if (due === null) return
    m.isWritingPromise = true
    const isMore = due.ms > m.l.promises.durable.ms
    if (!isMore || !this.rules.isPromisedOnceDurable) m.l = mayPromise(m.l, due)
    const { life } = m
    this.timeline.after(this.chance.oneOf([0, 10, 300]), () => {
      if (m.life !== life) return
      m.disk.promised = due
      m.l = mayPromise(m.l, due)
      m.isWritingPromise = false
    })
  }

  receive(m: Machine, beat: Beat): void {
    if (!m.hasAgent) return
    if (m.isFrozen) {
      m.inbox.push(beat)
      return
    }
    const now = this.noticePause(m)
    m.l = this.rules.hear(m.l, beat, path, this.membershipOf(m), now)
    if (m.isServer) this.guard(m, now)
  }

  support(m: Machine, now: Instant): void {
    const due = this.rules.supportsDue(m.l, this.membershipOf(m), m.disk.store, now)
    if (Object.keys(due).length === 0) return
    m.l = this.rules.bar(m.l, due)
    const { life } = m
    const write = () => {
      m.disk.supports = { ...m.disk.supports, ...due }
    }
    // Bytes may reach the disk early in the write or at its end.
    if (this.chance.happens(0.5) && this.rules.isSaidOnceDurable) write()
    if (!this.rules.isSaidOnceDurable) m.l = this.rules.publish(m.l, due)
    this.timeline.after(this.chance.oneOf([0, 10, 300]), () => {
      if (m.life !== life) return
      write()
      m.l = this.rules.publish(m.l, due)
      this.say(`${m.name} supports ${JSON.stringify(due)}`)
    })
  }

  // ---- a server's agent ------------------------------------------------------------------------------------

  serve(m: Machine, now: Instant): void {
    const membership = this.membershipOf(m)
    const state = this.states[m.folded] as State
    const isLeased = now < this.rules.leasedUntil(m.l, membership)
    const generation = serverOf(state.servers, m.name).generation
    if (m.hadLease && !isLeased) m.hasLapsed = true
    if (isLeased && m.hasBarrier) m.hasLapsed = false
    if (isLeased) m.leasedUnder = generation
    m.hadLease = isLeased
    this.countChange(m, now)
    this.guard(m, now)
    this.perform(m, { state, now, isLeased })
    this.considerRenouncing(m, now, generation)
    if (m.pending) this.insist(m, m.pending)
    else {
      const decision = this.decide(m, { state, now, isLeased })
      if (decision) this.append(m, decision)
    }
  }

  /** Before the guardian is told, and long before it is said. */
  countChange(m: Machine, now: Instant): void {
    const change = m.hasBarrier ? this.rules.changeToAcknowledge(m.l, this.membershipOf(m), now) : null
    if (change !== null) m.l = this.rules.acknowledging(m.l, change)
  }

  insist(m: Machine, pending: Pending): void {
    const waited = this.timeline.now - pending.since
    if (waited > giveUpMs) m.pending = null
    else if (waited > 1000 && this.chance.happens(0.5)) pending.send()
  }

  observed(m: Machine): Observed {
    return [...m.running].map(([group, { epoch, since }]) => ({
      group,
      resource,
      epoch,
      condition: 'on',
      since: sequence(since),
      after: [],
      adopted: false,
      lost: null,
    }))
  }

  perform(m: Machine, { state, now, isLeased }: { state: State; now: Instant; isLeased: boolean }): void {
    const standing = (group: GroupName): Standing =>
      this.rules.standingOf(state, group, {
        me: m.name as ServerName,
        isLeased,
        hasBarrier: m.hasBarrier,
        stoppedEpoch: this.rules.readBack(m.disk).stopped.get(group),
        running: [...m.running].flatMap(([name, { epoch }]) => (name === group ? [epoch] : [])),
        isInherited: now < m.guardedUntil,
      })
    for (const effect of plan(state, this.observed(m), standing)) {
      if (effect.do === 'Activate') {
        this.say(`${m.name} starts ${effect.group} of epoch ${effect.epoch}`)
        m.running.set(effect.group, { epoch: effect.epoch, since: m.folded })
        this.guard(m, now)
        // A stop takes a while: never longer than D after the lease, which the guardian sees to.
      } else if (effect.do === 'Deactivate' && this.chance.happens(0.4)) m.running.delete(effect.group)
    }
  }

  /** The guardian: what still runs D after the lease is taken down, and the agent is killed. */
  guard(m: Machine, now: Instant): void {
    const until = this.keep ? keptUntil : this.rules.leasedUntil(m.l, this.membershipOf(m))
    // What an old fold says of the voters may be over: before the barrier, only what an earlier agent had counts.
    const isNews = until > now && m.hasBarrier && until !== m.guardedUntil
    if (isNews) m.guardedUntil = until
    if (m.running.size > 0 && (isNews || m.guardTimer === null)) this.watchOver(m)
  }

  watchOver(m: Machine): void {
    const timer = {}
    m.guardTimer = timer
    const left = (m.guardedUntil + offMs - this.local(m)) / m.rate
    this.timeline.after(Math.max(0, Math.min(left, 1e6)), () => {
      // A new deadline has taken its place.
      if (m.guardTimer !== timer) return
      m.guardTimer = null
      if (m.running.size === 0) return
      if (this.local(m) < m.guardedUntil + offMs - 1e-6) return this.watchOver(m)
      this.say(`the guardian of ${m.name} takes down ${[...m.running.keys()].join()}`)
      m.running.clear()
      this.stopAgent(m)
      this.timeline.after(this.chance.between(20, 2000), () => m.isUp && !m.hasAgent && this.start(m))
    })
  }

  considerRenouncing(m: Machine, now: Instant, generation: number): void {
    if (m.running.size > 0) return
    const hadLease = m.hasLapsed && this.rules.isHadLeaseOfThisGeneration(m.leasedUnder, generation)
    const facts = { now, joinedAt: m.joinedAt as Instant, hadLease, isAllOff: true }
    const g = this.rules.mayRenounce(m.l, this.membershipOf(m), facts)
    if (g === null) return
    m.l = this.rules.giveUpLease(m.l, g)
    const { life } = m
    this.timeline.after(this.chance.oneOf(this.rules.renouncingMs), () => {
      if (m.life !== life) return
      m.disk.renounced = Math.max(m.disk.renounced, g) as Generation
      m.l = this.rules.renounce(m.l, g)
      this.say(`${m.name} renounces ${g}`)
    })
  }

  facts(m: Machine, state: State, now: Instant): Facts {
    const membership = this.rules.electorateOf(this.membershipOf(m))
    const heard = membership.servers.filter(
      (p) => m.l.heard[p] !== undefined && silence(m.l, p, now) < m.l.timing.timeoutMs,
    )
    return {
      me: m.name as ServerName,
      now,
      reachable: new Set([m.name, ...heard]),
      supporters: (p) => this.rules.supportersOf(m.l, p, serverOf(state.servers, p).generation, membership),
      majority: majorityOf(membership.voters),
      renounced: (p) => m.l.heard[p]?.renounced ?? (0 as Generation),
    }
  }

  decide(m: Machine, { state, now, isLeased }: { state: State; now: Instant; isLeased: boolean }): Decision | null {
    const facts = this.facts(m, state, now)
    const joined = this.join(m, state, now)
    if (joined) return joined
    const stopped = this.reportStopped(m, state, facts)
    if (stopped) return stopped
    const readmitted = this.readmit(m, state, facts)
    if (readmitted) return readmitted
    if (!m.hasBarrier) return null
    const observed = this.observed(m)
    for (const group of groups) {
      const owned = state.groups[group]?.ownership
      if (owned?.status !== 'assigned' || owned.server !== m.name) continue
      const online = reportOnline(state, group, observed, 1)
      if (online) return online
    }
    const changed = this.changeOver(m, state, isLeased)
    if (changed || !isLeased) return changed
    const decision =
      this.fence(m, state, facts) ??
      this.rules.takeOver(state, facts) ??
      endStartSync(state, 1e9) ??
      assignGroups(state, facts)
    return decision ?? this.reconfigure(state) ?? this.operator(m, state, facts)
  }

  /** Rule 10; after the faults, somebody gives up a change that some server cannot acknowledge. */
  changeOver(m: Machine, state: State, isLeased: boolean): Decision | null {
    if (this.timeline.now > faultsMs + 2000 && state.configuration.change !== null && this.chance.happens(0.2)) {
      const voters = [...state.configuration.voters]
      return { events: [{ type: 'VotersChangeAbandoned', data: { voters } }], because: {}, causedBy: null }
    }
    if (!isLeased) return null
    return (
      this.rules.acknowledgeVoters(state, m.name as ServerName, m.l.acknowledging) ?? this.rules.completeVoters(state)
    )
  }

  /** Whoever is to, switches off what was declared down and may still run; then that is written down. */
  fence(m: Machine, state: State, facts: Facts): Decision | null {
    const silentMs = (request: PendingFence): number => {
      const key = `${request.requestedBy} ${request.attempts}`
      const since = m.requestsSeen.get(key) ?? facts.now
      m.requestsSeen.set(key, since)
      return facts.now - since
    }
    const other = endFencing(state, facts) ?? takeOverFencing(state, facts, silentMs)
    const due = Object.values(state.fencing.pending).find(({ executor }) => executor === m.name)
    if (other || !due) return other
    const { server, requestedBy } = due
    const known = m.fencing.get(requestedBy)
    const outcome = { ok: true, level: 1, devices: ['plug'], ms: 1 } as const
    if (known === 'off') return this.rules.recordAttempt(state, { ...due, attempt: 1, outcome }, facts)
    if (known === 'under way') return null
    m.fencing.set(requestedBy, 'under way')
    const { life } = m
    this.timeline.after(this.chance.oneOf([50, 500, 4000]), () => {
      const target = this.machines.find(({ name }) => name === server)
      if (!target || m.life !== life) return
      this.say(`${m.name} switches ${server} off`)
      this.crash(target)
      m.fencing.set(requestedBy, 'off')
      this.timeline.after(this.chance.between(1000, 8000), () => this.boot(target))
    })
    return null
  }

  join(m: Machine, state: State, now: Instant): Decision | null {
    if (now - m.askedToJoinAt < 500 || (m.hasBarrier && now - m.joinedAt < m.l.timing.timeoutMs)) return null
    const membership = this.membershipOf(m)
    const decision = this.rules.joinServer(state, {
      me: m.name as ServerName,
      incarnation: m.l.incarnation,
      boot: `${m.name}-boot-${m.boots}`,
      needs: this.rules.needsGeneration(m.l, membership, m.hasBarrier, now),
      heardBy: this.rules.hearersOf(m.l, membership, now),
      majority: majorityOf(membership.voters),
    })
    if (decision) m.askedToJoinAt = now
    return decision
  }

  reportStopped(m: Machine, state: State, facts: Facts): Decision | null {
    for (const group of groups) {
      const owned = state.groups[group]?.ownership
      if (owned?.status !== 'assigned' || owned.server !== m.name || owned.phase !== 'stopping') continue
      if (!isAllOff(group, this.observed(m))) continue
      // Rule 7d: on disk before anybody is told.
      m.disk.stopped.set(group, owned.epoch)
      return this.rules.reportStopped(state, group, facts, 1)
    }
    return null
  }
}
