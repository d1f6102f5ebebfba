/**
 * The agent of one server: compares what the log says with what is true here, acts on the difference, and puts on the
 * log what was observed and decided. It holds no policy: rules are in `decisions`, effects in the drivers.
 */
import type { Facts, Refusal } from '../decisions/decision.ts'
import { keepsOnQuorumLoss } from '../decisions/fencing.ts'
import { supportersOf } from '../decisions/liveness.ts'
import { operate, type Request, refusalOf } from '../decisions/operate.ts'
import type { Observed } from '../decisions/plan.ts'
import { majorityOf } from '../decisions/quorum.ts'
import {
  type Author,
  type Command,
  type Epoch,
  type Event,
  type EventLog,
  type Instant,
  noGeneration,
  operationId,
  type Recorded,
  type ServerName,
} from '../events/index.ts'
import { serverOf } from '../projections/servers.ts'
import type { State } from '../projections/state.ts'
import type { World } from '../world/world.ts'
import { type ConditionWatch, conditionFacts } from './conditions.ts'
import type { RefusalRequest } from './control-protocol.ts'
import { delayWatch } from './delay-watch.ts'
import { type DoubleWatch, doubleWatch } from './double-watch.ts'
import { type Durations, durationKeeper } from './durations.ts'
import type { Sight } from './duties.ts'
import { type DutyRoster, dutyRoster, rankOf } from './duty-roster.ts'
import { type FencingAgent, fencingAgent } from './fencing/fencing-agent.ts'
import { type GroupReporter, groupReporter } from './group-reporter.ts'
import type { GuardianLink } from './guardian/guardian-link.ts'
import { type HandOver, handOver } from './hand-over.ts'
import { leaderKeeper } from './log/leader-keeper.ts'
import { logTroubleWatch } from './log/log-trouble-watch.ts'
import type { Answer, Recorder } from './log/recorder.ts'
import { monitorJudge } from './monitor-judge.ts'
import { type MonitorRunner, type MonitorRunnerOptions, monitorRunner } from './monitor-runner.ts'
import { type PartitionWatch, partitionWatch } from './np/partition-watch.ts'
import { noPair, type PairKeeper, type PairKeeperParts, pairKeeper } from './pair/pair-keeper.ts'
import { planner } from './planner.ts'
import { type Quiet, quietWatch } from './quiet.ts'
import type { ResourceRunner } from './resource-runner.ts'
import { type Standings, standingsOf } from './standings.ts'
import { type LeaseMinder, leaseMinder } from './voter/lease-minder.ts'
import { type LeaseWatch, leaseWatch } from './voter/lease-watch.ts'
import { mayStart, type Renouncer, renouncer } from './voter/renouncer.ts'
import type { Voter } from './voter/voter.ts'
import type { VoterStore } from './voter/voter-store.ts'

export type ServerAgentParts = {
  readonly me: ServerName
  readonly recorder: Recorder
  readonly log: Pick<EventLog, 'status' | 'moveLeader'>
  readonly voter: Voter
  readonly runner: ResourceRunner
  readonly guardian: GuardianLink
  readonly store: Pick<VoterStore, 'stopEpoch' | 'stoppedEpoch' | 'finalAction' | 'noteFinalAction'>
  readonly monitors: Omit<MonitorRunnerOptions, 'found' | 'delayed' | 'me'>
  /** Without it, nothing is known of clock and certificate. */
  readonly conditions?: ConditionWatch
  /** The ping targets that answer now; called in a loop of its own. */
  readonly ping: (targets: readonly string[], timeoutMs: number) => Promise<readonly string[]>
  /** Topology `pair` alone. */
  readonly pair: Pick<PairKeeperParts, 'link' | 'giveUpHistory'> | null
  readonly say: (what: string, fields: Readonly<Record<string, unknown>>) => void
}

export type ServerAgent = {
  /** Something may have changed: looks for what to do, soon. */
  readonly wake: () => void
  /** The lease lasts longer, or time has passed, and nothing else is new. */
  readonly extended: () => void
  readonly passed: () => void
  readonly command: (command: Command, by: Author) => Promise<{ readonly operation: string; readonly answer: Answer }>
  /** Why this agent runs no groups now; null when it may. */
  readonly standing: () => string | null
  readonly heldGroups: () => Readonly<Record<string, Epoch>>
  /** Puts something on the log, as soon as it can be written; nobody waits for it. */
  readonly note: (event: Event) => void
  /** Gives everything away without the log. */
  readonly handOver: HandOver['ask']
  /** Topology `pair`: an operator vouches that the other server is off. */
  readonly goAlone: PairKeeper['order']
  /** Why something would be refused now, before a person is asked about it; null = it would not. */
  readonly refusal: (of: RefusalRequest['of']) => Refusal | null
  /** What NP resolution says, and the management controllers of other servers. */
  readonly partition: () => Pick<PartitionWatch, 'resolution' | 'controllers'>
  readonly stop: () => void
}

