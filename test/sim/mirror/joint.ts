/**
 * Two servers with one mirror disk between them on virtual time: the product's data planes on disks that lose their cache, its
 * keepers, its decisions on a log; power, processes and networks that fail. After every step of the log, and regularly, each
 * copy that the log calls current must have every acknowledged write.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Facts } from '../../../src/decisions/decision.ts'
import { instant, type Recorded, serverName } from '../../../src/events/index.ts'
import type { Engine } from '../../../src/mirror/engine-interface.ts'
import { runMirror } from '../../../src/mirror/process/mirror-process.ts'
import { mirrorSettings } from '../../../src/mirror/process/settings.ts'
import type { State } from '../../../src/projections/state.ts'
import { describeEvent } from '../../../src/projections/words.ts'
import { Scheduler } from '../../../src/sim/clock.ts'
import { SimulatedHost } from '../../../src/sim/host.ts'
import type { SimulatedDisk } from '../../../src/sim/mirror/block-disk.ts'
import { simulatedGround, type Touch } from '../../../src/sim/mirror/ground.ts'
import { Judge } from '../../../src/sim/mirror/judge.ts'
import { type Failing, Partitions } from '../../../src/sim/mirror/partitions.ts'
import { Streams } from '../../../src/sim/mirror/streams.ts'
import { Writer } from '../../../src/sim/mirror/writer.ts'
import { SimulatedNetwork } from '../../../src/sim/network.ts'
import type { SimulatedProcess } from '../../../src/sim/process.ts'
import { Chance } from '../../../src/sim/random.ts'
import { JointAgent, mirror } from './joint-agent.ts'
import { JointLog } from './joint-log.ts'
import { worldOf } from './joint-parts.ts'
import { configured, type JointPlan, type Name, servers } from './joint-plan.ts'

/** Where the log is, as the network sees it. */
const logHost = 'log'

/** Silence after which a server is declared down; and when it has stopped by itself. */
const timeoutMs = 3000
const leaseMs = 2200
const lookMs = 20
const metadataBytes = 262_144

/** Something that must never be was seen. */
export class MirrorViolation extends Error {
  override readonly name = 'MirrorViolation'
}

type Bomb = { left: number; readonly touches: 'disk' | 'network' | 'all'; readonly strikes: 'power' | 'kill' }

export class Joint {
  readonly scheduler = new Scheduler()
  readonly chance: Chance
  readonly network: SimulatedNetwork
  readonly log: JointLog
  readonly hosts: Record<Name, SimulatedHost>
  readonly disks = new Partitions()
  readonly judge: Judge
  readonly plan: JointPlan
  readonly history: string[] = []
  readonly #streams: Streams
  readonly #engines = new Map<SimulatedProcess, Engine>()
  readonly #writers: Record<Name, Writer | null> = { s1: null, s2: null }
  readonly bombs: Record<Name, Bomb | null> = { s1: null, s2: null }
  /** By server, in true time: when it was last heard by the log, and what its own clock makes of it. */
  readonly #heard: Record<Name, number> = { s1: 0, s2: 0 }
  #violation: string | null = null
  /** Of what was written since the last flush, this part survives a power loss. */
  survives = 0.3
  /** The log has no quorum; the voters hear each other, so leases go on. */
  isLogSilent = false
  /** A disk was replaced, or put back to what it was: an operator may have to decide. */
  isContentLost = false

