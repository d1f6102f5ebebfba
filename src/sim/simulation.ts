/** A cluster of simulated machines that run the product, on virtual time; faults and orders by hand; invariants at each step. */

import { type Command, type Configuration, type Recorded, votingMembersOf } from '../events/index.ts'
import type { State } from '../projections/state.ts'
import { describeEvent } from '../projections/words.ts'
import { beatNames } from './beat-names.ts'
import { BeatOracle } from './beats.ts'
import { Chronicle } from './chronicle.ts'
import { Scheduler } from './clock.ts'
import { Cluster, type Program } from './cluster.ts'
import type { Behaviour } from './drivers.ts'
import { invariants } from './invariants/all.ts'
import { places } from './kit.ts'
import { Ledger, type Run } from './ledger.ts'
import { ReplicaGroup } from './log/group.ts'
import { type LinkQuality, SimulatedNetwork } from './network.ts'
import { operator, vouching } from './orders.ts'
import { answerPauseOf, type PairTruth, pairTruthOf } from './pair-truth.ts'
import { type ClusterPlan, configurationOf, sourceOf, timeoutsOf } from './plan.ts'
import { Chance, digested } from './random.ts'
import {
  areCopiesWell,
  areMirrorsWhole,
  isEverythingOnline,
  type Moment,
  type Observer,
  type Scene,
  votersNow,
} from './scene.ts'
import { ask } from './sockets.ts'
import { Timeline } from './timeline.ts'

/** Something that must never be was seen. */
export class Violation extends Error {
  override readonly name = 'Violation'
}

export type { Moment } from './scene.ts'

const watchdogPart = 0.5 // of D: then it resets a frozen machine

export type SimulationOptions = {
  readonly seed: number
  readonly plan: ClusterPlan
}

export class Simulation {
  readonly seed: number
  readonly plan: ClusterPlan
  readonly configuration: Configuration
  readonly scheduler = new Scheduler()
  readonly network: SimulatedNetwork
  readonly cluster: Cluster
  readonly ledger: Ledger
  readonly group: ReplicaGroup
  readonly chance: Chance
  readonly pairTruth: PairTruth | null
  readonly #chronicle: Chronicle
  readonly #observers: Observer[] = []
  readonly #timeline = new Timeline(() => this.now)
  #violation: Violation | null = null

