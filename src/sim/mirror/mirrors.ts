/** The mirror disks of a simulated cluster: their partitions, their data planes, who has mounted them, and what writers were told. */
import { ofServer } from '../../agents/mirror/places.ts'
import { type Configuration, type MirrorConfiguration, type MirrorName, mirrorName } from '../../events/index.ts'
import type { Engine } from '../../mirror/engine-interface.ts'
import { runMirror } from '../../mirror/process/mirror-process.ts'
import { mirrorSettings } from '../../mirror/process/settings.ts'
import type { State } from '../../projections/state.ts'
import type { World } from '../../world/world.ts'
import type { SimulatedHost } from '../host.ts'
import type { SimulatedNetwork } from '../network.ts'
import type { SimulatedProcess } from '../process.ts'
import type { Chance } from '../random.ts'
import { clusterKey } from '../seal.ts'
import { simulatedGround } from './ground.ts'
import { Judge } from './judge.ts'
import { Partitions } from './partitions.ts'
import { type Address, Streams } from './streams.ts'
import { Writer, type WriterHabits } from './writer.ts'

export type MirrorsParts = {
  readonly network: SimulatedNetwork
  readonly chance: Chance
  readonly host: (name: string) => SimulatedHost
  readonly at: (address: string) => Address | null
  readonly state: () => State
  /** How large they are; null = as small as they may be. */
  readonly mirrorPages: number | null
}

/** A mirror disk of the configuration that the cluster began with. */
export type SimulatedMirror = {
  /** As the log calls it. */
  readonly name: MirrorName
  readonly group: string
  readonly resource: string
  readonly servers: readonly string[]
  readonly judge: Judge
  readonly data: (server: string) => string
  readonly metadata: (server: string) => string
}

const metadataBytes = 262_144
/** A writer writes this much at a time, or a multiple of it. */
const pageBytes = 4096
const leastPages = 24
const leastBlocks = 8
/** What survives a power loss of what was not flushed: nothing, some of it, everything. */
const survives = [0, 0.3, 0.7, 1] as const

export class SimulatedMirrors {
  readonly all: readonly SimulatedMirror[]
  readonly partitions = new Partitions()
  readonly #parts: MirrorsParts
  readonly #habits: WriterHabits
  readonly #streams: Streams
  readonly #engines = new Map<SimulatedProcess, Engine>()
  /** By server and mirror. */
  readonly #writers = new Map<string, Writer>()
  #isQuiet = false

  constructor(configuration: Configuration, parts: MirrorsParts) {
    this.#parts = parts
    const { timeout } = configuration.heartbeat
    this.#habits = {
      blockBytes: pageBytes,
      often: 0.5,
      flushes: 0.05,
      mostOpen: 12,
      // Against T, as everything else that happens: a run writes as much whatever its time-out is.
      every: [Math.max(2, timeout / 500), Math.max(20, timeout / 15)],
    }
    this.#streams = new Streams({ network: parts.network, at: parts.at, sending: () => {} })
    this.all = Object.entries(configuration.groups).flatMap(([group, { servers, resources }]) =>
      Object.entries(resources).flatMap(([resource, one]) =>
        one.type === 'md' ? [this.#mirrorOf({ group, resource, servers }, one)] : [],
      ),
    )
  }

  readonly find = (group: string, resource: string): SimulatedMirror | undefined =>
    this.all.find((one) => one.group === group && one.resource === resource)

  readonly planesOn = (host: SimulatedHost, name = ''): readonly SimulatedProcess[] =>
    [...host.processes.values()].filter(({ tag }) => tag.includes(`/mirror/${name}`))

  /** The process of a data plane; resolves when it was told to end. */
  readonly run = async (process: SimulatedProcess, world: World, settingsFile: string): Promise<void> => {
    const { partitions } = this
    const ground = simulatedGround(process, {
      streams: this.#streams,
      disk: partitions.find,
      touching: ({ path, call }) => partitions.touch(process.host.name, path, call),
      serves: (by, _, engine) => {
        if (engine) this.#engines.set(by, engine)
        else this.#engines.delete(by)
      },
      key: clusterKey,
    })
    const stop = new AbortController()
    process.terminated = () => stop.abort()
    process.onExit(() => this.#engines.delete(process))
    const settings = mirrorSettings.parse(JSON.parse((await world.files.read(settingsFile)) ?? '{}'))
    await runMirror(world, settings, stop.signal, ground)
  }

  // ---- who has it mounted -------------------------------------------------------------------------------------

  /** Null: nobody has it mounted there. */
  readonly writerOn = (server: string, { name }: SimulatedMirror): Writer | null =>
    this.#writers.get(`${server} ${name}`) ?? null

  /** What is on it is read, then it is written to. False: it cannot be read. */
  readonly mount = async (server: string, mirror: SimulatedMirror, epoch: number): Promise<boolean> => {
    const { name, judge, data } = mirror
    const [process] = this.planesOn(this.#parts.host(server), name)
    const engine = process && this.#engines.get(process)
    if (!process || !engine) return false
    const key = `${server} ${name}`
    const chance = this.#parts.chance.split(`${key} ${epoch} ${process.identity.pid}`)
    const disk = this.partitions.of(server, data(server))
    const writer = new Writer(process, engine, { epoch, disk }, { judge, chance, habits: this.#habits })
    this.#writers.set(key, writer)
    if (!(await writer.mount())) {
      if (this.#writers.get(key) === writer) this.#writers.delete(key)
      return false
    }
    if (!this.#isQuiet) writer.begin()
    return true
  }

  readonly unmount = (server: string, { name }: SimulatedMirror): void => {
    const key = `${server} ${name}`
    this.#writers.get(key)?.end()
    this.#writers.delete(key)
  }

  readonly powerLost = (server: string): void => {
    const kept = this.#parts.chance.pick(survives)
    this.partitions.powerLost(server, () => this.#parts.chance.happens(kept))
    for (const mirror of this.all) {
      this.unmount(server, mirror)
      mirror.judge.account.powerLost(server)
    }
  }

  // ---- in the end ---------------------------------------------------------------------------------------------

  /** Nobody writes any more. */
  readonly quiet = (): void => {
    this.#isQuiet = true
    for (const writer of this.#writers.values()) writer.pause()
  }
  /** Everything that was begun is answered. */
  readonly areStill = (): boolean => [...this.#writers.values()].every(({ open }) => open === 0)
  /** Everything that was answered is durable when it resolves to true. */
  readonly flush = async (): Promise<boolean> =>
    (await Promise.all([...this.#writers.values()].map((writer) => writer.flush()))).every((isDone) => isDone)

  readonly #mirrorOf = (
    { group, resource, servers }: Pick<SimulatedMirror, 'group' | 'resource' | 'servers'>,
    { blockSize, mode, dataPartition, clusterPartition }: MirrorConfiguration,
  ): SimulatedMirror => {
    const name = mirrorName(group, resource)
    const bytes = Math.max((this.#parts.mirrorPages ?? leastPages) * pageBytes, leastBlocks * blockSize)
    const data = (server: string) => ofServer(dataPartition, server)
    const metadata = (server: string) => ofServer(clusterPartition, server)
    const { partitions } = this
    const { host, state } = this.#parts
    for (const server of servers) {
      partitions.add(server, data(server), bytes)
      partitions.add(server, metadata(server), metadataBytes)
    }
    const judge = new Judge({
      mirror: name,
      servers,
      bytes,
      mode,
      host,
      state,
      data: (server) => partitions.of(server, data(server)),
      metadata: (server) => partitions.of(server, metadata(server)),
    })
    return { name, group, resource, servers, judge, data, metadata }
  }
}