  constructor(seed: number, plan: JointPlan) {
    this.plan = plan
    this.chance = new Chance(seed).split('joint')
    const { scheduler } = this
    this.network = new SimulatedNetwork(scheduler, this.chance.split('network'))
    const bytes = plan.blocks * plan.blockBytes
    for (const name of servers) {
      this.disks.add(name, '/dev/data', bytes)
      this.disks.add(name, '/dev/meta', metadataBytes)
    }
    this.judge = new Judge({
      ...{ mirror, servers, bytes, mode: plan.mode },
      data: (name) => this.disks.of(name, '/dev/data'),
      metadata: (name) => this.disks.of(name, '/dev/meta'),
      host: (name) => this.hosts[name as Name],
      state: () => this.state,
    })
    this.judge.violate = this.violate
    this.log = new JointLog({
      scheduler,
      chance: this.chance.split('log'),
      isCut: (server) => this.#isCutOff(server),
      committed: this.#committed,
      isSilent: () => this.isLogSilent,
    })
    this.#streams = new Streams({
      network: this.network,
      at: (address) => this.#placeOf(address),
      sending: (process) => this.#touched(process, 'network'),
    })
    this.hosts = { s1: this.#host('s1', 1), s2: this.#host('s2', 2) }
    this.log.record('operator:test', configured(plan))
    this.#look()
  }

  // ---- what happens -------------------------------------------------------------------------------------------

  get state(): State {
    return this.log.state
  }
  get now(): number {
    return this.scheduler.now
  }

  /** @throws MirrorViolation */
  readonly run = (ms: number): Promise<void> => this.scheduler.run(this.now + ms, this.#check)

  readonly until = async (isSo: () => boolean, ms: number): Promise<boolean> => {
    const end = this.now + ms
    while (!isSo() && this.now < end) await this.run(50)
    return isSo()
  }

  readonly note = (what: string): void => {
    this.history.push(`${(this.now / 1000).toFixed(3)} ${what}`)
  }

  readonly violate = (what: string): void => {
    this.note(`VIOLATION ${what}`)
    this.#violation ??= what
  }

  readonly #committed = ({ commit, position }: Recorded, _: State, after: State): void => {
    this.note(`#${position.sequence} ${commit.by}: ${commit.events.map(describeEvent).join('; ')}`)
    const anomaly = after.anomalies.at(-1)
    if (anomaly?.sequence === position.sequence) this.violate(`an anomaly: ${anomaly.what}`)
    this.judge.committed(commit.events)
  }

  readonly #check = (): void => {
    if (this.#violation !== null) throw new MirrorViolation(this.#violation)
  }

  readonly dataOf = (name: Name): SimulatedDisk => this.disks.of(name, '/dev/data')
  readonly metadataOf = (name: Name): SimulatedDisk => this.disks.of(name, '/dev/meta')

  readonly writerOf = (name: Name): Writer | null => this.#writers[name]
  readonly processOf = (name: Name, tag: 'mirror' | 'agent'): SimulatedProcess | undefined =>
    [...this.hosts[name].processes.values()].find((one) => one.tag.includes(tag))

  /** The server where it is mounted and served. */
  get serving(): Name | null {
    const owned = this.state.groups.web?.ownership
    if (owned?.status !== 'assigned' || owned.phase !== 'online') return null
    const name = owned.server as Name
    const writer = this.#writers[name]
    return writer?.isMounted && writer.process.isAlive && writer.epoch === owned.epoch ? name : null
  }

  // ---- machines -----------------------------------------------------------------------------------------------

  readonly powerOn = (name: Name): void => {
    const host = this.hosts[name]
    if (host.isOn) return
    this.note(`power on ${name}`)
    host.powerOn()
    this.startAgent(name, this.chance.between(20, 200))
  }

  readonly powerOff = (name: Name): void => {
    if (!this.hosts[name].isOn) return
    this.note(`power off ${name}`)
    this.hosts[name].powerOff()
  }

  readonly startAgent = (name: Name, delayMs = 1): void => {
    const host = this.hosts[name]
    const { boots } = host
    this.scheduler.after(delayMs, () => {
      if (!host.isOn || host.boots !== boots || this.processOf(name, 'agent')) return
      const process = host.launch(['agent'], `${name}/agent`)
      process.onExit(() => this.startAgent(name, this.chance.between(50, 400)))
    })
  }

  readonly kill = (name: Name, tag: 'mirror' | 'agent'): void => {
    const process = this.processOf(name, tag)
    if (process) this.note(`kill the ${tag} of ${name}`)
    process?.exit(null)
  }

  readonly #host = (name: Name, at: number): SimulatedHost => {
    const host = new SimulatedHost({
      name,
      addresses: { cross: `10.1.0.${at}`, lan: `10.0.0.${at}` },
      clockRate: 1,
      scheduler: this.scheduler,
      chance: this.chance.split(`host ${name}`),
      start: (process, argv) => this.#start(process, argv),
      wrote: () => {},
    })
    host.onPowerLoss.push(() => {
      this.bombs[name] = null
      this.#writers[name]?.end()
      this.#writers[name] = null
      this.disks.powerLost(name, () => this.chance.happens(this.survives))
      this.judge.account.powerLost(name)
    })
    return host
  }

  readonly #start = (process: SimulatedProcess, argv: readonly string[]): void => {
    process.onBug = (bug) => {
      if (process.isAlive)
        this.violate(`a bug felled ${process.tag}: ${bug instanceof Error ? bug.stack : String(bug)}`)
    }
    if (argv[0] === 'agent') this.#startAgent(process)
    else this.#startMirror(process, argv.at(-1) ?? '')
  }

  readonly #startMirror = (process: SimulatedProcess, settings: string): void => {
    const { host } = process
    const ground = simulatedGround(process, {
      streams: this.#streams,
      disk: (name, path) => this.disks.of(name, path),
      touching: this.#touching,
      serves: (by, _, engine) => {
        if (engine) this.#engines.set(by, engine)
        else this.#engines.delete(by)
      },
      key: Buffer.alloc(32, 7),
    })
    const stop = new AbortController()
    const parsed = mirrorSettings.parse(JSON.parse(host.disk.read(settings) ?? '{}'))
    runMirror(worldOf(process), parsed, stop.signal, ground).then(
      () => process.exit(0),
      (trouble: unknown) => {
        this.note(`the data plane of ${host.name} ends: ${String(trouble)}`)
        process.exit(1)
      },
    )
  }

  readonly #startAgent = (process: SimulatedProcess): void => {
    const name = process.host.name as Name
    const own = this.chance.split(`agent ${process.host.boots} ${process.identity.pid}`)
    new JointAgent({
      world: worldOf(process),
      process,
      view: this.log.viewOf(process),
      leaseEnds: () => this.#heard[name] + leaseMs,
      reachable: () => new Set(servers.filter((one) => this.now - this.#heard[one] < timeoutMs)),
      silent: () => servers.filter((one) => this.now - this.#heard[one] >= timeoutMs),
      writer: () => this.#writers[name],
      mount: (epoch) => this.#mount(name, epoch, own),
      unmount: () => this.#unmount(name),
      kill: () => this.processOf(name, 'mirror')?.exit(null),
      say: (what, fields) => this.note(`${name}: ${what} ${JSON.stringify(fields)}`),
    })
  }

  readonly #mount = async (name: Name, epoch: number, chance: Chance): Promise<boolean> => {
    const process = this.processOf(name, 'mirror')
    const engine = process && this.#engines.get(process)
    if (!process || !engine) return false
    const { judge, plan } = this
    const parts = { judge, chance, habits: { ...plan, every: plan.writesEvery } }
    const writer = new Writer(process, engine, { epoch, disk: this.dataOf(name) }, parts)
    this.#writers[name] = writer
    if (!(await writer.mount())) {
      this.#writers[name] = null
      return false
    }
    this.note(`${name} mounts it under epoch ${epoch}`)
    writer.begin()
    return true
  }

  readonly #unmount = async (name: Name): Promise<void> => {
    const writer = this.#writers[name]
    if (!writer) return
    writer.end()
    this.#writers[name] = null
    this.note(`${name} unmounts it`)
  }

  // ---- faults -------------------------------------------------------------------------------------------------

  /** This process does something that matters: it may have been its last. */
  readonly #touched = (process: SimulatedProcess, what: 'disk' | 'network'): void => {
    const name = process.host.name as Name
    const bomb = this.bombs[name]
    if (!bomb || !process.isAlive || !process.tag.includes('mirror')) return
    if (bomb.touches !== 'all' && bomb.touches !== what) return
    bomb.left -= 1
    if (bomb.left > 0) return
    this.bombs[name] = null
    this.note(`at its ${what}, ${bomb.strikes} of ${name}`)
    if (bomb.strikes === 'power') this.powerOff(name)
    else process.exit(null)
  }

  readonly #touching = ({ process, path, call }: Touch): void => {
    this.#touched(process, 'disk')
    this.disks.touch(process.host.name, path, call)
  }

  readonly #isCutOff = (server: string): boolean =>
    this.network.isCut('lan', server, logHost) || this.network.isCut('lan', logHost, server)

  /** From and to the log. */
  readonly cutOff = (name: Name): (() => void) => {
    this.note(`${name} is cut off from the log`)
    const mends = [this.network.cut('lan', name, logHost), this.network.cut('lan', logHost, name)]
    return () => {
      for (const mend of mends) mend()
    }
  }

  readonly #placeOf = (address: string) => {
    const [, second, , last] = address.split('.')
    return { host: `s${last}`, network: second === '1' ? 'cross' : 'lan' }
  }

  readonly fail = (name: Name, path: string, wanted: Failing): void => {
    this.note(`${path} of ${name} fails (${wanted})`)
    this.disks.fail(name, path, wanted)
  }

  /** As a backup of its system has it that is taken while nothing is mounted there. */
  readonly backUp = (name: Name): void => {
    if (this.#writers[name] !== null || this.processOf(name, 'mirror')) return
    this.note(`back up ${name}`)
    this.disks.backUp(name)
  }
  readonly restore = (name: Name): void => {
    if (this.hosts[name].isOn || !this.disks.restore(name)) return
    this.isContentLost = true
    this.note(`restore ${name} from its backup`)
  }

  readonly alive = (): readonly Name[] =>
    servers.filter((name) => this.processOf(name, 'agent') && !this.#isCutOff(name))
  readonly factsOf = (me: Name): Facts => ({
    me: serverName(me),
    now: instant(this.now),
    reachable: new Set(servers.filter((one) => this.now - this.#heard[one] < timeoutMs)),
    supporters: () => [],
    majority: 2,
  })

  readonly heal = (): void => {
    this.note('everything heals')
    this.network.mendAll()
    this.disks.mendAll()
    this.isLogSilent = false
    for (const name of servers) {
      this.bombs[name] = null
      const host = this.hosts[name]
      host.thaw()
      for (const process of host.processes.values()) process.go()
      this.powerOn(name)
    }
  }

  readonly #look = (): void => {
    for (const name of servers) {
      const host = this.hosts[name]
      const agent = this.processOf(name, 'agent')
      if (host.isOn && agent && !agent.standsStill && !this.#isCutOff(name)) this.#heard[name] = this.now
    }
    this.judge.examine()
    this.scheduler.after(lookMs, this.#look)
  }

  readonly areEqual = (): boolean => isDeepStrictEqual(this.dataOf('s1').content, this.dataOf('s2').content)
}
