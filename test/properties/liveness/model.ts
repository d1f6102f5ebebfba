/**
 * A randomised model of the protocol: the product's own pure functions on a virtual clock, with several voters, a lossy
 * network, a log with late commits, crashes, pauses, wiped disks and clocks that drift. The agents' part is written as
 * small as it can be; everything that decides is the product's.
 */
import { assignGroups, endStartSync } from '../../../src/decisions/assign-groups.ts'
import type { Decision, Facts } from '../../../src/decisions/decision.ts'
import { type Beat, type Liveness, type Membership, majorityOf, silence } from '../../../src/decisions/liveness.ts'
import { isAllOff, type Observed, plan, type Standing } from '../../../src/decisions/plan.ts'
import { reportOnline } from '../../../src/decisions/report-group.ts'
import {
  commitId,
  type Epoch,
  type Event,
  type Generation,
  type GroupName,
  groupName,
  hash,
  type Incarnation,
  type Instant,
  operationId,
  pathName,
  type Recorded,
  resourceName,
  type ServerName,
  sequence,
  storedConfiguration,
  type VoterName,
  wallTime,
} from '../../../src/events/index.ts'
import { votersOf } from '../../../src/projections/configuration.ts'
import { serverOf } from '../../../src/projections/servers.ts'
import { fold, initialState, type State } from '../../../src/projections/state.ts'
import type { Disk, Rules } from './rules.ts'
import { type Chance, chanceOf, Timeline } from './timeline.ts'

/** T, beat interval, D; R from the inequality of the design. */
export const T = 5000
export const intervalMs = 400
export const offMs = 1000
/** ρ of the clocks, and the ρ that the release budget allows for. */
export type Drift = { readonly clocks: number; readonly allowed: number }
const usualDrift: Drift = { clocks: 0.03, allowed: 0.03 }
const releaseFor = (rho: number): number => offMs + (2 * rho * T) / (1 + rho) + 1
/** Faults come for so long; then they stop, and within so long everything must run again. */
const faultsMs = 90_000
const healedMs = 60_000
const giveUpMs = 10_000
const path = pathName('lan:one')
const resource = resourceName('app')
const groups: readonly GroupName[] = [groupName('web'), groupName('db')]

export type Size = { readonly servers: number; readonly witness: boolean }
export type Outcome = {
  readonly failure: string | null
  readonly takeovers: number
  readonly joins: number
  readonly trace: readonly string[]
}

type Running = { readonly epoch: Epoch; readonly since: number }
type Pending = { readonly id: string; readonly after: number; readonly since: number; readonly send: () => void }

/** One machine: its disk and what runs on it outlive its agent. */
class Machine {
  readonly name: VoterName
  readonly isServer: boolean
  readonly rate: number
  readonly offset: number
  isUp = true
  hasAgent = false
  isFrozen = false
  life = 0
  boots = 1
  disk: Disk
  readonly running = new Map<GroupName, Running>()
  /** The guardian's: until when what runs may run, on the local clock. */
  guardedUntil = Number.NEGATIVE_INFINITY
  isGuarding = false
  isCutFromLogUntil = 0
  /** Log as far as it was ever read here. */
  reached = 0
  // Of the agent, lost with it:
  l: Liveness
  folded = 0
  hasBarrier = false
  joinedAt = 0
  askedToJoinAt = Number.NEGATIVE_INFINITY
  leasedUnder: number | null = null
  hadLease = false
  hasLapsed = false
  lastLoop = 0
  pending: Pending | null = null
  inbox: Beat[] = []

  constructor(name: VoterName, isServer: boolean, { chance, drift }: { chance: Chance; drift: number }, l: Liveness) {
    this.name = name
    this.isServer = isServer
    this.rate = chance.oneOf([1 - drift, 1 + drift, 1, chance.between(1 - drift, 1 + drift)])
    this.offset = chance.between(1e5, 1e6)
    this.disk = freshDisk(name, 0)
    this.l = l
  }
}

