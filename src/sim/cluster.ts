/** The machines of a simulated cluster, what is installed on them, and the programs that they run: the product's own. */

import { runAgent } from '../agents/agent-process.ts'
import { runGuardian } from '../agents/guardian/guardian-process.ts'
import type { Machine } from '../agents/machine.ts'
import type { Mirrors } from '../agents/mirror/mirrors.ts'
import type { MonitorDriver } from '../agents/monitors/driver.ts'
import type { ResourceDriver } from '../agents/resources/driver.ts'
import type { ProcessOptions } from '../agents/voter/voter-process.ts'
import { runWitness } from '../agents/voter/witness-process.ts'
import type { Configuration, Recorded } from '../events/index.ts'
import type { State } from '../projections/state.ts'
import type { World } from '../world/world.ts'
import { BeatBytes } from './beat-bytes.ts'
import type { BeatOracle } from './beats.ts'
import { ControllerPost } from './bmc.ts'
import type { Scheduler } from './clock.ts'
import {
  type Behaviour,
  breakRun,
  contentMonitor,
  type DriverParts,
  goodBehaviour,
  simulatedMonitor,
  simulatedResource,
} from './drivers.ts'
import { SimulatedHost } from './host.ts'
import { kitOf, stateDirectory } from './kit.ts'
import type { Ledger, Run } from './ledger.ts'
import type { ReplicaGroup } from './log/group.ts'
import { simulatedLogLink } from './log/link.ts'
import { simulatedPairLink } from './log/pair.ts'
import { simulatedMirror } from './mirror/driver.ts'
import { SimulatedMirrors } from './mirror/mirrors.ts'
import type { SimulatedNetwork } from './network.ts'
import { Outside, type OutsideParts } from './outside.ts'
import type { PairTruth } from './pair-truth.ts'
import { PowerControllers } from './power.ts'
import type { SimulatedProcess } from './process.ts'
import type { Chance } from './random.ts'
import { SerialCable } from './serial.ts'
import { SharedDisk } from './shared-disk.ts'
import { type Received, simulatedWorld } from './world.ts'

export type Program = 'agent' | 'guardian' | 'log-server' | 'mirror'

export type ClusterParts = {
  readonly configuration: Configuration
  readonly source: string
  readonly scheduler: Scheduler
  readonly chance: Chance
  readonly network: SimulatedNetwork
  readonly oracle: BeatOracle
  readonly ledger: Ledger
  readonly group: ReplicaGroup
  /** Clock rates are within 1 ± this. */
  readonly clockRateError: number
  /** Whatever its clock and its T, a voter that stood still for longer than this starts its timers anew. */
  readonly longPauseMs: number
  /** T is what it was in the beginning, for ever. */
  readonly isSteady: boolean
  readonly wrote: (host: string, path: string, content: string) => void
  /** Something a process says in its diary. */
  readonly said: (host: string, process: string, what: string, fields: Readonly<Record<string, unknown>>) => void
  /** Topology `pair` alone. */
  readonly pairTruth: PairTruth | null
  /** Which of two servers that are cut off each other NP targets answer. */
  readonly answers: Pick<OutsideParts, 'pauseMs' | 'isPrompt'>
  /** Topology `pair`: an agent was told that these stand on the log. */
  readonly told: (host: string, recorded: readonly Recorded[]) => void
  readonly mirrorPages: number | null
  readonly bug: (host: string, process: string, bug: unknown) => void
  /** The log that stands, folded. */
  readonly state: () => State
}

type Bound = { readonly process: SimulatedProcess; readonly received: Received }

