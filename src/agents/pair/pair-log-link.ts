/** Topology `pair`: this server's own log server and the other's, each with a copy of the log. */
import { z } from 'zod'
import { decode, pathName, type ServerName, serverName, type VoterName } from '../../events/index.ts'
import { beatChannel } from '../../events/jetstream-beats.ts'
import { connectLog, type LogConnection } from '../../events/jetstream-connection.ts'
import { ensureStream } from '../../events/jetstream-stream.ts'
import { sidesOf } from '../../projections/log-sides.ts'
import type { World } from '../../world/world.ts'
import type { BeatChannel, LogLink, LogLinkOptions, OpenLogLink } from '../log-link.ts'
import { type LogServer, logServer } from '../log-server.ts'
import { hostPort, KitUnusable, type KitVoter, localAddress } from '../voter-kit.ts'
import { type LogCopier, logCopier, type SetAside } from './log-copier.ts'
import { lateSide, logSide } from './log-side.ts'
import { type PairLog, pairLog } from './pair-log.ts'

const connectMs = 10_000
const streamMs = 30_000
const pauseMs = 250

/** `natsServer`: path of nats-server. */
export const pairLogLink =
  (natsServer: string): OpenLogLink =>
  (world, options) =>
    new PairLogLink(world, options, natsServer)

const setAsideSchema = z.object({ after: decode.sequence, count: z.number().int(), file: z.string() })

class PairLogLink implements LogLink {
  readonly log: PairLog
  readonly pair: NonNullable<LogLink['pair']>
  readonly #world: World
  readonly #options: LogLinkOptions
  readonly #server: LogServer
  readonly #own
  readonly #peer
  readonly #peerVoter: KitVoter
  readonly #copier: LogCopier
  readonly #listeners: (() => void)[] = []
  readonly #waiting: ((channel: BeatChannel) => void)[] = []
  #connections: { own?: LogConnection; peer?: LogConnection } = {}
  #setAside: SetAside | null = null
  #isClosed = false