const freshDisk = (name: VoterName, at: number): Disk => ({
  store: `store-of-${name}-${Math.round(at)}`,
  // As a new store begins: by the wall clock, so that it is later than all before.
  incarnation: Math.floor(at / 1000) as Incarnation,
  supports: {},
  renounced: 0 as Generation,
  stopped: new Map(),
})

const configurationOf = ({ servers, witness }: Size, releaseMs: number) => {
  const names = Array.from({ length: servers }, (_, index) => `s${index + 1}`)
  const group = (order: readonly string[]) => ({ servers: order, resources: { app: { type: 'exec', start: 'app' } } })
  return storedConfiguration.parse({
    cluster: 'model',
    servers: names.map((name, index) => ({ name, addresses: { one: `10.0.0.${index + 1}` } })),
    ...(witness ? { witness: { name: 'w', addresses: { one: '10.0.0.9' } } } : {}),
    heartbeat: { timeout: T, interval: intervalMs, release: Math.round(releaseMs), stop: offMs },
    startSync: 0,
    groups: { web: group(names), db: group(names.toReversed()) },
  })
}

export class Model {
  readonly timeline = new Timeline()
  readonly chance: Chance
  readonly rules: Rules
  readonly machines: readonly Machine[]
  readonly trace: string[] = []
  failure: string | null = null
  readonly #states: State[] = [initialState]
  readonly #memberships: Membership[] = []
  readonly #commitIds = new Map<string, number>()
  readonly #releaseMs: number
  readonly #timing: { readonly timeoutMs: number; readonly releaseMs: number }
  readonly #cuts = new Map<string, number>()
  #loss: number
  #far: number
  #double: number
  #faultEveryMs: number
  #ids = 0

  constructor(seed: number, size: Size, rules: Rules, drift: Drift = usualDrift) {
    this.chance = chanceOf(seed)
    this.rules = rules
    this.#releaseMs = releaseFor(drift.allowed)
    this.#timing = { timeoutMs: T, releaseMs: this.#releaseMs }
    this.#loss = this.chance.oneOf([0, 0.05, 0.2])
    this.#far = this.chance.oneOf([0, 0.03, 0.1])
    this.#double = this.chance.oneOf([0, 0.05, 0.2])
    this.#faultEveryMs = this.chance.oneOf([2500, 5000])
    const configuration = configurationOf(size, this.#releaseMs)
    const names = [...configuration.servers.map(({ name }) => name), ...(size.witness ? ['w'] : [])] as VoterName[]
    const nobody = rules.awaken('w' as VoterName, freshDisk('w' as VoterName, 0), this.#timing, 0 as Instant)
    this.machines = names.map(
      (name) => new Machine(name, name !== 'w', { chance: this.chance, drift: drift.clocks }, nobody),
    )
    this.#record(
      [
        { type: 'ClusterCreated', data: { cluster: 'model' } },
        { type: 'ConfigurationApplied', data: { version: 1, configuration, source: '', note: '' } },
        ...this.machines.map(
          ({ name, disk }): Event => ({ type: 'VoterAdmitted', data: { voter: name, store: disk.store } }),
        ),
      ],
      'first',
    )
    for (const machine of this.machines) this.#start(machine)
    this.timeline.after(this.chance.between(1000, 10_000), () => this.#fault())
    this.timeline.after(faultsMs, () => this.#heal())
  }

  run(): Outcome {
    while (this.failure === null && this.timeline.step(faultsMs + healedMs)) this.#check()
    if (this.failure === null) this.#demandProgress()
    const events = this.#recorded.flatMap(({ commit }) => commit.events.map(({ type }) => type))
    const count = (type: string) => events.filter((one) => one === type).length
    return {
      failure: this.failure,
      takeovers: count('ServerDeclaredDown'),
      joins: count('ServerJoined'),
      trace: this.trace,
    }
  }

  // ---- what must hold --------------------------------------------------------------------------------------

  #check(): void {
    for (const group of groups) {
      const on = this.machines.filter(({ running }) => running.has(group))
      if (on.length > 1) this.failure = `${group} runs on ${on.map(({ name }) => name).join(' and ')}`
    }
    const [anomaly] = this.#state.anomalies
    if (anomaly) this.failure ??= `anomaly: ${anomaly.what}`
    if (this.failure !== null) this.say(this.failure)
  }

  #demandProgress(): void {
    for (const group of groups)
      if (!this.machines.some(({ running }) => running.has(group))) this.failure ??= `stuck: ${group} runs nowhere`
  }

  say(what: string): void {
    this.trace.push(`${(this.timeline.now / 1000).toFixed(3)} ${what}`)
  }

  // ---- the log ---------------------------------------------------------------------------------------------

  readonly #recorded: Recorded[] = []

  get #state(): State {
    return this.#states.at(-1) ?? initialState
  }

