/** The process of one mirror disk: opens the partitions, keeps the connection, serves while it is active. */
import type { Cancel, World } from '../../world/world.ts'
import { defaultBlockBytes, defaultRegionBytes } from '../cluster-partition.ts'
import { DiskTrouble } from '../disk.ts'
import { mayActivate } from '../engine/activation.ts'
import { ActiveSide } from '../engine/active.ts'
import { defaultActiveLimits } from '../engine/active-options.ts'
import { type Side, Standby } from '../engine/standby.ts'
import { dataGeneration, mirrorId } from '../generations.ts'
import { defaultConnector, keepConnected, LinkSlot, type PathUser } from '../peer/connector.ts'
import { defaultLinkLimits, type LinkIdentity, PeerLink } from '../peer/link.ts'
import type { TlsIdentity } from '../peer/transport.ts'
import { AgentChannel, type Order } from './agent-channel.ts'
import { type Ground, realGround } from './ground.ts'
import { HeldDisks } from './held-disks.ts'
import { randomHex } from './random-hex.ts'
import type { MirrorSettings } from './settings.ts'

/** The partition cannot be used; the message says why and what helps. */
export class MirrorUnusable extends Error {
  override readonly name = 'MirrorUnusable'
}

/** Forgets whatever the cluster partition knew. @throws MirrorUnusable, DiskTrouble */
export const formatMirror = (
  world: Pick<World, 'random'>,
  settings: MirrorSettings,
  dataBytes: number | null,
  ground = realGround,
): void => {
  const disks = new HeldDisks(ground, settings)
  const because = disks.format(world, {
    generation: null,
    dataBytes: dataBytes ?? disks.data.size,
    blockBytes: defaultBlockBytes,
    regionBytes: defaultRegionBytes,
  })
  disks.close()
  if (because !== null) throw new MirrorUnusable(because)
}

/** Resolves when it was told to end. @throws MirrorUnusable, DiskTrouble */
export const runMirror = async (
  world: World,
  settings: MirrorSettings,
  signal: AbortSignal,
  ground = realGround,
): Promise<void> => {
  const running = new MirrorProcess(world, settings, ground)
  await running.start()
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
  running.end()
}

class MirrorProcess {
  readonly #world: World
  readonly #settings: MirrorSettings
  readonly #ground: Ground
  /** Of this process: who has forgotten nothing since. */
  readonly #session: string
  /** In words: why the partitions could not be opened. */
  #disks: HeldDisks | string
  readonly #agent: AgentChannel
  readonly #slot: LinkSlot
  #link: PeerLink | null = null
  #side: ActiveSide | Standby | null = null
  #stopServing: Cancel = () => {}
  #stopConnecting: Cancel[] = []

