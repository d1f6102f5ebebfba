/** The log servers of a cluster, and the way between them: routes over the interconnect alone. */
import { readNext } from '../../events/chain.ts'
import type { Recorded } from '../../events/index.ts'
import type { SimulatedHost } from '../host.ts'
import type { SimulatedNetwork } from '../network.ts'
import type { SimulatedProcess } from '../process.ts'
import { Replica } from './replica.ts'
import { LogStore } from './store.ts'

export type LogReaderSide = {
  /** The log server told of a commit. */
  readonly fed: (sequence: number, bytes: string) => void
  readonly heard: (bytes: Uint8Array) => void
}
type Attached = LogReaderSide & { readonly process: SimulatedProcess; readonly via: string }

type Delivery = { readonly client: Attached; readonly clients: ReadonlySet<Attached>; readonly bytes: Uint8Array }

export type GroupParts = {
  readonly names: readonly string[]
  readonly network: SimulatedNetwork
  readonly interconnect: string
  /** Topology `pair`: the log servers know nothing of each other, and each keeps a copy of its own. */
  readonly areApart?: boolean
  /** Every replica's every commit, as it goes into its stream. */
  readonly applied: (replica: Replica, sequence: number, bytes: string) => void
}

export class ReplicaGroup {
  readonly names: readonly string[]
  readonly majority: number
  readonly network: SimulatedNetwork
  readonly interconnect: string
  readonly stores = new Map<string, LogStore>()
  readonly replicas = new Map<string, Replica>()
  readonly areApart: boolean
  readonly #attached = new Map<string, Set<Attached>>()
  readonly #told: GroupParts['applied']
  readonly #known = new Map<number, Recorded>()

  constructor({ names, network, interconnect, areApart = false, applied }: GroupParts) {
    this.names = names
    this.areApart = areApart
    this.majority = areApart ? 1 : Math.floor(names.length / 2) + 1
    this.network = network
    this.interconnect = interconnect
    this.#told = applied
    for (const name of names) this.stores.set(name, new LogStore())
  }

  /** A commit that was read once is the same for everybody who reads these bytes after the same commit. */
  remember(recorded: Recorded): void {
    this.#known.set(recorded.position.sequence, recorded)
  }
  read: typeof readNext = (digest, before, next) => {
    const known = this.#known.get(next.sequence)
    return known?.bytes === next.bytes && known.previous === before.hash ? known : readNext(digest, before, next)
  }

  /** Those that keep one log together with it. */
  mates(name: string): readonly string[] {
    return this.areApart ? [name] : this.names
  }

  /** The program of a log server. */
  start(process: SimulatedProcess): void {
    const { host } = process
    const store = this.stores.get(host.name)
    if (store === undefined) throw new RangeError(`${host.name} keeps no log`)
    this.replicas.set(host.name, new Replica(this, process, store))
    process.onExit(() => {
      this.#down(host)
      for (const replica of this.replicas.values()) replica.process.enter(() => replica.leaderGone(host.name))
    })
  }

  /** A host lost its power. */
  lost(host: SimulatedHost): void {
    this.#down(host)
    this.stores.get(host.name)?.powerLost(host.scheduler.now, host.chance)
  }

  #down(host: SimulatedHost): void {
    const store = this.stores.get(host.name)
    if (store) store.crashed(host.chance.whole(store.durable, store.entries.length))
    this.replicas.delete(host.name)
    this.#attached.delete(host.name)
  }

  isUp(name: string): boolean {
    return this.replicas.get(name)?.process.isAlive ?? false
  }

  send(from: string, to: string, arrive: (replica: Replica) => void): void {
    this.network.stream(this.interconnect, from, to, () => {
      const replica = this.replicas.get(to)
      replica?.process.enter(() => arrive(replica))
    })
  }

  /** A client connects to a log server; answers how it lets go again. */
  attach(server: string, attached: Attached): () => void {
    const known = this.#attached.get(server) ?? new Set()
    this.#attached.set(server, known)
    known.add(attached)
    return () => known.delete(attached)
  }

  /** From the client of one log server to the clients of all others. */
  publish(from: Attached, server: string, bytes: Uint8Array): void {
    this.network.stream(from.via, from.process.host.name, server, () => {
      if (this.#standsStill(server)) return
      for (const [other, clients] of this.#attached)
        for (const client of this.areApart && other !== server ? [] : clients)
          if (client !== from) this.#deliver(server, other, { client, clients, bytes })
    })
  }

  #deliver(server: string, other: string, { client, clients, bytes }: Delivery): void {
    this.network.stream(this.interconnect, server, other, () => {
      if (this.#standsStill(other) || !clients.has(client)) return
      this.network.stream(client.via, other, client.process.host.name, () =>
        client.process.enter(() => client.heard(bytes)),
      )
    })
  }

  #standsStill(server: string): boolean {
    return this.replicas.get(server)?.process.standsStill ?? true
  }

  /** A replica has a commit in its stream; the leader's makes the feed. */
  applied(replica: Replica, sequence: number, bytes: string): void {
    this.#told(replica, sequence, bytes)
    if (replica.role !== 'leader') return
    for (const name of this.mates(replica.name))
      this.network.stream(this.interconnect, replica.name, name, () => this.#feed(name, sequence, bytes))
  }

  #feed(server: string, sequence: number, bytes: string): void {
    if (this.#standsStill(server)) return
    for (const client of this.#attached.get(server) ?? [])
      this.network.stream(client.via, server, client.process.host.name, () =>
        client.process.enter(() => client.fed(sequence, bytes)),
      )
  }
}
