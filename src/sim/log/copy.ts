/** One of the two copies of a simulated pair's log, as an agent reaches it: the log server that keeps it stands alone. */
import type { LogSide } from '../../agents/pair/log-side.ts'
import { readNext } from '../../events/chain.ts'
import {
  type AppendResult,
  type CommitId,
  type LogReader,
  type LogStatus,
  type Position,
  type Sequence,
  type Subscription,
  sequence,
  type VoterName,
} from '../../events/index.ts'
import type { Cancel, World } from '../../world/world.ts'
import type { PairParts } from './pair.ts'
import { Reading } from './reading.ts'
import { appendResultOf, type Replica, type ReplicaAnswer } from './replica.ts'

/** As jetstream-log.ts, jetstream-api.ts and log-side.ts have them. */
const appendMs = 1000
const askMs = 2000
const deleteMs = 5000
const statusMs = 1000
const statusHoldsMs = 3500
/** A lost connection is noticed within this time, and made anew. */
const superviseMs = 500
const reconnectMs = 150
const hopMs = 0.05
/** ping_interval 2s, ping_max 2. */
const silentMs = 5000

type Connection = {
  readonly via: string
  readonly attached: Parameters<PairParts['group']['attach']>[1]
  readonly leave: Cancel
}
type Back = (run: () => void) => void

export class SimulatedCopy implements LogSide {
  readonly voter: VoterName
  readonly #world: World
  readonly #parts: Pick<PairParts, 'group' | 'process' | 'oracle'>
  readonly #readings = new Set<Reading>()
  #connection: Connection | null = null
  #received: ((bytes: Uint8Array) => void) | null = null
  #answeredAt: number | null = null
  /** When the log server answered last. */
  #serverAt = 0
  #last = 0
  #isClosed = false

  constructor(world: World, parts: Pick<PairParts, 'group' | 'process' | 'oracle'>, voter: VoterName) {
    this.voter = voter
    this.#world = world
    this.#parts = parts
    this.#supervise()
    this.#look()
  }

  readonly isConnected = (): boolean => this.#connection !== null

