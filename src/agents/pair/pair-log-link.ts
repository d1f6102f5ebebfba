/** Topology `pair`: this server's own log server and the other's, each with a copy of the log. */
import { z } from 'zod'
import { decode, pathName, type ServerName, serverName, type VoterName } from '../../events/index.ts'
import { sidesOf } from '../../projections/log-sides.ts'
import type { World } from '../../world/world.ts'
import type { BeatChannel, LogLink, LogLinkOptions, OpenLogLink } from '../log/log-link.ts'
import { KitUnusable, type KitVoter } from '../voter/voter-kit.ts'
import { type LogCopier, logCopier, type SetAside } from './log-copier.ts'
import { type LogSide, lateSide } from './log-side.ts'
import { type PairLog, pairLog } from './pair-log.ts'

/** One of the two log servers, once it has been reached: the copy that it keeps, and beats through it. */
export type ReachedSide = {
  readonly side: LogSide
  readonly publish: (bytes: Uint8Array) => void
  readonly subscribe: (received: (bytes: Uint8Array) => void) => void
}
/** How the two log servers are reached, each for as long as it takes; null = closed before that. */
export type PairTransport = {
  /** The own one is looked after as well, and its copy made where there is none. */
  readonly reachOwn: () => Promise<ReachedSide | null>
  readonly reachPeer: () => Promise<ReachedSide | null>
  /** Leaves the log server running. */
  readonly close: () => Promise<void>
}
export type OpenPairTransport = (
  world: World,
  options: Pick<LogLinkOptions, 'kit' | 'places' | 'say' | 'logServerDied'> & { readonly peer: KitVoter },
) => PairTransport

export const pairLogLinkBy =
  (open: OpenPairTransport): OpenLogLink =>
  (world, options) =>
    new PairLogLink(world, options, open)

const setAsideSchema = z.array(z.object({ after: decode.sequence, count: z.number().int(), file: z.string() }))

class PairLogLink implements LogLink {
  readonly log: PairLog
  readonly pair: NonNullable<LogLink['pair']>
  readonly #world: World
  readonly #options: LogLinkOptions
  readonly #transport: PairTransport
  readonly #own
  readonly #peer
  readonly #copier: LogCopier
  readonly #listeners: (() => void)[] = []
  readonly #waiting: ((channel: BeatChannel) => void)[] = []
  #reached: { own?: ReachedSide; peer?: ReachedSide } = {}
  /** What the log does not say yet, the oldest first. */
  #setAside: readonly SetAside[] = []

  constructor(world: World, options: LogLinkOptions, open: OpenPairTransport) {
    const { kit, from, say } = options
    const { cluster, voters } = kit.identity
    this.#world = world
    this.#options = options
    const peer = otherOf(voters, kit.own.name)
    this.#transport = open(world, { ...options, peer })
    this.#own = lateSide(kit.own.name)
    this.#peer = lateSide(peer.name)
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
      setAside: () => this.#setAside[0] ?? null,
      setAsideRecorded: this.#recorded,
      yield: this.#copier.yield,
    }
    void this.#recall()
    void this.#reachOwn()
    void this.#reachPeer()
  }

  readonly onBeatChannel: LogLink['onBeatChannel'] = (ready) => {
    if (this.#reached.own) ready(this.#channelOf(this.#reached.own))
    else this.#waiting.push(ready)
  }

  readonly close = async (): Promise<void> => {
    this.#copier.stop()
    await this.log.close()
    await this.#transport.close()
  }

  /** Beats go to the other's log server and are heard on the own one: the path is as good as the log's. */
  #channelOf({ subscribe }: ReachedSide): BeatChannel {
    return { name: pathName('nats'), send: (bytes) => this.#reached.peer?.publish(bytes), subscribe }
  }

  async #reachOwn(): Promise<void> {
    const own = await this.#transport.reachOwn()
    if (own === null) return
    this.#reached.own = own
    this.#own.arrived(own.side)
    for (const ready of this.#waiting) ready(this.#channelOf(own))
  }

  async #reachPeer(): Promise<void> {
    const peer = await this.#transport.reachPeer()
    if (peer === null) return
    this.#reached.peer = peer
    this.#peer.arrived(peer.side)
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
    const all = [...this.#setAside, what]
    await this.#world.files.writeDurably(this.#options.places.setAside, JSON.stringify(all))
    this.#setAside = all
  }

  readonly #recorded = async (file: string): Promise<void> => {
    const left = this.#setAside.filter((one) => one.file !== file)
    if (left.length === this.#setAside.length) return
    this.#setAside = left
    const { files } = this.#world
    const { setAside } = this.#options.places
    if (left.length === 0) await files.remove(setAside)
    else await files.writeDurably(setAside, JSON.stringify(left))
  }

  async #recall(): Promise<void> {
    const text = await this.#world.files.read(this.#options.places.setAside).catch(() => null)
    if (text === null) return
    try {
      const known = setAsideSchema.parse(JSON.parse(text))
      this.#setAside = [...known, ...this.#setAside]
    } catch {
      this.#options.say('what was set aside before is not known any more', { file: this.#options.places.setAside })
    }
  }
}

const otherOf = (voters: readonly KitVoter[], me: VoterName): KitVoter => {
  const other = voters.find(({ name }) => name !== me)
  if (other === undefined || voters.length !== 2) throw new KitUnusable('a kit of a pair that is not of two servers')
  return other
}