  constructor({ seed, plan }: SimulationOptions) {
    this.seed = seed
    this.plan = plan
    this.configuration = configurationOf(plan)
    this.chance = new Chance(seed)
    this.network = new SimulatedNetwork(this.scheduler, this.chance.split('network'))
    const rateError = this.configuration.heartbeat.clockRateError / 100
    const oracle = new BeatOracle(() => this.scheduler.now, {
      // Silence as the slowest clock may count it; timers count whole milliseconds.
      longMs: timeoutsOf(plan).least / (1 + rateError) - 2,
      identify: beatNames(this.configuration),
      clockRateError: rateError,
      wordsIn: (bytes) => this.cluster.beatBytes.wordsIn(bytes),
    })
    this.pairTruth = pairTruthOf(this.configuration, this.scheduler, oracle, timeoutsOf(plan))
    this.#chronicle = new Chronicle({
      mayFork: plan.pair?.isSound === false,
      servers: this.servers,
      stands: (recorded, before, after) => this.#stands(recorded, before, after),
      violate: (what) => this.#violate(what),
    })
    this.ledger = new Ledger(() => this.scheduler.now, {
      began: (run) => this.#began(run),
      ended: (run) => this.#ended(run),
    })
    this.group = new ReplicaGroup({
      names: votingMembersOf(this.configuration).map(({ name }) => name),
      network: this.network,
      interconnect: plan.networks[0] ?? '',
      areApart: this.configuration.topology === 'pair',
      applied: (replica, at, bytes) => this.#applied(replica.name, at, bytes),
    })
    this.cluster = new Cluster({
      configuration: this.configuration,
      source: sourceOf(plan),
      scheduler: this.scheduler,
      chance: this.chance.split('hosts'),
      network: this.network,
      oracle,
      ledger: this.ledger,
      group: this.group,
      clockRateError: plan.clockRateError / 100,
      longPauseMs: timeoutsOf(plan).most / 2 / (1 - rateError) + 2,
      mirrorPages: plan.mirrorPages ?? null,
      isSteady: (plan.otherTimeouts ?? []).length === 0,
      wrote: (host, path, content) => this.#tell((observer) => observer.wrote?.(host, path, content)),
      said: (host, process, what, fields) =>
        this.#note('said', `${host} ${process}: ${what} ${JSON.stringify(fields)}`),
      pairTruth: this.pairTruth,
      state: () => this.state,
      answers: {
        pauseMs: plan.pair?.isSound === true ? answerPauseOf(this.configuration) : null,
        isPrompt: plan.pair?.isPrompt === true,
      },
      told: (host, recorded) => {
        this.pairTruth?.told(host, recorded)
        this.#chronicle.told(host, recorded)
      },
      bug: (host, process, bug) =>
        this.#violate(`a bug felled the ${process} of ${host}: ${bug instanceof Error ? bug.stack : String(bug)}`),
    })
    const scene = this.#sceneOf(oracle)
    for (const { name, watch } of invariants)
      this.#observers.push(watch({ ...scene, violate: (what) => this.#violate(`${name}: ${what}`) }))
  }

  #sceneOf(oracle: BeatOracle): Omit<Scene, 'violate'> {
    const { plan } = this
    return {
      scheduler: this.scheduler,
      configuration: this.configuration,
      timeouts: timeoutsOf(plan),
      hasWatchdog: plan.hasWatchdog ?? true,
      voters: () => votersNow(this.state, this.configuration),
      cluster: this.cluster,
      ledger: this.ledger,
      oracle,
      group: this.group,
      pair: plan.pair ?? null,
      pairTruth: this.pairTruth,
      hasVouched: () => this.history.some(({ kind, text }) => kind === 'order' && text.includes(vouching)),
      chronicle: this.#chronicle,
      committed: this.#chronicle.committed,
      state: () => this.state,
    }
  }

  get history(): readonly Moment[] {
    return this.#timeline.moments
  }
  get now(): number {
    return this.scheduler.now
  }
  /** The configuration file that the cluster began with. */
  get source(): string {
    return sourceOf(this.plan)
  }
  /** The log as it is, folded. */
  get state(): State {
    return this.#chronicle.state
  }
  get commits(): readonly Recorded[] {
    return this.#chronicle.committed
  }
  get hosts(): readonly string[] {
    return [...this.cluster.hosts.keys()]
  }
  get servers(): readonly string[] {
    return this.configuration.servers.map(({ name }) => name)
  }
  /** Two runs of a seed have the same: of every commit, every run, every fault, and how many steps there were. */
  get trace(): string {
    return digested(digested(this.#timeline.digest, this.scheduler.steps), this.scheduler.now)
      .toString(16)
      .padStart(8, '0')
  }

  /** Lets virtual time go by. @throws Violation */
  async run(ms: number): Promise<void> {
    process.on('unhandledRejection', this.#unhandled)
    try {
      await this.scheduler.run(this.now + ms, this.#check)
    } finally {
      process.off('unhandledRejection', this.#unhandled)
    }
  }

  /** Until something is so, or for `ms`; answers whether it is. Looked at every `everyMs`. */
  async until(isSo: () => boolean, ms: number, everyMs = 50): Promise<boolean> {
    const end = this.now + ms
    while (!isSo() && this.now < end) await this.run(Math.min(everyMs, end - this.now))
    return isSo()
  }

  readonly at = (time: number, run: () => void): void => {
    this.scheduler.at(time, run)
  }
  readonly after = (ms: number, run: () => void): void => {
    this.scheduler.after(ms, run)
  }

  /** Every group that is wanted runs, whole, where the log says, and nowhere else. */
  isEverythingOnline(): boolean {
    return isEverythingOnline(this.state, this.ledger)
  }
  isWell(): boolean {
    const { state, cluster, ledger, plan } = this
    // Where both servers of a pair may serve, only an operator may say what becomes of the mirror.
    const areWhole = plan.pair?.isSound === false || areMirrorsWhole(state, cluster.mirrors)
    return isEverythingOnline(state, ledger) && areWhole && areCopiesWell(this.group, this.#chronicle)
  }
  ownerOf(group: string): string | null {
    const ownership = this.state.groups[group]?.ownership
    return ownership?.status === 'assigned' ? ownership.server : null
  }

  /** Told once everything is healed and stands: looks at what is only looked at in the end. @throws Violation */
  settled(): void {
    this.#tell((observer) => observer.settled?.())
    this.#check()
  }

  // ---- power, processes, time --------------------------------------------------------------------------------

  /** All machines are switched on, within a moment. */
  boot(): void {
    for (const name of this.hosts) this.scheduler.after(this.chance.between(0, 500), () => this.cluster.boot(name))
  }
  powerOn(name: string): void {
    this.#note('fault', `power on ${name}`)
    this.cluster.boot(name)
  }
  powerOff(name: string): void {
    this.#note('fault', `power off ${name}`)
    this.cluster.host(name).powerOff()
  }
  /** Stands still for so long, unless its watchdog resets it before. */
  freeze(name: string, ms: number): void {
    this.#note('fault', `freeze ${name} for ${Math.round(ms)} ms`)
    const watchdogMs = this.configuration.heartbeat.stop * watchdogPart
    this.cluster.freeze(name, ms, (this.plan.hasWatchdog ?? true) ? watchdogMs : null)
  }
  suspend(name: string, ms: number): void {
    this.#note('fault', `suspend ${name} for ${Math.round(ms)} ms`)
    const host = this.cluster.host(name)
    host.suspend()
    this.scheduler.after(ms, () => host.resume())
  }
  /** SIGSTOP, and SIGCONT after so long. */
  pause(name: string, program: Program, ms: number): void {
    this.#note('fault', `stop the ${program} of ${name} for ${Math.round(ms)} ms`)
    for (const process of this.cluster.programs(name, program)) {
      process.stop()
      this.scheduler.after(ms, () => process.go())
    }
  }
  kill(name: string, program: Program): void {
    this.#note('fault', `kill the ${program} of ${name}`)
    for (const process of this.cluster.programs(name, program)) process.exit(null)
  }
  /** As `systemctl stop baton`, and `start`. */
  stopAgent(name: string): void {
    this.#note('fault', `end the agent of ${name}`)
    this.cluster.stopAgent(name)
  }
  startAgent(name: string): void {
    this.#note('fault', `start the agent of ${name}`)
    this.cluster.startAgent(name)
  }
  setWall(name: string, ms: number): void {
    this.#note('fault', `set the wall clock of ${name} by ${Math.round(ms)} ms`)
    this.cluster.host(name).wallError += ms
  }

  // ---- network, disks, resources -----------------------------------------------------------------------------

  /** Cuts one direction of one network; answers what mends it. */
  cut(network: string, from: string, to: string): () => void {
    this.#note('fault', `cut ${network} from ${from} to ${to}`)
    const mend = this.network.cut(network, from, to)
    return () => {
      this.#note('fault', `mend ${network} from ${from} to ${to}`)
      mend()
    }
  }
  /** Cuts a host off on some networks, all when none is named; `direction` as the host sees it. */
  isolate(name: string, networks = this.plan.networks, direction: 'both' | 'in' | 'out' = 'both'): () => void {
    this.#note('fault', `isolate ${name} on ${networks.join(', ')} (${direction})`)
    const others = [...this.hosts, ...this.cluster.outside.names]
    const mend = this.network.isolate(name, { networks, others }, direction)
    return () => {
      this.#note('fault', `reconnect ${name} on ${networks.join(', ')}`)
      mend()
    }
  }
  quality(network: string, from: string, to: string, quality: LinkQuality): void {
    this.#note('fault', `${network} from ${from} to ${to}: ${JSON.stringify(quality)}`)
    this.network.quality(network, from, to, quality)
  }
  stallDisk(name: string, ms: number): void {
    this.#note('fault', `the disk of ${name} stalls for ${Math.round(ms)} ms`)
    this.cluster.host(name).disk.stall(ms)
  }
  /** Every write fails until `null` is given. */
  failDisk(name: string, trouble: string | null): void {
    this.#note('fault', trouble === null ? `the disk of ${name} works` : `the disk of ${name} fails: ${trouble}`)
    this.cluster.host(name).disk.trouble = trouble
  }
  behave(name: string, behaviour: Partial<Behaviour>): void {
    this.#note('fault', `resources of ${name}: ${JSON.stringify(behaviour)}`)
    Object.assign(this.cluster.behaviour.get(name) ?? {}, behaviour)
  }
  /** A resource dies by itself, wherever it runs. */
  breakResource(group: string, resource: string): void {
    this.#note('fault', `${group}/${resource} dies`)
    for (const run of this.ledger.running())
      if (run.group === group && run.resource === resource) this.cluster.breakRun(run)
  }

  /** Something else goes wrong. */
  fault(text: string, strike: () => void): void {
    this.#note('fault', text)
    strike()
  }

  /** What was expected, and whether it is so. */
  expected(text: string): void {
    this.#note('expect', text)
  }

  /** An order of an operator, given on that server; what becomes of it is on the log. Answers whether an agent took it. */
  order(server: string, command: Command): boolean {
    return this.ask(server, '/command', { command, by: operator, waitMs: 0 }, JSON.stringify(command))
  }
  /** What operators' commands ask of an agent. Answers whether there is one. */
  ask(server: string, path: string, request: object, text: string): boolean {
    const body = JSON.stringify(request)
    const isTaken = ask(this.cluster.host(server), places.control, { method: 'POST', path, body }, () => {})
    this.#note('order', `on ${server}: ${text}${isTaken ? '' : ' (no agent there)'}`)
    return isTaken
  }

  /** All faults of the network, of disks, of time and of power end. */
  heal(): void {
    this.#note('fault', 'everything heals')
    this.network.mendAll()
    this.cluster.mend()
  }

  /** In a real process it would be the end. */
  readonly #unhandled = (bug: unknown): void => {
    this.#violate(`a promise was rejected and nobody cared: ${bug instanceof Error ? bug.stack : String(bug)}`)
  }

  readonly #check = (): void => {
    if (this.#violation !== null) throw this.#violation
  }

  #violate(what: string): void {
    this.#note('fault', `VIOLATION ${what}`)
    this.#violation ??= new Violation(what)
  }

  #note(kind: Moment['kind'], text: string): void {
    this.#timeline.note(kind, text)
  }

  #tell(tell: (observer: Observer) => void): void {
    for (const observer of this.#observers) tell(observer)
  }

  #began(run: Run): void {
    this.#note('run', `${run.host} runs ${run.group}/${run.resource} (epoch ${run.epoch})`)
    this.#tell((observer) => observer.began?.(run))
  }
  #ended(run: Run): void {
    this.#note('run', `${run.host} runs ${run.group}/${run.resource} no more`)
    this.#tell((observer) => observer.ended?.(run, this.now))
  }

  /** The first replica that has a commit in its stream makes it one of the log; in a pair that says nothing yet. */
  #applied(host: string, at: number, bytes: string): void {
    if (!this.group.areApart && at === this.commits.length + 1) this.#chronicle.append(bytes)
    this.#tell((observer) => observer.applied?.(host, at, bytes))
  }

  #stands(recorded: Recorded, before: State, after: State): void {
    const { position, commit } = recorded
    this.#note('commit', `#${position.sequence} ${commit.by}: ${commit.events.map(describeEvent).join('; ')}`)
    this.#tell((observer) => observer.committed?.(recorded, before, after))
    if (!this.group.areApart) this.group.remember(recorded)
  }
}
