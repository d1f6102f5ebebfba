import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Cut, cutsRules } from './cuts.ts'
import { Host } from './host.ts'
import { LabShell } from './lab-shell.ts'
import { makeLabDirectory, removeLeftovers } from './leftovers.ts'
import {
  attachLoopDevice,
  detachLoopDevice,
  type LoopDevice,
  type LoopDeviceOptions,
  loopDevicesBelow,
} from './loop-device.ts'
import { missing } from './needs.ts'
import {
  bridgesScript,
  carrierScript,
  defaultPrefix,
  type NetworkName,
  type Place,
  type Prefix,
  placeOf,
  rateScript,
} from './network.ts'
import { LabTrouble } from './trouble.ts'
import { until } from './until.ts'
import { Watch, type WatchOptions } from './watch.ts'

/** Hosts count from here, in the order they are named. */
const firstHostNumber = 11
const clientNumber = 201

/** Namespaces end some time after their last process; a mounted disk is let go of only then. */
const letGoTimeoutMs = 10_000

export type LabOptions = {
  readonly hosts: readonly string[]
  /** Whether the client is on the interconnect too. */
  readonly clientOnInterconnect?: boolean
  readonly prefix?: Prefix
  /** Something that the hosts' first power-on needs, such as disks of their own; answers what takes it away again. */
  readonly prepare?: (hosts: readonly Host[]) => Promise<() => Promise<void>>
}

/** Hosts on two networks, and a client, on one machine; nothing touches the machine's own network. */
export const createLab = async (options: LabOptions): Promise<Lab> => {
  const reasons = missing(['lab'])
  if (reasons.length > 0) throw new LabTrouble(`no lab on this machine: ${reasons.join('; ')}`)
  removeLeftovers()
  const lab = new Lab(options)
  try {
    await lab.start()
    return lab
  } catch (cause) {
    await lab.destroy()
    throw new LabTrouble(`the lab could not be made: ${String(cause)}`, { cause })
  }
}

/** The computer in front of the cluster: a host of its own on the public network. */
export class Client extends Host {
  /** Asks a service who it is, every 10 ms, until stopped. */
  async watch(options: WatchOptions): Promise<Watch> {
    return Watch.start(this, options)
  }
}

export class Lab {
  /** States, logs and disks; gone with the lab. */
  readonly directory: string
  readonly client: Client
  readonly #hosts: ReadonlyMap<string, Host>
  readonly #shell: LabShell
  readonly #prepare: NonNullable<LabOptions['prepare']>
  #unprepare: () => Promise<void> = nothing
  #cuts: readonly Cut[] = []
  #ended: Promise<void> | null = null

  constructor({
    hosts,
    clientOnInterconnect = false,
    prefix = defaultPrefix,
    prepare = async () => nothing,
  }: LabOptions) {
    this.#prepare = prepare
    this.directory = makeLabDirectory()
    this.#shell = new LabShell()
    labs.add(this)
    endLabsWithTheHarness()
    const place = (name: string, index: number): Place =>
      placeOf(name, firstHostNumber + index, ['interconnect', 'public'], prefix)
    this.#hosts = new Map(hosts.map((name, index) => [name, new Host(place(name, index), this.#shell, this.directory)]))
    const clientOn: NetworkName[] = clientOnInterconnect ? ['interconnect', 'public'] : ['public']
    this.client = new Client(placeOf('client', clientNumber, clientOn, prefix), this.#shell, this.directory)
  }

  get hosts(): readonly Host[] {
    return [...this.#hosts.values()]
  }

  host(name: string): Host {
    const host = name === 'client' ? this.client : this.#hosts.get(name)
    if (host === undefined) throw new Error(`no host ${name} in this lab`)
    return host
  }

  /** Called by `createLab`. */
  async start(): Promise<void> {
    await this.#shell.execute(bridgesScript())
    this.#unprepare = await this.#prepare(this.hosts)
    const started = await Promise.allSettled([...this.hosts, this.client].map((host) => host.powerOn()))
    for (const outcome of started) if (outcome.status === 'rejected') throw outcome.reason
  }

  /** Adds a silent cut to those in force. Links keep their carrier, and connections hang. */
  async cut(cut: Cut): Promise<void> {
    await this.#apply([...this.#cuts, cut])
  }

  /** Lifts every cut. */
  async heal(): Promise<void> {
    await this.#apply([])
  }

  /** What pulling the cable does: the host sees its interface lose carrier. Power-on plugs every cable in again. */
  async carrier(host: string, network: NetworkName, state: 'up' | 'down'): Promise<void> {
    const link = this.host(host).place.links[network]
    if (link === undefined) throw new Error(`${host} is not on the ${network} network`)
    await this.#shell.execute(carrierScript([link.port], state))
  }

  /** A link on which what the host receives trickles; null: as fast as ever. What does not fit into a short queue is lost. */
  async slow(host: string, network: NetworkName, kilobitsPerSecond: number | null): Promise<void> {
    const link = this.host(host).place.links[network]
    if (link === undefined) throw new Error(`${host} is not on the ${network} network`)
    await this.#shell.execute(rateScript(link.port, kilobitsPerSecond))
  }

  /** A new empty disk that every host can open. Detached, and its file removed, with the lab. */
  async loopDevice({ directory = this.directory, ...options }: LoopDeviceOptions): Promise<LoopDevice> {
    const disk = await attachLoopDevice(join(directory, `disk-${++disks}.img`), options)
    // Detaching a device that is open waits for its last close. The lab's shell has it open, so from here on the
    // kernel detaches it when the lab ends, even if the harness is killed.
    await this.#shell.hold(disk.device)
    detachLoopDevice(disk.device)
    return disk
  }

  /** Ends every process of the lab, and with them namespaces, mounts and bridges; then its disks and files. */
  async destroy(): Promise<void> {
    this.#ended ??= this.#end()
    return this.#ended
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.destroy()
  }

  /** The same at once, for when nothing may be awaited any more; the kernel finishes the rest. */
  abandon(): void {
    for (const host of [...this.hosts, this.client]) host.abandon()
    this.#shell.kill()
    for (const device of loopDevicesBelow(this.directory)) detachLoopDevice(device)
    rmSync(this.directory, { recursive: true, force: true })
    labs.delete(this)
  }

  async #end(): Promise<void> {
    await Promise.all([...this.hosts, this.client].map((host) => host.end()))
    await this.#shell.end()
    await this.#unprepare()
    await until(() => loopDevicesBelow(this.directory).length === 0, letGoTimeoutMs, 'the disks to be detached')
    rmSync(this.directory, { recursive: true, force: true })
    labs.delete(this)
  }

  async #apply(cuts: readonly Cut[]): Promise<void> {
    const rules = cutsRules(cuts, (host) => this.host(host).place)
    await this.#shell.execute(`nft -f - <<'RULES'\n${rules}\nRULES`)
    this.#cuts = cuts
  }
}

let disks = 0

const nothing = async (): Promise<void> => undefined

/** The labs of this process that have not ended. */
const labs = new Set<Lab>()

let isWatchingForTheEnd = false

const endLabsWithTheHarness = (): void => {
  if (isWatchingForTheEnd) return
  isWatchingForTheEnd = true
  const abandonAll = (): void => {
    for (const lab of labs) lab.abandon()
  }
  process.once('exit', abandonAll)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      abandonAll()
      process.kill(process.pid, signal)
    })
  }
}
