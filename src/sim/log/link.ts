/** How an agent in the simulation comes by the log: its own log server, which it looks after, or else another's. */
import type { BeatChannel, LogLink, LogLinkOptions, OpenLogLink } from '../../agents/log/log-link.ts'
import {
  type AppendResult,
  type Commit,
  type EventLog,
  encodeCommit,
  type LogReader,
  type LogStatus,
  type Position,
  pathName,
  type Subscription,
  sequence,
  voterName,
} from '../../events/index.ts'
import type { Cancel, World } from '../../world/world.ts'
import type { BeatOracle } from '../beats.ts'
import type { SimulatedProcess } from '../process.ts'
import type { ReplicaGroup } from './group.ts'
import { Reading } from './reading.ts'
import { appendResultOf, type Replica, type ReplicaAnswer, type ReplicaStatus } from './replica.ts'

/** As jetstream-log.ts has them. */
const appendMs = 1000
const statusMs = 1000
const statusHoldsMs = 3500
/** The agent looks this often whether its log server lives, and a lost connection is noticed within this time. */
const superviseMs = 500
const reconnectMs = 150
/** ping_interval 2s, ping_max 2. */
const silentMs = 5000

export const simulatedLogLink =
  (group: ReplicaGroup, process: SimulatedProcess, oracle: BeatOracle): OpenLogLink =>
  (world, options) =>
    new SimulatedLink({ group, process, oracle }, world, options)

type LinkParts = { readonly group: ReplicaGroup; readonly process: SimulatedProcess; readonly oracle: BeatOracle }

type Connection = { readonly server: string; readonly via: string; readonly leave: Cancel }

class SimulatedLink implements LogLink {
  readonly log: EventLog
  readonly #group: ReplicaGroup
  readonly #process: SimulatedProcess
  readonly #oracle: BeatOracle
  readonly #world: World
  readonly #options: LogLinkOptions
  readonly #readings = new Set<Reading>()
  readonly #ready: ((channel: BeatChannel) => void)[] = []
  #received: ((bytes: Uint8Array) => void) | null = null
  #connection: Connection | null = null
  #wasReached = false
  #isClosed = false
  #status: ReplicaStatus | null = null
  #answeredAt: number | null = null
  /** When its log server answered last, and the one that was left because it did not. */
  #serverAt = 0
  #shunned: string | null = null
  #last = 0

  constructor({ group, process, oracle }: LinkParts, world: World, options: LogLinkOptions) {
    this.#group = group
    this.#process = process
    this.#oracle = oracle
    this.#world = world
    this.#options = options
    this.log = {
      append: (after, commit) => this.#append(after, commit),
      follow: (after, reader) => this.#follow(after, reader),
      status: () => this.#statusNow(),
      moveLeader: async (voter) => this.#atLeader((leader) => leader.handOver(voter)),
      close: async () => this.#close(),
    }
    this.#supervise()
    this.#look()
  }

  readonly onBeatChannel: LogLink['onBeatChannel'] = (ready) => {
    if (this.#wasReached) ready(this.#channel)
    else this.#ready.push(ready)
  }

  readonly close = async (): Promise<void> => this.#close()

  readonly #channel: BeatChannel = {
    name: pathName('nats'),
    send: (bytes) => {
      if (!this.#connection || !this.#attached || !this.#process.isAlive) return
      this.#oracle.sent(this.#process.host.name, bytes)
      this.#group.publish(this.#attached, this.#connection.server, bytes)
    },
    subscribe: (received) => {
      this.#received = received
    },
  }
  #attached: Parameters<ReplicaGroup['attach']>[1] | null = null

  #close(): void {
    this.#isClosed = true
    for (const reading of this.#readings) reading.stop()
    this.#connection?.leave()
    this.#connection = null
  }

  /** Its own log server is started when it does not run; the connection is made anew when it is lost. */
  #supervise(): void {
    if (this.#isClosed) return
    const { host } = this.#process
    if (this.#options.kit.own.hasLog && host.find('log-server') === undefined) host.launch(['log-server'], 'log-server')
    if (this.#connection !== null && (!this.#isReachable(this.#connection.server) || this.#isSilent())) {
      this.#connection.leave()
      this.#connection = null
    }
    this.#connect()
    this.#world.clock.after(this.#connection === null ? reconnectMs : superviseMs, () => this.#supervise())
  }

  /** Its pings are not answered: a log server that stands still is left for another. */
  #isSilent(): boolean {
    const isSilent = this.#world.clock.now() - this.#serverAt > silentMs
    if (isSilent) this.#shunned = this.#connection?.server ?? null
    return isSilent
  }

  #isReachable(server: string): boolean {
    return this.#group.isUp(server) && this.#networkTo(server) !== null
  }

  #networkTo(server: string): string | null {
    const { name, addresses } = this.#process.host
    return Object.keys(addresses).find((network) => this.#group.network.isConnected(network, name, server)) ?? null
  }

