/** The two log servers of a pair, by NATS: a connection of its own to each. */
import { beatChannel } from '../../events/jetstream-beats.ts'
import { connectLog, type LogConnection } from '../../events/jetstream-connection.ts'
import { ensureStream } from '../../events/jetstream-stream.ts'
import type { World } from '../../world/world.ts'
import type { OpenLogLink } from '../log/log-link.ts'
import { type LogServer, logServer } from '../log/log-server.ts'
import { untilDone } from '../until-done.ts'
import { logServerOf } from '../voter/voter-kit.ts'
import { logSide } from './log-side.ts'
import { type OpenPairTransport, type PairTransport, pairLogLinkBy, type ReachedSide } from './pair-log-link.ts'

const connectMs = 10_000
const streamMs = 30_000

/** `natsServer`: path of nats-server. */
export const pairLogLink = (natsServer: string): OpenLogLink =>
  pairLogLinkBy((world, options) => new NatsPair(world, options, natsServer))

type Options = Parameters<OpenPairTransport>[1]

class NatsPair implements PairTransport {
  readonly #world: World
  readonly #options: Options
  readonly #server: LogServer
  readonly #connections = new Set<LogConnection>()
  #isClosed = false

  constructor(world: World, options: Options, natsServer: string) {
    this.#world = world
    this.#options = options
    const { kit, places, logServerDied: died } = options
    this.#server = logServer(world, { kit, binary: natsServer, directory: places.logServer, ...(died && { died }) })
  }

  readonly reachOwn = async (): Promise<ReachedSide | null> => {
    const { kit, say } = this.#options
    await this.#server
      .start()
      .catch((trouble: unknown) => say('the log server could not be started', { trouble: String(trouble) }))
    const connection = await this.#connect('the own log server does not answer yet', logServerOf(kit.own, kit.own))
    if (connection === null) return null
    // An empty copy begins no new log: a commit must follow what was read before, on both.
    await this.#untilDone('the copy of the log is not ready yet', () =>
      ensureStream(this.#world, connection, { cluster: kit.identity.cluster, replicas: 1, withinMs: streamMs }),
    )
    return this.#reached(connection, kit.own.name)
  }

  readonly reachPeer = async (): Promise<ReachedSide | null> => {
    const { peer, kit } = this.#options
    const connection = await this.#connect(
      `the log server of ${peer.name} does not answer yet`,
      logServerOf(peer, kit.own),
    )
    return connection && this.#reached(connection, peer.name)
  }

  readonly close = async (): Promise<void> => {
    this.#isClosed = true
    for (const connection of this.#connections) await connection.close()
    this.#server.release()
  }

  #reached(connection: LogConnection, voter: ReachedSide['side']['voter']): ReachedSide {
    const { identity, own } = this.#options.kit
    const { publish, subscribe } = beatChannel(connection, { cluster: identity.cluster, voter: own.name })
    return {
      side: logSide(this.#world, connection, { cluster: identity.cluster, voter }),
      publish,
      subscribe: (received) => {
        subscribe((bytes) => received(bytes))
      },
    }
  }

  async #connect(what: string, servers: readonly [string, ...string[]]): Promise<LogConnection | null> {
    const { kit } = this.#options
    const credentials = { ca: kit.ca, certificate: kit.certificate, key: kit.key, seed: kit.nkeys.agent.seed }
    const connection = await this.#untilDone(what, () =>
      connectLog(this.#world, { name: `baton-${kit.own.name}`, servers, credentials, withinMs: connectMs }),
    )
    if (connection !== null) this.#connections.add(connection)
    return connection
  }

  #untilDone<T>(what: string, attempt: () => Promise<T>): Promise<T | null> {
    return untilDone(this.#world, { what, say: this.#options.say, isOver: () => this.#isClosed }, attempt)
  }
}