const notYet = { refused: 'the cluster has no configuration yet', possible: 'try again in a moment' }
const givenUp: Answer = { answer: 'given-up', because: `${notYet.refused}: ${notYet.possible}` }

export const startServerAgent = (world: World, parts: ServerAgentParts): ServerAgent => new Agent(world, parts)

const nothing: Observed = []

class Agent implements ServerAgent {
  readonly #world: World
  readonly #parts: ServerAgentParts
  readonly #monitors: MonitorRunner
  readonly #reporter: GroupReporter
  readonly #partition: PartitionWatch
  readonly #doubles: DoubleWatch
  readonly #delays: ReturnType<typeof delayWatch>
  readonly #handOver: HandOver
  readonly #renouncer: Renouncer
  readonly #pair: PairKeeper | null
  readonly #roster: DutyRoster
  readonly #fencing: FencingAgent
  readonly #watchLog: () => void
  readonly #keepLeaderAway: (state: State, reachable: ReadonlySet<string>) => void
  #isStopped = false
  #isWoken = false
  readonly #durations: Durations
  readonly #standings: Standings
  readonly #lapse: LeaseWatch
  readonly #lease: LeaseMinder
  readonly #plan = planner()
  readonly #quiet: Quiet

  constructor(world: World, parts: ServerAgentParts) {
    this.#world = world
    this.#parts = parts
    this.#lease = leaseMinder(world, { ...parts, again: this.wake })
    this.#quiet = quietWatch(world, { ...parts, wake: this.wake })
    this.#durations = durationKeeper(world, parts.me)
    this.#standings = standingsOf(world, {
      ...parts,
      isGivenUp: (group, epoch) => this.#doubles.hasLost(group, epoch),
      isHandingOver: () => this.#handOver.generation() !== null,
    })
    const shared = { me: parts.me, recorder: parts.recorder, facts: () => this.#facts(), wake: this.wake }
    const judge = monitorJudge(world, { ...shared, monitors: parts.monitors })
    this.#monitors = monitorRunner(world, { ...parts.monitors, ...judge, me: parts.me })
    this.#reporter = groupReporter({
      clock: world.clock,
      ...shared,
      runner: parts.runner,
      stopEpoch: parts.store.stopEpoch,
      phaseMs: this.#durations.phaseMs,
      say: parts.say,
    })
    this.#handOver = handOver(world, { ...parts, wake: this.wake })
    this.#renouncer = renouncer(world, { ...parts, handOver: this.#handOver, wake: this.wake })
    this.#lapse = leaseWatch({
      ...parts,
      generation: () => serverOf(this.#state.servers, parts.me).generation,
      hasBarrier: parts.recorder.hasBarrier,
      renouncing: () => parts.voter.liveness().renouncing,
      keeps: () => keepsOnQuorumLoss(this.#state),
      note: this.#reporter.note,
    })
    this.#doubles = doubleWatch({
      ...parts,
      held: this.heldGroups,
      note: this.#reporter.note,
      state: () => this.#state,
    })
    this.#delays = delayWatch({ me: parts.me, times: parts.voter.times, note: this.#reporter.note })
    this.#roster = dutyRoster(world, {
      recorder: parts.recorder,
      hasLease: () => parts.voter.hasLease(),
      look: () => this.#sight(world.clock.now()),
      wake: this.wake,
    })
    this.#fencing = fencingAgent(world, {
      ...parts,
      ...shared,
      isFirst: () => rankOf(this.#state, this.#facts()) === 0,
    })
    parts.recorder.onFold(this.#folded)
    this.#keepLeaderAway = leaderKeeper(world, parts)
    this.#watchLog = logTroubleWatch({ ...parts, note: this.#reporter.note })
    this.#partition = partitionWatch(world, {
      ...parts,
      configuration: () => this.#state.configuration.current,
      note: this.#reporter.note,
      changed: this.wake,
    })
    this.#pair =
      parts.pair && pairKeeper(world, { ...parts, ...parts.pair, np: this.#partition, facts: () => this.#facts() })
    parts.pair?.link.onChange(this.wake)
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

  readonly partition = () => this.#partition

  readonly heldGroups = () => this.#standings.heldGroups()

  readonly standing = () => this.#standings.whyNone()

  readonly command = async (
    command: Command,
    by: Author,
  ): Promise<{ readonly operation: string; readonly answer: Answer }> => {
    const request = this.#request(command)
    const { operation } = request
    if (this.#state.configuration.current === null) return { operation, answer: givenUp }
    const answer = await this.#parts.recorder.submit(
      `operation ${operation}`,
      (state) => operate(state, request, this.#facts()),
      by,
    )
    this.wake()
    return { operation, answer }
  }

  readonly refusal: ServerAgent['refusal'] = (of) => {
    if (of === 'hand-over') return this.#handOver.refusal()
    if (of === 'go-alone') return (this.#pair ?? noPair).refusal()
    return this.#state.configuration.current === null
      ? notYet
      : refusalOf(this.#state, this.#request(of), this.#facts())
  }

  readonly note = (event: Event): void => {
    this.#reporter.note(event)
    this.wake()
  }

  readonly goAlone: PairKeeper['order'] = (...order) => (this.#pair ?? noPair).order(...order)

  readonly handOver: HandOver['ask'] = (say, waitMs) => this.#handOver.ask(say, waitMs)

  readonly stop = (): void => {
    this.#isStopped = true
    this.#lease.stop()
    this.#partition.stop()
    this.#monitors.stop()
    this.#fencing.stop()
  }

  get #state(): State {
    return this.#parts.recorder.state()
  }

  #request(command: Command): Request {
    const operation = operationId(this.#world.random.id())
    return { operation, command, from: this.#parts.me, stores: this.#parts.voter.stores() }
  }

  readonly #folded = (recorded: readonly Recorded[], before: State): void => {
    this.#durations.fold(recorded, before, this.#state)
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
      supporters: (server) => {
        const { generation } = serverOf(this.#state.servers, server)
        const standingIn = this.#pair?.supports(server, generation) ?? []
        return [...supportersOf(liveness, server, generation, membership), ...standingIn]
      },
      majority: majorityOf(membership.voters),
      renounced: (server) => liveness.heard[server]?.renounced ?? noGeneration,
    }
  }

  readonly extended = (): void => {
    if (!this.#isStopped) this.#minded(this.#world.clock.now(), this.#lapse.isHeld())
  }

  readonly passed = (): void => this.#quiet.passed()

  #step(): void {
    const { voter, recorder, runner } = this.#parts
    const now = this.#world.clock.now()
    this.#pair?.step(now)
    const isLeased = voter.hasLease()
    const state = this.#state
    this.#lapse.look(isLeased, now)
    this.#minded(now, isLeased)
    this.#watchLog()
    this.#doubles.look(now)
    this.#delays.look(now)
    this.#handOver.look()
    runner.perform(
      this.#plan(state, runner.observed(), (group) => this.#standings.of(group, isLeased, now)),
      state,
    )
    const mayWatch = isLeased && recorder.hasBarrier() && this.#handOver.generation() === null
    this.#monitors.arrange(state, mayWatch ? runner.observed() : nothing)
    this.#roster.perform(state, this.#sight(now), isLeased)
    this.#reporter.report(state)
    this.#fencing.tend(state)
    const hadLease = this.#lapse.hasLapsedUnder(serverOf(state.servers, this.#parts.me).generation)
    this.#renouncer.consider({ now, joinedAt: this.#durations.joinedAt(), hadLease })
    // N5: only a lease that this agent, or the one before it, had and lost is a partition lost.
    const leaseLostMs = this.#lapse.lostMs(now)
    this.#partition.consider(state, { leaseLostMs, isAllOff: runner.isAllOff() })
    const facts = this.#facts()
    if (isLeased && rankOf(state, facts) === 0) this.#keepLeaderAway(state, facts.reachable)
    this.#quiet.looked(now)
  }

  #sight(now: Instant): Sight {
    const { voter, recorder, runner, store, me } = this.#parts
    return {
      me,
      boot: this.#world.bootId(),
      now,
      facts: this.#facts(),
      voter,
      hasBarrier: recorder.hasBarrier(),
      observed: runner.observed(),
      stoppedEpoch: store.stoppedEpoch,
      ...this.#durations.lasting(now),
      fenceSilentMs: this.#fencing.silentMs,
      np: this.#partition.resolution,
      conditions: () => conditionFacts(this.#parts),
      pair: this.#pair?.sight(now) ?? null,
    }
  }

  #minded(now: Instant, isLeased: boolean): void {
    this.#lease.mind(this.#state.configuration.current, {
      now,
      isLeased,
      mayStart: mayStart(this.#state, this.#parts.me),
      hasBarrier: this.#parts.recorder.hasBarrier(),
    })
  }
}
