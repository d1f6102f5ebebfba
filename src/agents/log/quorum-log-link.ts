/** Topologies `solo` and `quorum`: one JetStream stream with a replica on every voter that keeps the log. */
import { pathName } from '../../events/index.ts'
import { beatChannel } from '../../events/jetstream-beats.ts'
import { connectLog, type LogConnection } from '../../events/jetstream-connection.ts'
import { jetstreamLog } from '../../events/jetstream-log.ts'
import { ensureStream, replicasFor } from '../../events/jetstream-stream.ts'
import type { World } from '../../world/world.ts'
import { untilDone } from '../until-done.ts'
import { logServersOf } from '../voter/voter-kit.ts'
import { lateLog } from './late-log.ts'
import type { BeatChannel, LogLink, LogLinkOptions, OpenLogLink } from './log-link.ts'
import { type LogServer, logServer } from './log-server.ts'

const connectMs = 10_000
const streamMs = 30_000

/** `natsServer`: path of nats-server. */
export const quorumLogLink =
  (natsServer: string): OpenLogLink =>
  (world, options) =>
    new QuorumLogLink(world, options, natsServer)

class QuorumLogLink implements LogLink {
  readonly log
  readonly #world: World
  readonly #options: LogLinkOptions
  readonly #late = lateLog()
  readonly #server: LogServer | null
  readonly #waiting: ((channel: BeatChannel) => void)[] = []
  #connection: LogConnection | null = null
  #isClosed = false

  constructor(world: World, options: LogLinkOptions, natsServer: string) {
    const { kit, places } = options
    this.#world = world
    this.#options = options
    this.log = this.#late.log
    this.#server = kit.own.hasLog
      ? logServer(world, {
          kit,
          binary: natsServer,
          directory: places.logServer,
          ...(options.logServerDied && { died: options.logServerDied }),
        })
      : null
    void this.#reachLog()
  }

  readonly onBeatChannel: LogLink['onBeatChannel'] = (ready) => {
    if (this.#connection) ready(this.#channelOf(this.#connection))
    else this.#waiting.push(ready)
  }

  readonly close = async (): Promise<void> => {
    this.#isClosed = true
    await this.log.close()
    await this.#connection?.close()
    this.#server?.release()
  }

  #channelOf(connection: LogConnection): BeatChannel {
    const { identity, own } = this.#options.kit
    const channel = beatChannel(connection, { cluster: identity.cluster, voter: own.name })
    return {
      name: pathName('nats'),
      send: channel.publish,
      subscribe: (received) => {
        channel.subscribe((bytes) => received(bytes))
      },
    }
  }

  async #reachLog(): Promise<void> {
    const { kit, say, seen } = this.#options
    const { cluster } = kit.identity
    await this.#server
      ?.start()
      .catch((trouble: unknown) => say('the log server could not be started', { trouble: String(trouble) }))
    const credentials = { ca: kit.ca, certificate: kit.certificate, key: kit.key, seed: kit.nkeys.agent.seed }
    const connection = await this.#untilDone('no log server answers yet', () =>
      connectLog(this.#world, {
        name: `baton-${kit.own.name}`,
        servers: logServersOf(kit),
        credentials,
        hasOwn: kit.own.hasLog,
        withinMs: connectMs,
      }),
    )
    if (connection === null) return
    this.#connection = connection
    this.#late.arrived(jetstreamLog(this.#world, connection, { cluster }))
    for (const ready of this.#waiting) ready(this.#channelOf(connection))
    const replicas = replicasFor(kit.identity.voters.filter((voter) => voter.hasLog).length)
    await this.#untilDone('the log is not ready yet', () =>
      ensureStream(this.#world, connection, { cluster, replicas, withinMs: streamMs, seen: seen().sequence }),
    )
  }

  #untilDone<T>(what: string, attempt: () => Promise<T>): Promise<T | null> {
    return untilDone(this.#world, { what, say: this.#options.say, isOver: () => this.#isClosed }, attempt)
  }
}