  #record(events: readonly [Event, ...Event[]], id: string): void {
    const at = sequence(this.#recorded.length + 1)
    const commit = {
      id: commitId(id),
      by: 'server:model' as const,
      at: wallTime(Math.round(this.timeline.now)),
      causedBy: null,
      because: {},
      events,
    }
    const one: Recorded = { position: { sequence: at, hash: hash('h') }, previous: hash('h'), commit, bytes: '' }
    this.#recorded.push(one)
    this.#commitIds.set(id, at)
    const state = fold(this.#state, [one])
    this.#states.push(state)
    this.#memberships[at] = membershipOf(state)
    this.say(`commit ${at} ${events.map(wordsOf).join(', ')}`)
  }

  /** Compare-and-set after a while; some commits arrive late, and every one may arrive twice. */
  #append(m: Machine, { events }: Decision): void {
    const after = m.folded
    this.#ids += 1
    const id = `${m.name}-${m.life}-${this.#ids}`
    const send = () => {
      if (m.isCutFromLogUntil > this.timeline.now) return
      const delay = this.chance.happens(0.85) ? this.chance.between(5, 50) : this.chance.between(0, 2 * T)
      this.timeline.after(delay, () => {
        if (this.#commitIds.has(id) || !this.rules.isExpected(after, this.#recorded.length)) return
        this.#record(events, id)
      })
    }
    m.pending = { id, after, since: this.timeline.now, send }
    send()
  }

  /** Reads on: the log as it was `now`, after a delay. */
  #pull(m: Machine): void {
    if (m.isCutFromLogUntil > this.timeline.now) return
    const { life } = m
    const all = this.#recorded.length
    // A long way is read page by page.
    const length = this.chance.happens(0.6) ? all : Math.ceil(this.chance.between(m.folded, all))
    const delay = this.chance.happens(0.9) ? this.chance.between(5, 100) : this.chance.between(0, T)
    this.timeline.after(delay, () => {
      if (m.life !== life || !m.hasAgent || m.isFrozen || length <= m.folded) return
      const joined = this.#recorded
        .slice(m.folded, length)
        .some(({ commit }) => commit.events.some((e) => e.type === 'ServerJoined' && e.data.server === m.name))
      m.folded = length
      m.reached = Math.max(m.reached, length)
      if (joined) m.joinedAt = this.#local(m)
      this.#settle(m)
    })
  }

  /** As the recorder: what stands at `after + 1` tells what became of an append. */
  #settle(m: Machine): void {
    if (!m.pending || m.folded <= m.pending.after) return
    if (this.#commitIds.get(m.pending.id) === m.pending.after + 1) m.hasBarrier = true
    m.pending = null
  }

  // ---- life of an agent ------------------------------------------------------------------------------------