  readonly publish = (bytes: Uint8Array): void => {
    const { group, process, oracle } = this.#parts
    if (this.#connection === null || !process.isAlive) return
    oracle.sent(process.host.name, bytes)
    group.publish(this.#connection.attached, this.voter, bytes)
  }
  readonly subscribe = (received: (bytes: Uint8Array) => void): void => {
    this.#received = received
  }

  readonly put: LogSide['put'] = (after, { bytes, commit }, afterId) => {
    if (this.#connection === null)
      return Promise.resolve({ result: 'unavailable', because: 'not connected to a log server' })
    return this.#ask<AppendResult>({ result: 'unknown', because: 'no answer' }, appendMs, (server, answer) =>
      server.propose(proposalOf(after, { id: commit.id, bytes, afterId }), (given) =>
        answer(() => this.#resultOf(given, after, bytes)),
      ),
    )
  }

  readonly end = (): Promise<Sequence | null> =>
    this.#ask<Sequence | null>(null, askMs, (server, answer) => {
      const { isServing, store } = server
      if (isServing) answer(() => sequence(store.stream.length))
    })

  readonly at: LogSide['at'] = (at) =>
    this.#ask<Awaited<ReturnType<LogSide['at']>>>('unreachable', askMs, (server, answer) => {
      const found = server.store.stream[at - 1]
      if (server.isServing) answer(() => (found === undefined ? 'missing' : { sequence: at, bytes: found.bytes }))
    })

  readonly read: LogSide['read'] = (first, count) =>
    this.#ask<Awaited<ReturnType<LogSide['read']>>>([], askMs, (server, answer) => {
      const found = server.store.stream.slice(first - 1, first - 1 + count)
      answer(() => found.map(({ bytes }, index) => ({ sequence: sequence(first + index), bytes })))
    })

  readonly follow = (after: Position, reader: LogReader): Subscription => {
    const fetch = (from: number, got: Parameters<ConstructorParameters<typeof Reading>[1]['fromOwn']>[1]) =>
      this.#atServer((server, back) => {
        const found = server.store.stream.slice(from, from + 1000)
        back(() => got(found))
      })
    const reached = (at: number) => this.#heard(at)
    const reading = new Reading(this.#world, {
      read: readNext,
      after,
      reader,
      reached,
      fromOwn: fetch,
      fromLeader: fetch,
    })
    this.#readings.add(reading)
    return {
      stop: () => {
        reading.stop()
        this.#readings.delete(reading)
      },
    }
  }

  readonly status = (): LogStatus => {
    const isFresh = this.#answeredAt !== null && this.#world.clock.now() - this.#answeredAt < statusHoldsMs
    const reachable = isFresh && this.isConnected()
    return { reachable, leader: reachable ? this.voter : null, last: sequence(this.#last), replicas: [] }
  }

  readonly startOver = async (): Promise<void> => {
    const isDone = await this.#ask(false, deleteMs, (server, answer) => {
      server.empty()
      answer(() => true)
    })
    if (!isDone) throw new Error(`the log of ${this.voter} could not be emptied: no answer`)
  }

  readonly close = async (): Promise<void> => {
    this.#isClosed = true
    for (const reading of this.#readings) reading.stop()
    this.#connection?.leave()
    this.#connection = null
  }

  #resultOf(answer: ReplicaAnswer, after: Position, bytes: string): AppendResult {
    const result = appendResultOf(answer, after, this.#world.digest(bytes))
    if (result.result === 'appended') this.#heard(result.position.sequence)
    return result
  }

  /** Asks the log server; `otherwise` when nothing comes back in time. */
  #ask<T>(
    otherwise: T,
    withinMs: number,
    act: (server: Replica, answer: (found: () => T) => void) => void,
  ): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<T>()
    if (this.#connection === null) {
      resolve(otherwise)
      return promise
    }
    const cancel = this.#world.clock.after(withinMs, () => resolve(otherwise))
    this.#atServer((server, back) =>
      act(server, (found) =>
        back(() => {
          cancel()
          resolve(found())
        }),
      ),
    )
    return promise
  }

  #atServer(act: (server: Replica, back: Back) => void): void {
    const { process } = this.#parts
    const connection = this.#connection
    if (connection === null) return
    // Within a machine, too, an answer never comes before the call is over.
    process.host.scheduler.after(hopMs, () => this.#sendOver(connection, act))
  }

  #sendOver(connection: Connection, act: (server: Replica, back: Back) => void): void {
    const { group, process } = this.#parts
    group.network.stream(connection.via, process.host.name, this.voter, () => {
      const server = group.replicas.get(this.voter)
      server?.process.enter(() =>
        act(server, (run) =>
          group.network.stream(connection.via, this.voter, process.host.name, () =>
            process.enter(() => {
              // An answer over a connection that has ended is nobody's.
              if (this.#connection === connection) run()
            }),
          ),
        ),
      )
    })
  }

  #supervise(): void {
    if (this.#isClosed) return
    if (this.#connection !== null && (!this.#isReachable() || this.#isSilent())) {
      this.#connection.leave()
      this.#connection = null
    }
    if (this.#connection === null) this.#connect()
    this.#world.clock.after(this.#connection === null ? reconnectMs : superviseMs, () => this.#supervise())
  }

  #isSilent(): boolean {
    return this.#world.clock.now() - this.#serverAt > silentMs
  }
  #isReachable(): boolean {
    return this.#parts.group.isUp(this.voter) && this.#networkTo() !== null
  }
  #networkTo(): string | null {
    const { group, process } = this.#parts
    const { name, addresses } = process.host
    return Object.keys(addresses).find((network) => group.network.isConnected(network, name, this.voter)) ?? null
  }

  #connect(): void {
    const { group, process, oracle } = this.#parts
    const via = this.#networkTo()
    // One that stands still takes no connection.
    if (via === null || (group.replicas.get(this.voter)?.process.standsStill ?? true)) return
    const attached = {
      process,
      via,
      fed: (at: number, bytes: string) => {
        this.#heard(at)
        for (const reading of this.#readings) reading.fed(at, bytes)
      },
      heard: (bytes: Uint8Array) => {
        if (this.#received === null) return
        oracle.arrived(process.host.name, bytes)
        this.#received(bytes)
      },
    }
    this.#serverAt = this.#world.clock.now()
    this.#connection = { via, attached, leave: group.attach(this.voter, attached) }
    for (const reading of this.#readings) reading.wake()
  }

  /** Looks where the copy ends, for as long as it is used. */
  #look(): void {
    if (this.#isClosed) return
    this.#atServer((server, back) => {
      const { isServing, store } = server
      const last = store.stream.length
      back(() => {
        this.#serverAt = this.#world.clock.now()
        if (!isServing) return
        this.#answeredAt = this.#world.clock.now()
        this.#heard(last)
        for (const reading of this.#readings) reading.exists(last)
      })
    })
    this.#world.clock.after(statusMs, () => this.#look())
  }

  #heard(at: number): void {
    this.#last = Math.max(this.#last, at)
  }
}

const proposalOf = (
  after: Position,
  { id, bytes, afterId }: { readonly id: CommitId; readonly bytes: string; readonly afterId: CommitId | undefined },
) => ({ id, bytes, expected: after.sequence, ...(afterId === undefined ? {} : { afterId }) })
