/**
 * The agent of one server: compares what the log says with what is true here, acts on the difference, and puts on the
 * log what was observed and decided. It holds no policy: rules are in `decisions`, effects in the drivers.
 */
import { type Decision, type Facts, isOwned } from '../decisions/decision.ts'
import { judgeMonitor } from '../decisions/judge-monitor.ts'
import { leaderToMoveTo } from '../decisions/lead-log.ts'
import { majorityOf, mayNotRun, mayRenounce, supportersOf } from '../decisions/liveness.ts'
import { operate } from '../decisions/operate.ts'
import { isAllOff, plan, type Standing } from '../decisions/plan.ts'
import { isStopComplete, reportOnline, reportStopped } from '../decisions/report-group.ts'
import {
  type Author,
  type Command,
  type Epoch,
  type Event,
  type EventLog,
  type Generation,
  type GroupName,
  type Instant,
  type MonitorName,
  monitorName,
  operationId,
  type Recorded,
  type ResourceName,
  type Sequence,
  type ServerName,
} from '../events/index.ts'
import { resourceMonitor } from '../projections/configuration.ts'
import { monitorOn } from '../projections/monitors.ts'
import { serverOf } from '../projections/servers.ts'
import type { State } from '../projections/state.ts'
import type { Cancel, World } from '../world/world.ts'
import { type Duty, duties, type Sight } from './duties.ts'
import type { GuardianLink } from './guardian-link.ts'
import { type Finding, type MonitorRunner, type MonitorRunnerOptions, monitorRunner } from './monitor-runner.ts'
import type { Answer, Recorder } from './recorder.ts'
import type { ResourceRunner } from './resource-runner.ts'
import { commandOfScript } from './script.ts'
import type { Voter } from './voter.ts'

/** The n-th server in turn waits n of these before it does what another could do. */
const turnMs = 30

/** The leader is moved at most this often; a move takes a moment to show. */
const leaderMoveMs = 3000

/** A disk that refuses a write is not mended sooner. */
const renounceAgainMs = 1000

/** Stands for the endless lease of a cluster of one, where a number is needed: three years. */
const longestLeaseMs = 1e11

export type ServerAgentParts = {
  readonly me: ServerName
  readonly recorder: Recorder
  readonly log: Pick<EventLog, 'status' | 'moveLeader'>
  readonly voter: Voter
  readonly runner: ResourceRunner
  readonly guardian: GuardianLink
  readonly store: {
    readonly stopEpoch: (group: GroupName, epoch: Epoch) => Promise<void>
    readonly stoppedEpoch: (group: string) => Epoch | undefined
  }
  readonly monitors: Omit<MonitorRunnerOptions, 'found' | 'delayed' | 'me'>
  /** The ping targets that answer now; called in a loop of its own. */
  readonly ping: (targets: readonly string[], timeoutMs: number) => Promise<readonly string[]>
  readonly say: (what: string, fields: Readonly<Record<string, unknown>>) => void
}

export type ServerAgent = {
  /** Something may have changed: looks for what to do, soon. */
  readonly wake: () => void
  readonly command: (command: Command, by: Author) => Promise<{ readonly operation: string; readonly answer: Answer }>
  /** Why this agent runs no groups now; null when it may. */
  readonly standingInWords: () => string | null
  readonly heldGroups: () => Readonly<Record<string, Epoch>>
  /** An active resource is gone, as the world itself tells: recovered as if a monitor had seen it. */
  readonly lost: (group: GroupName, resource: ResourceName, because: string) => void
  readonly stop: () => void
}

type Since = { readonly epoch: Epoch; readonly phase: string; readonly at: Instant }

export const startServerAgent = (world: World, parts: ServerAgentParts): ServerAgent => new Agent(world, parts)