  #local(m: Machine): Instant {
    return (m.offset + m.rate * this.timeline.now) as Instant
  }

  #start(m: Machine): void {
    m.hasAgent = true
    m.isFrozen = false
    m.life += 1
    m.disk.incarnation = (m.disk.incarnation + 1) as Incarnation
    const disk = this.rules.readBack(m.disk)
    // Its replica of the log, or its snapshot, may lag behind what it had read.
    m.folded = m.reached === 0 ? 1 : Math.max(1, m.reached - Math.floor(this.chance.between(0, 6)))
    const now = this.#local(m)
    m.l = this.rules.awaken(m.name, { ...disk }, this.#timing, now)
    Object.assign(m, { hasBarrier: false, joinedAt: now, askedToJoinAt: Number.NEGATIVE_INFINITY, inbox: [] })
    Object.assign(m, { leasedUnder: null, hadLease: false, hasLapsed: false, lastLoop: now, pending: null })
    const { life } = m
    this.timeline.after(this.chance.between(0, intervalMs), () => this.#tick(m, life))
  }

  #stopAgent(m: Machine): void {
    m.hasAgent = false
    m.isFrozen = false
    m.life += 1
  }

  #crash(m: Machine): void {
    this.say(`${m.name} crashes`)
    this.#stopAgent(m)
    m.isUp = false
    m.running.clear()
    m.guardedUntil = Number.NEGATIVE_INFINITY
  }

  #boot(m: Machine): void {
    if (m.isUp) return
    m.isUp = true
    m.boots += 1
    this.#start(m)
  }

  #noticePause(m: Machine): Instant {
    const now = this.#local(m)
    if (now - m.lastLoop > T / 2) m.l = this.rules.stoodStill(m.l, now)
    m.lastLoop = now
    return now
  }

  #tick(m: Machine, life: number): void {
    if (m.life !== life || m.isFrozen) return
    this.timeline.after((intervalMs / m.rate) * this.chance.between(0.9, 1.1), () => this.#tick(m, life))
    const now = this.#noticePause(m)
    this.#pull(m)
    this.#support(m, now)
    if (m.isServer) this.#serve(m, now)
    this.#beat(m, now)
  }

  #membershipOf(m: Machine): Membership {
    return this.#memberships[m.folded] as Membership
  }

  #beat(m: Machine, now: Instant): void {
    const { liveness, number } = this.rules.beatDue(m.l, now)
    m.l = liveness
    const membership = this.#membershipOf(m)
    const beat: Beat = {
      from: m.name,
      incarnation: m.l.incarnation,
      number,
      store: m.disk.store,
      generation: membership.generations[m.name]?.generation ?? (0 as Generation),
      sequence: m.folded,
      groups: Object.fromEntries([...m.running].map(([group, { epoch }]) => [group, epoch])),
      echoes: this.rules.echoesOf(m.l, membership, m.disk.store),
      hears: {},
      supports: m.l.supports,
      renounced: m.l.renounced,
    }
    for (const other of this.machines) if (other !== m) this.#send(m, other, beat)
  }

  #send(from: Machine, to: Machine, beat: Beat): void {
    const cutUntil = this.#cuts.get(`${from.name}>${to.name}`) ?? 0
    if (cutUntil > this.timeline.now || this.chance.happens(this.#loss)) return
    for (const _ of this.chance.happens(this.#double) ? [1, 2] : [1]) {
      const delay = this.chance.happens(this.#far) ? this.chance.between(0, 3 * T) : this.chance.between(1, 100)
      this.timeline.after(delay, () => this.#receive(to, beat))
    }
  }

  #receive(m: Machine, beat: Beat): void {
    if (!m.hasAgent) return
    if (m.isFrozen) {
      m.inbox.push(beat)
      return
    }
    const now = this.#noticePause(m)
    m.l = this.rules.hear(m.l, beat, path, this.#membershipOf(m), now)
    if (m.isServer) this.#guard(m, now)
  }

  #support(m: Machine, now: Instant): void {
    const due = this.rules.supportsDue(m.l, this.#membershipOf(m), m.disk.store, now)
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

  #serve(m: Machine, now: Instant): void {
    const membership = this.#membershipOf(m)
    const state = this.#states[m.folded] as State
    const isLeased = now < this.rules.leasedUntil(m.l, membership)
    const generation = serverOf(state.servers, m.name).generation
    if (m.hadLease && !isLeased) m.hasLapsed = true
    if (isLeased && m.hasBarrier) m.hasLapsed = false
    if (isLeased) m.leasedUnder = generation
    m.hadLease = isLeased
    this.#guard(m, now)
    this.#perform(m, { state, now, isLeased })
    this.#considerRenouncing(m, now, generation)
    if (m.pending) this.#insist(m, m.pending)
    else {
      const decision = this.#decide(m, { state, now, isLeased })
      if (decision) this.#append(m, decision)
    }
  }

  #insist(m: Machine, pending: Pending): void {
    const waited = this.timeline.now - pending.since
    if (waited > giveUpMs) m.pending = null
    else if (waited > 1000 && this.chance.happens(0.5)) pending.send()
  }

  #observed(m: Machine): Observed {
    return [...m.running].map(([group, { epoch, since }]) => ({
      group,
      resource,
      epoch,
      condition: 'on',
      since: sequence(since),
      after: [],
      adopted: false,
    }))
  }

  #perform(m: Machine, { state, now, isLeased }: { state: State; now: Instant; isLeased: boolean }): void {
    const standing = (group: GroupName): Standing => {
      if ((!m.hasBarrier || !isLeased) && now < m.guardedUntil) return 'hold'
      const owned = state.groups[group]?.ownership
      const stoppedEpoch = this.rules.readBack(m.disk).stopped.get(group)
      const ownership = owned?.status === 'assigned' ? owned : null
      const why = this.rules.mayNotRun(ownership, m.name, { isLeased, hasBarrier: m.hasBarrier, stoppedEpoch })
      return why === null ? 'run' : 'release'
    }
    for (const effect of plan(state, this.#observed(m), standing)) {
      if (effect.do === 'Activate') {
        this.say(`${m.name} starts ${effect.group} of epoch ${effect.epoch}`)
        m.running.set(effect.group, { epoch: effect.epoch, since: m.folded })
        this.#guard(m, now)
        // A stop takes a while: never longer than D after the lease, which the guardian sees to.
      } else if (effect.do === 'Deactivate' && this.chance.happens(0.4)) m.running.delete(effect.group)
    }
  }

  /** The guardian: what still runs D after the lease is taken down, and the agent is killed. */
  #guard(m: Machine, now: Instant): void {
    const until = this.rules.leasedUntil(m.l, this.#membershipOf(m))
    if (until > now) m.guardedUntil = until
    if (m.running.size > 0 && !m.isGuarding) this.#watchOver(m)
  }

  #watchOver(m: Machine): void {
    m.isGuarding = true
    const left = (m.guardedUntil + offMs - this.#local(m)) / m.rate
    this.timeline.after(Math.max(0, Math.min(left, 1e6)), () => {
      m.isGuarding = false
      if (m.running.size === 0) return
      if (this.#local(m) < m.guardedUntil + offMs - 1e-6) return this.#watchOver(m)
      this.say(`the guardian of ${m.name} takes down ${[...m.running.keys()].join()}`)
      m.running.clear()
      this.#stopAgent(m)
      this.timeline.after(this.chance.between(20, 2000), () => m.isUp && !m.hasAgent && this.#start(m))
    })
  }

  #considerRenouncing(m: Machine, now: Instant, generation: number): void {
    if (m.running.size > 0) return
    const hadLease = m.hasLapsed && this.rules.isHadLeaseOfThisGeneration(m.leasedUnder, generation)
    const facts = { now, joinedAt: m.joinedAt as Instant, hadLease, isAllOff: true }
    const g = this.rules.mayRenounce(m.l, this.#membershipOf(m), facts)
    if (g === null) return
    m.l = this.rules.giveUpLease(m.l, g)
    const { life } = m
    this.timeline.after(this.chance.oneOf([0, 10, 300, 1500]), () => {
      if (m.life !== life) return
      m.disk.renounced = Math.max(m.disk.renounced, g) as Generation
      m.l = this.rules.renounce(m.l, g)
      this.say(`${m.name} renounces ${g}`)
    })
  }

  #facts(m: Machine, state: State, now: Instant): Facts {
    const membership = this.#membershipOf(m)
    const heard = membership.servers.filter((p) => m.l.heard[p] !== undefined && silence(m.l, p, now) < T)
    return {
      me: m.name as ServerName,
      now,
      reachable: new Set([m.name, ...heard]),
      supporters: (p) => this.rules.supportersOf(m.l, p, serverOf(state.servers, p).generation, membership),
      majority: majorityOf(membership.voters),
    }
  }

  #decide(m: Machine, { state, now, isLeased }: { state: State; now: Instant; isLeased: boolean }): Decision | null {
    const facts = this.#facts(m, state, now)
    const joined = this.#join(m, state, now)
    if (joined) return joined
    const stopped = this.#reportStopped(m, state, facts)
    if (stopped) return stopped
    const readmitted = this.#readmit(m, state, facts)
    if (readmitted) return readmitted
    if (!m.hasBarrier) return null
    const observed = this.#observed(m)
    for (const group of groups) {
      const owned = state.groups[group]?.ownership
      if (owned?.status !== 'assigned' || owned.server !== m.name) continue
      const online = reportOnline(state, group, observed, 1)
      if (online) return online
    }
    if (!isLeased) return null
    const decision = this.rules.takeOver(state, facts) ?? endStartSync(state, 1e9) ?? assignGroups(state, facts)
    return decision ?? this.#operator(m, state, facts)
  }

  #join(m: Machine, state: State, now: Instant): Decision | null {
    if (now - m.askedToJoinAt < 500 || (m.hasBarrier && now - m.joinedAt < T)) return null
    const membership = this.#membershipOf(m)
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

  #reportStopped(m: Machine, state: State, facts: Facts): Decision | null {
    for (const group of groups) {
      const owned = state.groups[group]?.ownership
      if (owned?.status !== 'assigned' || owned.server !== m.name || owned.phase !== 'stopping') continue
      if (!isAllOff(group, this.#observed(m))) continue
      // Rule 7d: on disk before anybody is told.
      m.disk.stopped.set(group, owned.epoch)
      return this.rules.reportStopped(state, group, facts, 1)
    }
    return null
  }

  /** Somebody moves groups about … */
  #operator(m: Machine, state: State, facts: Facts): Decision | null {
    if (this.timeline.now > faultsMs || !this.chance.happens(0.02)) return null
    const to = this.chance.oneOf(this.machines.filter(({ isServer }) => isServer)).name as ServerName
    const command = { do: 'move-group', group: this.chance.oneOf(groups), server: to } as const
    const moved = this.rules.operate(state, this.#request(m, command), facts)
    return moved.events.some(({ type }) => type === 'OperationRefused' || type === 'OperationFinished') ? null : moved
  }

  /** … and re-admits voters that lost their disk: soon after the faults at the latest, on any agent that hears them. */
  #readmit(m: Machine, state: State, facts: Facts): Decision | null {
    const request = this.#request(m, { do: 'readmit-voter', voter: m.name })
    const wiped = this.machines.find(
      ({ name, disk, hasAgent }) =>
        hasAgent && state.servers.admitted[name] !== disk.store && request.stores[name] === disk.store,
    )
    if (!wiped || this.chance.happens(this.timeline.now > faultsMs ? 0.5 : 0.99)) return null
    return this.rules.operate(state, { ...request, command: { do: 'readmit-voter', voter: wiped.name } }, facts)
  }

  #request(m: Machine, command: Parameters<Rules['operate']>[1]['command']) {
    const heard = Object.entries(m.l.heard).map(([voter, { store }]) => [voter, store] as const)
    const stores = { ...Object.fromEntries(heard), [m.name]: m.disk.store }
    return { operation: operationId(`o${this.#ids}`), command, from: m.name, stores }
  }

  // ---- faults ----------------------------------------------------------------------------------------------

  #cut(from: Machine, to: Machine, ms: number): void {
    const key = `${from.name}>${to.name}`
    this.#cuts.set(key, Math.max(this.#cuts.get(key) ?? 0, this.timeline.now + ms))
  }

  #fault(): void {
    if (this.timeline.now > faultsMs - 5000) return
    this.timeline.after(-Math.log(1 - this.chance.fraction()) * this.#faultEveryMs, () => this.#fault())
    const wish = this.chance.oneOf([500, 2000, T - this.#releaseMs, T - 500, T, T + 1000, 2 * T, 4 * T])
    const ms = Math.min(wish * this.chance.between(0.8, 1.2), faultsMs - 1000 - this.timeline.now)
    const [x, y] = [this.chance.oneOf(this.machines), this.chance.oneOf(this.machines)]
    this.chance.oneOf(this.#faults(x, y, ms))()
  }

  #faults(x: Machine, y: Machine, ms: number): readonly (() => void)[] {
    const all = this.machines
    return [
      () => this.#cut(x, y, ms),
      () => [x, y].forEach((one, index, both) => void this.#cut(one, both[1 - index] ?? one, ms)),
      () => {
        this.say(`${x.name} is isolated for ${Math.round(ms)}`)
        for (const v of all) [this.#cut(x, v, ms), this.#cut(v, x, ms)]
        if (this.chance.happens(0.7)) x.isCutFromLogUntil = this.timeline.now + ms
      },
      () => {
        for (const v of all) this.chance.happens(0.5) ? this.#cut(x, v, ms) : this.#cut(v, x, ms)
      },
      () => {
        x.isCutFromLogUntil = this.timeline.now + ms
      },
      () => this.#power(x, ms, this.chance.happens(0.15)),
      () => this.#restartAgent(x),
      () => this.#freeze(x, ms),
    ]
  }

  #power(x: Machine, ms: number, isWiped: boolean): void {
    if (!x.isUp) return
    this.#crash(x)
    if (isWiped) {
      this.say(`${x.name} loses its disk`)
      x.disk = freshDisk(x.name, this.timeline.now)
      x.reached = 0
    }
    this.timeline.after(ms, () => this.#boot(x))
  }

  #restartAgent(x: Machine): void {
    if (!x.isUp || !x.hasAgent) return
    this.say(`the agent of ${x.name} dies`)
    this.#stopAgent(x)
    this.timeline.after(this.chance.oneOf([300, 1000, 3000, 7000]), () => x.isUp && !x.hasAgent && this.#start(x))
  }

  #freeze(x: Machine, ms: number): void {
    if (!x.hasAgent || x.isFrozen) return
    this.say(`the agent of ${x.name} freezes for ${Math.round(ms)}`)
    x.isFrozen = true
    const { life } = x
    this.timeline.after(ms, () => {
      if (x.life !== life) return
      x.isFrozen = false
      const { inbox } = x
      x.inbox = []
      // The loop may run before what has arrived is read.
      this.#tick(x, life)
      for (const beat of inbox) if (x.life === life) this.#receive(x, beat)
    })
  }

  #heal(): void {
    this.say('healed')
    this.#loss = 0
    this.#far = 0
    // Some faults stay: a server that hears nobody, or that nobody hears. Whatever it had must run elsewhere.
    const lasting = this.chance.oneOf(['deaf', 'mute', 'none', 'none'] as const)
    const one = this.chance.oneOf(this.machines.filter(({ isServer }) => isServer))
    if (lasting === 'none') return
    this.say(`${one.name} stays ${lasting}`)
    for (const other of this.machines)
      if (lasting === 'deaf') this.#cut(other, one, healedMs)
      else this.#cut(one, other, healedMs)
  }
}

const membershipOf = (state: State): Membership => {
  const configuration = state.configuration.current
  if (!configuration) return { voters: [], servers: [], generations: {}, admitted: {} }
  return {
    voters: votersOf(configuration),
    servers: configuration.servers.map(({ name }) => name as ServerName),
    generations: Object.fromEntries(
      Object.values(state.servers.byName).map(({ name, generation, status }) => [
        name,
        { generation, isUp: status === 'up' },
      ]),
    ),
    admitted: state.servers.admitted,
  }
}

const wordsOf = (event: Event): string => {
  if (event.type === 'ConfigurationApplied') return event.type
  return `${event.type} ${JSON.stringify(event.data)}`.slice(0, 160)
}

/** One run; the same seed is the same run. */
export const runModel = (seed: number, size: Size, rules: Rules, drift?: Drift): Outcome =>
  new Model(seed, size, rules, drift).run()