  constructor(world: World, options: LogLinkOptions, natsServer: string) {
    const { kit, places, from, say } = options
    const { cluster, voters } = kit.identity
    this.#world = world
    this.#options = options
    this.#server = logServer(world, {
      kit,
      binary: natsServer,
      directory: places.logServer,
      ...(options.logServerDied && { died: options.logServerDied }),
    })
    this.#peerVoter = otherOf(voters, kit.own.name)
    this.#own = lateSide(kit.own.name)
    this.#peer = lateSide(this.#peerVoter.name)
    const members: readonly ServerName[] = voters.map(({ name }) => serverName(name))
    this.log = pairLog(world, {
      me: kit.own.name,
      members,
      own: this.#own,
      peer: this.#peer,
      from: {
        position: from.position,
        sides: from.logSides.head === null ? sidesOf(members) : from.logSides,
      },
    })
    this.#copier = logCopier(world, {
      cluster,
      members,
      log: this.log,
      own: this.#own,
      peer: this.#peer,
      keep: this.#keep,
      setAside: this.#remember,
      say,
      changed: () => {
        for (const changed of this.#listeners) changed()
      },
    })
    this.pair = {
      judge: this.log.judge,
      copies: this.#copier.standing,
      onChange: (changed) => this.#listeners.push(changed),
      setAside: () => this.#setAside,
      setAsideRecorded: async () => {
        this.#setAside = null
        await world.files.remove(places.setAside)
      },
      yield: this.#copier.yield,
    }
    void this.#recall()
    void this.#reachOwn()
    void this.#reachPeer()
  }

  readonly onBeatChannel: LogLink['onBeatChannel'] = (ready) => {
    if (this.#connections.own) ready(this.#channelOf(this.#connections.own))
    else this.#waiting.push(ready)
  }

  readonly close = async (): Promise<void> => {
    this.#isClosed = true
    this.#copier.stop()
    await this.log.close()
    await this.#connections.own?.close()
    await this.#connections.peer?.close()
    this.#server.release()
  }

  /** Beats go to the other's log server and are heard on the own one: the path is as good as the log's. */
  #channelOf(own: LogConnection): BeatChannel {
    const { identity } = this.#options.kit
    const of = { cluster: identity.cluster, voter: this.#options.kit.own.name }
    const heard = beatChannel(own, of)
    return {
      name: pathName('nats'),
      send: (bytes) => {
        if (this.#connections.peer) beatChannel(this.#connections.peer, of).publish(bytes)
      },
      subscribe: (received) => {
        heard.subscribe((bytes) => received(bytes))
      },
    }
  }

  async #reachOwn(): Promise<void> {
    const { kit, say } = this.#options
    await this.#server
      .start()
      .catch((trouble: unknown) => say('the log server could not be started', { trouble: String(trouble) }))
    const connection = await this.#connect('the own log server does not answer yet', [
      hostPort(localAddress(kit.own), kit.own.ports.log),
    ])
    if (connection === null) return
    this.#connections.own = connection
    // An empty copy begins no new log: a commit must follow what was read before, on both.
    await this.#untilDone('the copy of the log is not ready yet', () =>
      ensureStream(this.#world, connection, { cluster: kit.identity.cluster, replicas: 1, withinMs: streamMs }),
    )
    this.#own.arrived(logSide(this.#world, connection, { cluster: kit.identity.cluster, voter: kit.own.name }))
    for (const ready of this.#waiting) ready(this.#channelOf(connection))
  }

  async #reachPeer(): Promise<void> {
    const { name, addresses, ports } = this.#peerVoter
    const [first, ...others] = Object.values(addresses).map((address) => hostPort(address, ports.log))
    if (first === undefined) throw new KitUnusable(`${name} has no address`)
    const connection = await this.#connect(`the log server of ${name} does not answer yet`, [first, ...others])
    if (connection === null) return
    this.#connections.peer = connection
    this.#peer.arrived(logSide(this.#world, connection, { cluster: this.#options.kit.identity.cluster, voter: name }))
  }

  #connect(what: string, servers: readonly [string, ...string[]]): Promise<LogConnection | null> {
    const { kit } = this.#options
    const credentials = { ca: kit.ca, certificate: kit.certificate, key: kit.key, seed: kit.nkeys.agent.seed }
    return this.#untilDone(what, () =>
      connectLog(this.#world, { name: `baton-${kit.own.name}`, servers, credentials, withinMs: connectMs }),
    )
  }

  readonly #keep = async (
    lines: readonly string[],
    { after, count }: { readonly after: number; readonly count: number },
  ): Promise<string> => {
    const { files, clock } = this.#world
    const path = `${this.#options.places.logs}/set-aside-${after + 1}-${after + count}-${clock.wall()}.jsonl`
    await files.writeDurably(path, `${lines.join('\n')}\n`)
    return path
  }

  readonly #remember = async (what: SetAside): Promise<void> => {
    await this.#world.files.writeDurably(this.#options.places.setAside, JSON.stringify(what))
    this.#setAside = what
  }

  async #recall(): Promise<void> {
    const text = await this.#world.files.read(this.#options.places.setAside).catch(() => null)
    if (text === null) return
    try {
      this.#setAside = setAsideSchema.parse(JSON.parse(text))
    } catch {
      this.#options.say('what was set aside before is not known any more', { file: this.#options.places.setAside })
    }
  }

  /** Tries for as long as the agent lives: machines of a cluster come up one by one. */
  async #untilDone<T>(what: string, attempt: () => Promise<T>): Promise<T | null> {
    while (!this.#isClosed) {
      try {
        return await attempt()
      } catch (trouble) {
        this.#options.say(what, { trouble: trouble instanceof Error ? trouble.message : String(trouble) })
      }
      await new Promise<void>((resolve) => this.#world.clock.after(pauseMs, resolve))
    }
    return null
  }
}

const otherOf = (voters: readonly KitVoter[], me: VoterName): KitVoter => {
  const other = voters.find(({ name }) => name !== me)
  if (other === undefined || voters.length !== 2) throw new KitUnusable('a kit of a pair that is not of two servers')
  return other
}