export class Cluster {
  readonly hosts = new Map<string, SimulatedHost>()
  readonly behaviour = new Map<string, Behaviour>()
  readonly #parts: ClusterParts
  readonly #bound = new Map<string, Bound>()
  readonly #places = new Map<string, { readonly host: string; readonly network: string }>()
  readonly #stops = new Map<SimulatedProcess, AbortController>()
  readonly beatBytes: BeatBytes
  readonly #watchers = new Map<Run, Set<(because: string) => void>>()
  /** Servers whose service manager starts the agent: not those that were taken out of service. */
  readonly enabled = new Set<string>()
  readonly cable: SerialCable
  readonly sharedDisk: SharedDisk
  readonly outside: Outside
  readonly power: PowerControllers
  readonly mirrors: SimulatedMirrors
  readonly #controllers: ControllerPost

  constructor(parts: ClusterParts) {
    this.#parts = parts
    const { configuration, chance } = parts
    this.beatBytes = new BeatBytes(configuration)
    this.cable = new SerialCable(configuration, { ...parts, chance: chance.split('cable') })
    this.sharedDisk = new SharedDisk(configuration, {
      ...parts,
      chance: chance.split('shared disk'),
      wrote: (server, beganAt) => parts.pairTruth?.wrote(server, beganAt),
    })
    this.outside = new Outside(configuration, {
      ...parts,
      now: () => parts.scheduler.now,
      answered: (server, askedAt) => parts.pairTruth?.answered(server, askedAt),
      ...parts.answers,
    })
    this.#controllers = new ControllerPost(configuration, { network: parts.network, outside: this.outside })
    this.power = new PowerControllers(configuration, {
      host: (name) => this.host(name),
      boot: (name) => this.boot(name),
    })
    this.mirrors = new SimulatedMirrors(configuration, {
      ...parts,
      chance: chance.split('mirrors'),
      host: (name) => this.host(name),
      at: (address) => this.#places.get(address) ?? null,
    })
    const { servers, witness } = parts.configuration
    for (const voter of witness ? [...servers, witness] : servers) this.#install(voter)
  }

  host(name: string): SimulatedHost {
    const host = this.hosts.get(name)
    if (host === undefined) throw new RangeError(`there is no host ${name}`)
    return host
  }

  program(host: string, program: Program): SimulatedProcess | undefined {
    return this.programs(host, program)[0]
  }
  /** Every mirror disk has a data plane of its own. */
  programs(name: string, program: Program): readonly SimulatedProcess[] {
    const host = this.host(name)
    if (program === 'mirror') return this.mirrors.planesOn(host)
    const wanted = program === 'log-server' ? program : `/${program}`
    return [...host.processes.values()].filter(({ tag }) => tag.endsWith(wanted))
  }

  /** Power on; the service manager starts the agent. */
  boot(name: string): void {
    const host = this.host(name)
    if (host.isOn) return
    host.powerOn()
    this.#startAgent(host, host.chance.between(20, 400))
  }