  constructor(world: World, settings: MirrorSettings, ground: Ground) {
    this.#world = world
    this.#settings = settings
    this.#ground = ground
    this.#session = world.random.id()
    this.#disks = held(ground, settings)
    this.#agent = new AgentChannel((said) => void this.#obey(said))
    this.#slot = new LinkSlot({
      linkUp: (link) => {
        this.#link = link
        this.#side?.linkUp(link)
      },
      received: (one) => this.#side?.received(one),
      linkDown: (because) => {
        this.#link = null
        this.#side?.linkDown(because)
      },
    })
  }

  readonly start = async (): Promise<void> => {
    await this.#agent.open(this.#world, this.#settings.control)
    await this.#connect()
  }

  readonly end = (): void => {
    this.#leave()
    for (const stop of this.#stopConnecting) stop()
    this.#agent.close()
    if (typeof this.#disks !== 'string') this.#disks.close()
  }

  readonly #obey = async (said: Order): Promise<void> => {
    const { id } = said
    if (said.do === 'status') {
      this.#agent.tell({ say: 'status', id, ...this.#status() })
      return
    }
    try {
      const because = await this.#change(said)
      this.#agent.tell(because === null ? { say: 'done', id } : { say: 'refused', id, because })
    } catch (error) {
      this.#agent.tell({ say: 'failed', id, because: String(error) })
    }
  }

  readonly #change = async (said: Exclude<Order, { do: 'status' }>): Promise<string | null> => {
    if (said.do === 'leave') {
      this.#leave()
      return null
    }
    if (said.do === 'activate') return this.#activate(said)
    if (this.#side instanceof ActiveSide) return 'this side is active: let it leave first'
    if (said.do === 'format' || said.do === 'void') return this.#rewrite(said)
    if (this.#side !== null) return null
    const own = this.#ownSide()
    if (typeof own === 'string') return own
    this.#side = new Standby(own)
    this.#reconnect()
    return null
  }

  readonly #rewrite = (said: Extract<Order, { do: 'format' | 'void' }>): string | null => {
    if (this.#side !== null) return 'this side follows: let it leave first'
    if (typeof this.#disks === 'string') return this.#disks
    return said.do === 'format' ? this.#disks.format(this.#world, said) : this.#disks.void(said)
  }

  readonly #activate = async (said: Extract<Order, { do: 'activate' }>): Promise<string | null> => {
    if (this.#side instanceof ActiveSide) return 'this side is active already'
    const generation = said.generation === null ? null : dataGeneration(said.generation)
    const own = this.#ownSide()
    if (typeof own === 'string') return own
    const { state } = own.partition
    const answer = mayActivate(state, this.#world.bootId(), { ...said, generation })
    if (!answer.may && !said.force) return answer.because
    const { server: me, peer, mode, nbd, connectMs, reconnectMs, ackMs, queueBytes } = this.#settings
    const resync = { ...defaultActiveLimits.resync, bytesPerSecond: this.#settings.resyncBytesPerSecond }
    const limits = {
      ...defaultActiveLimits,
      reconnectMs,
      ackMs,
      queueBytes,
      resync,
      connectMs: said.connectMs ?? connectMs,
    }
    const side = new ActiveSide(own, {
      clock: this.#world.clock,
      authority: this.#agent.authority,
      newGeneration: () => dataGeneration(randomHex(this.#world, 8)),
      me,
      peer,
      epoch: said.epoch,
      recorded: generation,
      mode,
      limits,
      changed: (condition) => this.#agent.tell({ say: 'condition', ...condition }),
    })
    this.#side = side
    this.#reconnect()
    const exported = { engine: side, description: `mirror ${this.#settings.mirror}`, readOnly: false }
    this.#stopServing = await this.#ground.serveNbd(this.#world.clock, nbd, new Map([['', exported]]))
    return null
  }

  /** What is cached is flushed: nothing is lost by a power cut from here on. */
  readonly #leave = (): void => {
    this.#stopServing()
    this.#stopServing = () => {}
    const side = this.#side
    this.#side = null
    this.#slot.close('this side leaves')
    if (side instanceof ActiveSide) side.stop('this side leaves')
    if (side instanceof Standby) side.leave()
  }

  /** Whoever is on the other end must hear what this side is now. */
  readonly #reconnect = (): void => this.#slot.close('this side has changed its role')

  /** In words: why this side can be neither served nor followed with. */
  readonly #ownSide = (): Side | string => {
    if (typeof this.#disks === 'string') return this.#disks
    const { partition, objection, data } = this.#disks
    if (partition === null) return objection ?? 'the cluster partition cannot be used'
    return { partition, data, session: this.#world.random.id(), boot: this.#world.bootId() }
  }

  readonly #status = (): Readonly<Record<string, unknown>> => {
    // A disk that has come back, or was put in.
    if (typeof this.#disks === 'string') this.#disks = held(this.#ground, this.#settings)
    if (typeof this.#disks === 'string') return { disks: null, because: this.#disks }
    const { data, found, objection } = this.#disks
    const side = this.#side
    return {
      disks: { dataBytes: data.size },
      because: objection,
      session: this.#session,
      ...found?.geometry,
      ...found?.state,
      saves: found?.saves ?? null,
      dirtyBlocks: found?.dirty.marks.count ?? 0,
      intentRegions: found?.intent.marks.count ?? 0,
      damagedPages: (found?.dirty.damagedPages ?? 0) + (found?.intent.damagedPages ?? 0),
      path: this.#slot.path,
      link: this.#link?.statistics ?? null,
      does: side instanceof ActiveSide ? 'serve' : side instanceof Standby ? 'follow' : 'nothing',
      ...(side instanceof ActiveSide ? { condition: side.condition } : {}),
    }
  }

  readonly #connect = async (): Promise<void> => {
    const { server, peer, connects, keyFile, tls: files } = this.#settings
    const { dial, listen, readFile } = this.#ground
    const tls: TlsIdentity | null = files && {
      ca: readFile(files.ca).toString('utf8'),
      certificate: readFile(files.certificate).toString('utf8'),
      key: readFile(files.key).toString('utf8'),
    }
    const side = server < peer ? 'connecting' : 'accepting'
    const identity: LinkIdentity = {
      mirror: mirrorId(this.#settings.mirror),
      server,
      peer,
      key: readFile(keyFile),
      side,
    }
    const linkOf = (user: PathUser, open: ConstructorParameters<typeof PeerLink>[2]) => {
      const limits = { ...defaultLinkLimits, compress: this.#settings.compress }
      return new PeerLink({ ...this.#world, nonce: () => randomHex(this.#world, 32) }, { identity, limits, user }, open)
    }
    if (side === 'connecting') {
      const open = (path: number, user: PathUser) => {
        const { own, peer: there } = connects[path]!
        return linkOf(user, (end) => dial(there, { from: own.address, tls }, end))
      }
      this.#stopConnecting.push(
        keepConnected(this.#world.clock, this.#slot, open, { paths: connects.length, ...defaultConnector }),
      )
      return
    }
    for (const [path, { own }] of connects.entries())
      this.#stopConnecting.push(await listen(own, tls, (open) => void linkOf(this.#slot.user(path), open)))
  }
}

const held = (ground: Ground, settings: MirrorSettings): HeldDisks | string => {
  try {
    return new HeldDisks(ground, settings)
  } catch (trouble) {
    if (trouble instanceof DiskTrouble) return trouble.message
    throw trouble
  }
}