  #connect(): void {
    if (this.#connection !== null) return
    const own = this.#process.host.name
    const all = [own, ...this.#group.names.filter((name) => name !== own)].filter((name) => this.#isReachable(name))
    const server = all.find((name) => name !== this.#shunned) ?? all[0]
    this.#shunned = null
    this.#serverAt = this.#world.clock.now()
    const via = server === undefined ? null : this.#networkTo(server)
    if (server === undefined || via === null) return
    this.#attached = {
      process: this.#process,
      via,
      fed: (at, bytes) => {
        this.#heard(at)
        for (const reading of this.#readings) reading.fed(at, bytes)
      },
      heard: (bytes) => {
        this.#oracle.arrived(this.#process.host.name, bytes)
        this.#received?.(bytes)
      },
    }
    this.#connection = { server, via, leave: this.#group.attach(server, this.#attached) }
    for (const reading of this.#readings) reading.wake()
    if (this.#wasReached) return
    this.#wasReached = true
    for (const ready of this.#ready) ready(this.#channel)
  }

  /** Something at our log server, which may stand still or be gone. */
  #atServer(act: (server: Replica) => void): void {
    const connection = this.#connection
    if (connection === null) return
    this.#group.network.stream(connection.via, this.#process.host.name, connection.server, () => {
      const server = this.#group.replicas.get(connection.server)
      server?.process.enter(() => act(server))
    })
  }
  /** What our log server sends back. */
  #back(from: Replica, run: () => void): void {
    const via = this.#connection?.via
    if (via === undefined) return
    this.#group.network.stream(via, from.name, this.#process.host.name, () => this.#process.enter(run))
  }

  /** At the leader, as our log server knows it; `nobody` when it knows none. */
  #atLeader(act: (leader: Replica, back: (run: () => void) => void) => void, nobody: () => void = () => {}): void {
    this.#atServer((server) => {
      const back = (run: () => void) => this.#back(server, run)
      const { leader } = server
      const isKnown = leader !== null && this.#group.network.isConnected(this.#group.interconnect, server.name, leader)
      if (!isKnown) return back(nobody)
      if (leader === server.name) return act(server, back)
      this.#group.send(server.name, leader, (replica) =>
        act(replica, (run) => this.#group.send(replica.name, server.name, () => back(run))),
      )
    })
  }

  #append(after: Position, commit: Commit): Promise<AppendResult> {
    if (this.#connection === null)
      return Promise.resolve({ result: 'unavailable', because: 'not connected to a log server' })
    const bytes = encodeCommit(commit, after.hash)
    const { promise, resolve } = Promise.withResolvers<AppendResult>()
    const cancel = this.#world.clock.after(appendMs, () => resolve({ result: 'unknown', because: 'no answer' }))
    const answered = (answer: ReplicaAnswer) => {
      cancel()
      resolve(this.#resultOf(answer, after, bytes))
    }
    this.#atLeader(
      (leader, back) =>
        leader.propose({ id: commit.id, bytes, expected: after.sequence }, (answer) => back(() => answered(answer))),
      () => answered({ is: 'no-responders' }),
    )
    return promise
  }

  #resultOf(answer: ReplicaAnswer, after: Position, bytes: string): AppendResult {
    const result = appendResultOf(answer, after, this.#world.digest(bytes))
    if (result.result === 'appended') this.#heard(result.position.sequence)
    return result
  }

  #follow(after: Position, reader: LogReader): Subscription {
    const reading = new Reading(this.#world, {
      after,
      reader,
      reached: (at) => this.#heard(at),
      read: this.#group.read,
      fromOwn: (from, got) =>
        this.#atServer((server) => {
          const found = server.store.stream.slice(from, from + 1000)
          this.#back(server, () => got(found))
        }),
      fromLeader: (from, got) =>
        this.#atLeader((leader, back) => {
          const found = leader.store.stream.slice(from, from + 1000)
          back(() => got(found))
        }),
    })
    this.#readings.add(reading)
    return {
      stop: () => {
        reading.stop()
        this.#readings.delete(reading)
      },
    }
  }

  #look(): void {
    if (this.#isClosed) return
    this.#atServer((server) =>
      this.#back(server, () => {
        this.#serverAt = this.#world.clock.now()
      }),
    )
    this.#atLeader((leader, back) => {
      const status = leader.status()
      if (status === null) return
      back(() => {
        this.#status = status
        if (status.hasQuorum) this.#answeredAt = this.#world.clock.now()
        this.#heard(status.last)
        for (const reading of this.#readings) reading.exists(status.last)
      })
    })
    this.#world.clock.after(statusMs, () => this.#look())
  }

  #heard(at: number): void {
    this.#last = Math.max(this.#last, at)
  }

  #statusNow(): LogStatus {
    const isFresh = this.#answeredAt !== null && this.#world.clock.now() - this.#answeredAt < statusHoldsMs
    const reachable = isFresh && this.#connection !== null
    const leader = this.#status?.leader ?? ''
    const current: readonly string[] = this.#status?.current ?? []
    return {
      reachable,
      leader: reachable ? voterName(leader) : null,
      last: sequence(this.#last),
      replicas: this.#group.names.map((name) => ({ voter: voterName(name), current: current.includes(name) })),
    }
  }
}