  /** As `systemctl stop`. */
  stopAgent(name: string): void {
    this.enabled.delete(name)
    const agent = this.program(name, 'agent')
    if (agent) agent.enter(() => this.#stops.get(agent)?.abort())
  }
  startAgent(name: string): void {
    this.enabled.add(name)
    if (this.program(name, 'agent') === undefined) this.#startAgent(this.host(name), 1)
  }

  #startAgent(host: SimulatedHost, delayMs: number): void {
    const { boots } = host
    host.scheduler.after(delayMs, () => {
      const isDue = host.isOn && host.boots === boots && this.enabled.has(host.name)
      if (!isDue || this.program(host.name, 'agent') !== undefined) return
      const process = host.launch([host.name === this.#witness ? 'witness' : 'agent'], `${host.name}/agent`)
      // RestartSec of the unit.
      process.onExit(() => this.#startAgent(host, host.chance.between(100, 200)))
    })
  }

  get #witness(): string | undefined {
    return this.#parts.configuration.witness?.name
  }

  #install(voter: Configuration['servers'][number]): void {
    const { scheduler, chance, clockRateError, wrote, configuration, ledger, group } = this.#parts
    const own = chance.split(`host ${voter.name}`)
    const host = new SimulatedHost({
      name: voter.name,
      addresses: voter.addresses,
      clockRate: 1 + own.between(-clockRateError, clockRateError),
      scheduler,
      chance: own,
      start: (process, argv) => this.#start(process, argv),
      wrote: (path, content) => wrote(voter.name, path, content),
    })
    host.onPowerLoss.push(() => {
      ledger.powerLost(host.name)
      group.lost(host)
      this.mirrors.powerLost(host.name)
    })
    for (const [network, address] of Object.entries(voter.addresses))
      this.#places.set(address, { host: voter.name, network })
    for (const [path, content] of Object.entries(kitOf(configuration, voter, this.#parts.source)))
      host.disk.begin(path, content).finish()
    this.hosts.set(voter.name, host)
    this.behaviour.set(voter.name, { ...goodBehaviour })
    this.enabled.add(voter.name)
  }

  /** What a command line starts. */
  #start(process: SimulatedProcess, [program, ...argv]: readonly string[]): void {
    const { bug, group, oracle } = this.#parts
    const { name } = process.host
    process.onBug = (trouble) => bug(name, program ?? '', trouble)
    if (program === 'log-server') {
      group.start(process)
      return
    }
    if (program === 'mirror-disk') {
      this.#startMirror(process, argv.at(-1) ?? '')
      return
    }
    const options = this.#optionsOf(process)
    const machine = this.#machineOf(process)
    const instance = argv[argv.indexOf('--instance') + 1] ?? ''
    if (program !== 'guardian') {
      oracle.reborn(name)
      process.onPause(this.#parts.longPauseMs, (since) => oracle.resumed(name, since))
      this.#parts.pairTruth?.reborn(name)
    }
    const running =
      program === 'guardian'
        ? runGuardian(machine, { ...options, instance })
        : program === 'witness'
          ? runWitness(machine, options)
          : runAgent(machine, options)
    this.#endWith(process, running)
  }

  #startMirror(process: SimulatedProcess, settings: string): void {
    const { name } = process.host
    process.onExit(() => {
      for (const run of this.#parts.ledger.on(name))
        if (process.tag.endsWith(`/mirror/${run.group}.${run.resource}`)) run.isBroken = true
    })
    this.#endWith(process, this.mirrors.run(process, this.#worldOf(process), settings))
  }

  #endWith(process: SimulatedProcess, running: Promise<void>): void {
    running.then(
      () => process.exit(0),
      (trouble: unknown) => {
        this.#parts.said(process.host.name, process.tag, 'ended', { trouble: String(trouble) })
        process.exit(1)
      },
    )
  }

  #optionsOf(process: SimulatedProcess): ProcessOptions {
    const stop = new AbortController()
    this.#stops.set(process, stop)
    process.onExit(() => this.#stops.delete(process))
    return {
      stateDirectory,
      natsServer: 'nats-server',
      version: '0.0.0-simulated',
      self: ['node', 'baton'],
      respawn: false,
      reset: 'reset',
      guardianUnit: null,
      notifySocket: null,
      watchdogMs: null,
      signal: stop.signal,
    }
  }

  #machineOf(process: SimulatedProcess): Machine {
    const { host } = process
    const { ledger, said } = this.#parts
    const behaviour = this.behaviour.get(host.name) ?? { ...goodBehaviour }
    const parts: DriverParts = { ledger, behaviour, chance: host.chance, watchers: this.#watchers }
    const world = this.#worldOf(process)
    const resource: ResourceDriver = simulatedResource(process, parts)
    const monitor: MonitorDriver = simulatedMonitor(process, parts)
    const content: MonitorDriver = contentMonitor(process)
    const mirror = (mirrors: Mirrors | null) =>
      simulatedMirror(process, { ...parts, world, disks: this.mirrors }, mirrors)
    return {
      world,
      beatCodec: this.beatBytes.codec,
      openLog: this.#openLog(process),
      resourceDrivers: { exec: resource, fip: resource, disk: resource, md: mirror(null), service: resource },
      ...(this.mirrors.all.length > 0 ? { mirrorDriver: mirror } : {}),
      monitorDrivers: { ipw: content, pidw: monitor, miiw: content, genw: monitor, mdw: content, mdnw: content },
      osName: 'Simulated',
      osVersion: '1',
      diary: (name) => (what, fields) => said(host.name, name, what, fields),
    }
  }

  #worldOf(process: SimulatedProcess): World {
    const { host } = process
    return simulatedWorld(process, {
      post: {
        bind: (bound, address, port, received) => this.#bind(bound, `${address}:${port}`, received),
        send: (from, bytes, to, received) => {
          if (!this.#controllers.take(from, bytes, to, received)) this.#send(from, bytes, to.address, to.port)
        },
      },
      reset: () => this.reset(host.name),
      told: () => {},
      around: {
        network: this.outside.network(process),
        http: this.outside.http(process),
        serialLines: this.cable.lines(process),
        rawDisks: this.sharedDisk.disks(process),
      },
      command: (argv, options) => this.power.run(process, argv, options),
    })
  }

  #openLog(process: SimulatedProcess): Machine['openLog'] {
    const { group, oracle, told } = this.#parts
    const { name } = process.host
    return group.areApart
      ? simulatedPairLink({ group, process, oracle, told: (recorded) => told(name, recorded) })
      : simulatedLogLink(group, process, oracle)
  }

  /** A running resource dies by itself. A mirror disk does when its data plane does. */
  breakRun(run: Run): void {
    const mirror = this.mirrors.find(run.group, run.resource)
    if (mirror === undefined) breakRun({ watchers: this.#watchers }, run, 'it died')
    else for (const plane of this.mirrors.planesOn(this.host(run.host), mirror.name)) plane.exit(null)
  }

  /** As a watchdog does it: without a word. It boots again. */
  reset(name: string): void {
    const host = this.host(name)
    host.scheduler.after(0, () => {
      host.powerOff()
      host.scheduler.after(host.chance.between(1000, 5000), () => this.boot(name))
    })
  }

  /** Stands still for so long, unless its watchdog resets it before: after `watchdogMs`, where it has one. */
  freeze(name: string, ms: number, watchdogMs: number | null): void {
    const host = this.host(name)
    const { boots } = host
    host.freeze()
    const isReset = watchdogMs !== null && ms > watchdogMs
    host.scheduler.after(isReset ? watchdogMs : ms, () => {
      if (host.boots !== boots || !host.isFrozen) return
      if (isReset) this.reset(name)
      else host.thaw()
    })
  }

  /** Whatever is broken works again, whatever stands still goes on, and everything is switched on. */
  mend(): void {
    for (const one of [this.cable, this.sharedDisk, this.power, this.outside]) one.mend()
    this.mirrors.partitions.mendAll()
    for (const [name, host] of this.hosts) {
      Object.assign(this.behaviour.get(name) ?? {}, goodBehaviour)
      host.disk.mend()
      host.resume()
      host.thaw()
      for (const process of host.processes.values()) process.go()
      this.enabled.add(name)
      this.boot(name)
      this.startAgent(name)
    }
  }

  #bind(process: SimulatedProcess, at: string, received: Received): () => void {
    const bound: Bound = { process, received }
    this.#bound.set(at, bound)
    return () => {
      if (this.#bound.get(at) === bound) this.#bound.delete(at)
    }
  }

  #send(from: SimulatedProcess, bytes: Uint8Array, address: string, port: number): void {
    const place = this.#places.get(address)
    if (place === undefined || !from.isAlive) return
    const { network, oracle } = this.#parts
    const at = `${address}:${port}`
    oracle.sent(from.host.name, bytes)
    network.datagram(place.network, from.host.name, place.host, () => {
      const bound = this.#bound.get(at)
      bound?.process.enter(() => {
        oracle.arrived(place.host, bytes)
        bound.received(bytes, { address, port })
      })
    })
  }
}