class Agent implements ServerAgent {
  readonly #world: World
  readonly #parts: ServerAgentParts
  readonly #monitors: MonitorRunner
  #isStopped = false
  #isWoken = false
  /** When each owned group entered its phase, on our own clock: durations never come from wall clocks. */
  readonly #since = new Map<string, Since>()
  readonly #normalSince = new Map<string, Instant>()
  readonly #dueSince = new Map<string, Instant>()
  readonly #doneAt = new Map<string, Instant>()
  readonly #epochsBeingStopped = new Set<Epoch>()
  #joinedAt: Instant
  #startingSince: Instant
  #hadLease = false
  /** The generation under which the latest lease was held: rule 5 asks about the current one. */
  #leasedUnder: Generation | null = null
  #lostAt: { readonly at: Instant; readonly groups: readonly GroupName[]; offAt: Instant | null } | null = null
  #notes: Event[] = []
  #answering: readonly string[] | null = null
  #isRenouncing = false
  readonly #scriptsRunning = new Set<MonitorName>()
  #cancelTimer: Cancel = () => {}
  #cancelPing: Cancel = () => {}
  #leaderMovedAt: number = Number.NEGATIVE_INFINITY

  constructor(world: World, parts: ServerAgentParts) {
    this.#world = world
    this.#parts = parts
    this.#joinedAt = world.clock.now()
    this.#startingSince = this.#joinedAt
    this.#monitors = monitorRunner(world, {
      ...parts.monitors,
      me: parts.me,
      found: this.#found,
      delayed: this.#delayed,
    })
    parts.recorder.onFold(this.#folded)
    void this.#pingRound()
    this.wake()
  }

  readonly wake = (): void => {
    if (this.#isWoken || this.#isStopped) return
    this.#isWoken = true
    queueMicrotask(() => {
      this.#isWoken = false
      if (!this.#isStopped) this.#step()
    })
  }

  readonly heldGroups = (): Readonly<Record<string, Epoch>> =>
    Object.fromEntries(
      this.#parts.runner
        .observed()
        .flatMap(({ group, epoch, condition }) => (condition === 'off' ? [] : [[group, epoch]])),
    )

  readonly standingInWords = (): string | null => {
    const { voter, recorder } = this.#parts
    if (!recorder.hasBarrier()) return 'this agent has not had a commit of its own accepted yet'
    return voter.hasLease() ? null : 'a majority of voters has not answered lately'
  }

  readonly command = async (
    command: Command,
    by: Author,
  ): Promise<{ readonly operation: string; readonly answer: Answer }> => {
    const operation = operationId(this.#world.random.id())
    const request = { operation, command, from: this.#parts.me, stores: this.#parts.voter.stores() }
    const answer = await this.#parts.recorder.submit(
      `operation ${operation}`,
      (state) => operate(state, request, this.#facts()),
      by,
    )
    this.wake()
    return { operation, answer }
  }

  readonly lost = (group: GroupName, resource: ResourceName, because: string): void => {
    const { current } = this.#state.configuration
    // A process that ends is the business of the process monitor, which every resident exec has.
    if (current?.groups[group]?.resources[resource]?.type === 'exec') return
    const monitor = monitorName(`${group}.${resource}`)
    const configuration = resourceMonitor(group, resource)
    this.#found({
      monitor,
      configuration,
      verdict: 'error',
      because,
      elapsedMs: 0,
      starved: false,
      again: false,
      mayRecover: true,
    })
  }

  readonly stop = (): void => {
    this.#isStopped = true
    this.#cancelTimer()
    this.#cancelPing()
    this.#monitors.stop()
  }

  get #state(): State {
    return this.#parts.recorder.state()
  }

  readonly #folded = (recorded: readonly Recorded[], before: State): void => {
    const now = this.#world.clock.now()
    if (!before.cluster.starting && this.#state.cluster.starting) this.#startingSince = now
    const hasJoined = recorded.some(({ commit }) =>
      commit.events.some((event) => event.type === 'ServerJoined' && event.data.server === this.#parts.me),
    )
    if (hasJoined) this.#joinedAt = now
    for (const group of Object.values(this.#state.groups)) {
      const { ownership } = group
      if (ownership.status !== 'assigned') this.#since.delete(group.name)
      else {
        const known = this.#since.get(group.name)
        if (known?.epoch !== ownership.epoch || known.phase !== ownership.phase)
          this.#since.set(group.name, { epoch: ownership.epoch, phase: ownership.phase, at: now })
      }
    }
    this.#parts.voter.fold(this.#state)
    this.wake()
  }

  #facts(): Facts {
    const { me, voter } = this.#parts
    const liveness = voter.liveness()
    const membership = voter.membership()
    return {
      me,
      now: this.#world.clock.now(),
      reachable: voter.reachable(),
      supporters: (server) =>
        supportersOf(liveness, server, serverOf(this.#state.servers, server).generation, membership),
      majority: majorityOf(membership.voters),
    }
  }

  #step(): void {
    const { voter, recorder, runner } = this.#parts
    const now = this.#world.clock.now()
    const isLeased = voter.hasLease()
    const state = this.#state
    this.#watchLease(isLeased, now)
    this.#guard(now)
    runner.perform(
      plan(state, runner.observed(), (group) => this.#standing(group, isLeased, now)),
      state,
    )
    this.#monitors.arrange(state, isLeased && recorder.hasBarrier() ? runner.observed() : [])
    this.#doDuties(state, this.#sight(now), isLeased)
    this.#reportOutcomes(state, now)
    this.#reportStops(state)
    this.#considerRenouncing(now)
    if (isLeased && this.#rank(this.#facts()) === 0) this.#keepLeaderAway(state, now)
    this.#setTimer(now, isLeased)
  }

  #sight(now: Instant): Sight {
    const { voter, recorder, runner, me } = this.#parts
    return {
      me,
      boot: this.#world.bootId(),
      now,
      facts: this.#facts(),
      voter,
      hasBarrier: recorder.hasBarrier(),
      observed: runner.observed(),
      onlineMs: (group) => this.#phaseMs(group, 'online', now),
      joinedMs: now - this.#joinedAt,
      startingMs: now - this.#startingSince,
      answeringTargets: this.#answering,
    }
  }

  /** Rule 7; before the first commit of ours, what an earlier agent left goes on under the lease that it had. */
  #standing(group: GroupName, isLeased: boolean, now: Instant): Standing {
    const { me, recorder, store, guardian } = this.#parts
    const hasBarrier = recorder.hasBarrier()
    if ((!hasBarrier || !isLeased) && now < guardian.inherited) return 'hold'
    const owned = this.#state.groups[group]
    const ownership = owned && isOwned(owned) ? owned.ownership : null
    return mayNotRun(ownership, me, { isLeased, hasBarrier, stoppedEpoch: store.stoppedEpoch(group) }) === null
      ? 'run'
      : 'release'
  }

  #phaseMs(group: string, phase: string, now: Instant): number {
    const since = this.#since.get(group)
    return since?.phase === phase ? now - since.at : 0
  }

  /** Tells the guardian until when what runs may run. */
  #guard(now: Instant): void {
    const { guardian, runner, voter } = this.#parts
    const graceMs = (this.#state.configuration.current?.heartbeat.stop ?? 1000) / 4
    const until = voter.leasedUntil()
    if (runner.isAllOff() && !this.#mayStart()) guardian.off()
    // A lease that has ended is not news: the guardian knows its deadline.
    else if (until > now) guardian.lease(Math.min(until, now + longestLeaseMs) as Instant, graceMs)
  }

  /** Something of ours may be activated any moment: the deadline must stand before it is. */
  #mayStart(): boolean {
    return Object.values(this.#state.groups).some(
      (group) => isOwned(group) && group.ownership.server === this.#parts.me,
    )
  }

  #watchLease(isLeased: boolean, now: Instant): void {
    const { runner, say, me, recorder } = this.#parts
    if (this.#hadLease && !isLeased) {
      const groups = [
        ...new Set(runner.observed().flatMap(({ group, condition }) => (condition === 'off' ? [] : [group]))),
      ]
      this.#lostAt = { at: now, groups, offAt: null }
      say('the lease ended: releasing everything', { groups })
    }
    if (this.#lostAt && this.#lostAt.offAt === null && runner.isAllOff()) this.#lostAt.offAt = now
    if (isLeased && this.#lostAt && recorder.hasBarrier()) {
      const { at, groups, offAt } = this.#lostAt
      const { generation } = serverOf(this.#state.servers, me)
      this.#notes.push({
        type: 'LeaseLost',
        data: { server: me, generation, releasedMs: Math.round((offAt ?? now) - at), groups: [...groups] },
      })
      this.#lostAt = null
    }
    if (isLeased) this.#leasedUnder = serverOf(this.#state.servers, me).generation
    this.#hadLease = isLeased
  }

  #doDuties(state: State, sight: Sight, isLeased: boolean): void {
    for (const duty of duties) {
      if (duty.needs !== 'log' && !sight.hasBarrier) continue
      if (duty.needs === 'lease' && !isLeased) continue
      if (this.#parts.recorder.isPending(duty.key)) continue
      if (
        duty.everyMs !== undefined &&
        sight.now - (this.#doneAt.get(duty.key) ?? Number.NEGATIVE_INFINITY) < duty.everyMs
      )
        continue
      if (!this.#isTurn(duty, duty.decide(state, sight), sight)) continue
      this.#doneAt.set(duty.key, sight.now)
      this.#dueSince.delete(duty.key)
      // Decided later, maybe after conflicts: by what is known then, and only under a lease that is held then (rule 6).
      this.#submit(duty.key, (latest) =>
        duty.needs === 'lease' && !this.#parts.voter.hasLease()
          ? null
          : duty.decide(latest, this.#sight(this.#world.clock.now())),
      )
    }
  }

  #isTurn({ key, inTurn, delayMs }: Duty, decision: Decision | null, sight: Sight): boolean {
    const { facts, now } = sight
    if (decision === null) {
      this.#dueSince.delete(key)
      return false
    }
    if (!inTurn) return true
    const since = this.#dueSince.get(key) ?? now
    this.#dueSince.set(key, since)
    const waitMs = turnMs * this.#rank(facts) + (delayMs?.(this.#state, sight) ?? 0)
    if (now - since >= waitMs) return true
    this.#world.clock.after(since + waitMs - now, this.wake)
    return false
  }

  /** How many servers that are heard come before us. */
  #rank({ reachable, me }: Facts): number {
    const servers = (this.#state.configuration.current?.servers ?? []).map((server) => server.name)
    return servers.slice(0, Math.max(0, servers.indexOf(me))).filter((server) => reachable.has(server)).length
  }

  #submit(key: string, decide: (state: State) => Decision | null): void {
    void this.#parts.recorder.submit(key, decide).then(() => this.wake())
  }

  /** Outcomes of resources, and groups that are complete by them, in one commit. */
  #reportOutcomes(state: State, now: Instant): void {
    const { runner, recorder } = this.#parts
    const key = 'report outcomes'
    if (recorder.isPending(key) || this.#outcomes(state, now) === null) return
    let outcomes = 0
    let notes = 0
    const decide = (newest: State) => {
      outcomes = runner.outbox().length
      notes = this.#notes.length
      return this.#outcomes(newest, this.#world.clock.now())
    }
    void recorder.submit(key, decide).then(({ answer }) => {
      if (answer === 'recorded') {
        runner.recorded(outcomes)
        this.#notes = this.#notes.slice(notes)
      }
      this.wake()
    })
  }

  #outcomes(state: State, now: Instant): Decision | null {
    const { runner } = this.#parts
    const online = Object.keys(state.groups).flatMap((name) => {
      const durationMs = Math.round(this.#phaseMs(name, 'starting', now))
      const decision = this.#owns(state, name)
        ? reportOnline(state, name as GroupName, runner.observed(), durationMs)
        : null
      return decision ? decision.events : []
    })
    const [first, ...rest] = [...this.#notes, ...runner.outbox(), ...online]
    return first ? { events: [first, ...rest], because: {}, causedBy: causeOf(state, first) } : null
  }

  #owns(state: State, name: string): boolean {
    const group = state.groups[name]
    return group !== undefined && isOwned(group) && group.ownership.server === this.#parts.me
  }

  /** Rule 7d: the epoch is on disk as stopped before anybody is told so; rule 8: only then the next owner is named. */
  #reportStops(state: State): void {
    const { runner, store, recorder } = this.#parts
    for (const group of Object.values(state.groups)) {
      if (!isOwned(group) || !this.#owns(state, group.name) || !isStopComplete(state, group.name, runner.observed()))
        continue
      const { name } = group
      const { epoch } = group.ownership
      if (this.#epochsBeingStopped.has(epoch)) continue
      this.#epochsBeingStopped.add(epoch)
      let outcomes = 0
      const decide = (newest: State): Decision | null => {
        const durationMs = Math.round(this.#phaseMs(name, 'stopping', this.#world.clock.now()))
        const stopped = isAllOff(name, runner.observed())
          ? reportStopped(newest, name, this.#facts(), durationMs)
          : null
        if (stopped === null) return null
        outcomes = runner.outbox().length
        const [first = stopped.events[0], ...rest] = [...runner.outbox(), ...stopped.events]
        return { ...stopped, events: [first, ...rest] }
      }
      const report = async () => {
        await store.stopEpoch(name, epoch)
        const { answer } = await recorder.submit(`stopped ${name} ${epoch}`, decide)
        if (answer === 'recorded') runner.recorded(outcomes)
      }
      void report()
        .catch((trouble: unknown) =>
          this.#parts.say('a stop could not be written down', { group: name, trouble: String(trouble) }),
        )
        .finally(() => {
          this.#epochsBeingStopped.delete(epoch)
          this.wake()
        })
    }
  }

  /** Rule 5; and a server that was told to stop gives its word as soon as nothing is its any more. */
  #considerRenouncing(now: Instant): void {
    const { voter, runner, me, recorder } = this.#parts
    if (this.#isRenouncing || !runner.isAllOff()) return
    const { stopOrdered, status, generation } = serverOf(this.#state.servers, me)
    const isLeaving =
      stopOrdered &&
      status === 'up' &&
      !this.#mayStart() &&
      recorder.hasBarrier() &&
      voter.liveness().renounced < generation
    const hadLease = this.#lostAt !== null && this.#leasedUnder === generation
    const facts = { now, joinedAt: this.#joinedAt, hadLease, isAllOff: true }
    const lapsed = mayRenounce(voter.liveness(), voter.membership(), facts)
    const renounced = isLeaving ? generation : lapsed
    if (renounced === null) return
    this.#isRenouncing = true
    const done = () => {
      this.#isRenouncing = false
      this.wake()
    }
    void voter.renounceNow(renounced).then(done, (trouble: unknown) => {
      this.#parts.say('a renunciation could not be written down', { trouble: String(trouble) })
      this.#world.clock.after(renounceAgainMs, done)
    })
  }

  /** Moves the log's leader to where losing it costs no service. */
  #keepLeaderAway(state: State, now: Instant): void {
    const { log, say } = this.#parts
    if (now - this.#leaderMovedAt < leaderMoveMs) return
    const to = leaderToMoveTo(state, log.status())
    if (to === null) return
    this.#leaderMovedAt = now
    void log
      .moveLeader(to)
      .catch((trouble: unknown) => say('the leader of the log could not be moved', { to, trouble: String(trouble) }))
  }

  /** The lease's end is not left to the next beat. */
  #setTimer(now: Instant, isLeased: boolean): void {
    this.#cancelTimer()
    const until = this.#parts.voter.leasedUntil()
    if (isLeased && until !== Number.POSITIVE_INFINITY)
      this.#cancelTimer = this.#world.clock.after(until - now, this.wake)
  }

  readonly #found = (finding: Finding): void => {
    const { monitor, verdict } = finding
    const now = this.#world.clock.now()
    if (verdict !== 'normal') this.#normalSince.delete(monitor)
    else if (!this.#normalSince.has(monitor)) this.#normalSince.set(monitor, now)
    const normalMs = now - (this.#normalSince.get(monitor) ?? now)
    const decide = (state: State) => judgeMonitor(state, { ...finding, normalMs }, this.#facts())
    const decision = decide(this.#state)
    if (decision === null) return
    const isRecovery = decision.events.some((event) => event.type === 'RecoveryStarted')
    if (isRecovery && finding.configuration.recovery.script !== undefined) void this.#afterScript(finding, decide)
    else this.#submit(`judge ${monitor}`, decide)
  }

  /** The script that comes before each step of a recovery; whatever becomes of it, the step is taken. */
  async #afterScript({ monitor, configuration }: Finding, decide: (state: State) => Decision | null): Promise<void> {
    const { me, monitors } = this.#parts
    const script = configuration.recovery.script
    if (script === undefined || this.#scriptsRunning.has(monitor)) return
    this.#scriptsRunning.add(monitor)
    const path = `${monitors.logDirectory}/${monitor}.recovery`
    const result = await commandOfScript(this.#world, { text: script, path, user: undefined })
      .then((command) =>
        this.#world.processes.run(command, {
          timeoutMs: configuration.timeout,
          environment: monitors.environment(monitor),
          logFile: `${path}.log`,
        }),
      )
      .then(({ code, timedOut }) => (timedOut ? 'the script took too long' : `the script ended with ${code}`))
      .catch((trouble: unknown) => `the script could not be run: ${String(trouble)}`)
    const count = monitorOn(this.#state.monitors, monitor, me).taken.script + 1
    const data = { monitor, server: me, group: null, action: 'script' as const, count, limit: count, because: result }
    await this.#parts.recorder.submit(`script of ${monitor}`, () => ({
      events: [{ type: 'RecoveryStarted', data }],
      because: {},
      causedBy: null,
    }))
    this.#scriptsRunning.delete(monitor)
    this.#submit(`judge ${monitor}`, decide)
  }

  readonly #delayed = (monitor: MonitorName, elapsedMs: number, timeoutMs: number): void => {
    const delayed: Event = { type: 'MonitorDelayed', data: { monitor, server: this.#parts.me, elapsedMs, timeoutMs } }
    this.#submit(`delayed ${monitor}`, () => ({ events: [delayed], because: {}, causedBy: null }))
  }

  async #pingRound(): Promise<void> {
    const ping = this.#state.configuration.current?.npResolution.ping
    if (ping) {
      this.#answering = await this.#parts.ping(ping.targets, ping.timeout).catch(() => null)
      this.wake()
    }
    if (!this.#isStopped)
      this.#cancelPing = this.#world.clock.after(ping?.interval ?? 1000, () => void this.#pingRound())
  }
}

/** What ordered the thing that an outcome is the outcome of. */
const causeOf = (state: State, { data }: Event): Sequence | null => {
  if (!('group' in data) || data.group === null) return null
  const group = state.groups[data.group]
  if (!group || !isOwned(group)) return null
  const restart = 'resource' in data ? group.ownership.resources[data.resource]?.restart : null
  return restart ?? group.ownership.orderedBy
}
