/** The process of one mirror disk: opens the partitions, keeps the connection, serves while it is active. */
import type { Cancel, World } from '../../world/world.ts'
import { ClusterPartition, defaultBlockBytes, defaultRegionBytes } from '../cluster-partition.ts'
import type { Disk } from '../disk.ts'
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
import type { MirrorSettings } from './settings.ts'

/** The partition cannot be used; the message says why and what helps. */
export class MirrorUnusable extends Error {
  override readonly name = 'MirrorUnusable'
}

const disksOf = (
  { openDisk }: Ground,
  { data, metadata, direct, exclusive }: MirrorSettings,
): { readonly data: Disk; readonly metadata: Disk } => ({
  data: openDisk(data, { direct, exclusive }),
  metadata: openDisk(metadata, { direct, exclusive }),
})

/** Forgets whatever the cluster partition knew. @throws MirrorUnusable, DiskTrouble */
export const formatMirror = (
  world: Pick<World, 'random'>,
  settings: MirrorSettings,
  dataBytes: number | null,
  ground = realGround,
): void => {
  const { data, metadata } = disksOf(ground, settings)
  const geometry = {
    mirror: mirrorId(settings.mirror),
    dataBytes: dataBytes ?? data.size,
    blockBytes: defaultBlockBytes,
    regionBytes: defaultRegionBytes,
  }
  if (geometry.dataBytes > data.size)
    throw new MirrorUnusable(`${settings.data} has ${data.size} bytes, not ${dataBytes}`)
  const made = ClusterPartition.format(metadata, geometry, BigInt(`0x${randomHex(world, 8)}`))
  if (made.is === 'unusable') throw new MirrorUnusable(`${settings.metadata}: ${made.because}`)
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
  readonly #data: Disk
  readonly #metadata: Disk
  readonly #partition: ClusterPartition
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
    const { data, metadata } = disksOf(ground, settings)
    this.#data = data
    this.#metadata = metadata
    const opened = ClusterPartition.open(metadata)
    if (opened.is === 'unusable') throw new MirrorUnusable(`${settings.metadata}: ${opened.because}`)
    const { geometry } = opened.partition
    if (geometry.mirror !== settings.mirror)
      throw new MirrorUnusable(`${settings.metadata} belongs to mirror ${geometry.mirror}, not ${settings.mirror}`)
    if (geometry.dataBytes > data.size)
      throw new MirrorUnusable(`${settings.data} has ${data.size} bytes, the mirror ${geometry.dataBytes}`)
    this.#partition = opened.partition
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
    for (const disk of [this.#data, this.#metadata]) disk.close()
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
    this.#side ??= new Standby(this.#ownSide())
    this.#reconnect()
    return null
  }

  readonly #activate = async (said: Extract<Order, { do: 'activate' }>): Promise<string | null> => {
    if (this.#side instanceof ActiveSide) return 'this side is active already'
    const generation = said.generation === null ? null : dataGeneration(said.generation)
    const { state } = this.#partition
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
    const side = new ActiveSide(this.#ownSide(), {
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

  readonly #ownSide = (): Side => ({
    partition: this.#partition,
    data: this.#data,
    session: this.#world.random.id(),
    boot: this.#world.bootId(),
  })

  readonly #status = (): Readonly<Record<string, unknown>> => ({
    ...this.#partition.geometry,
    ...this.#partition.state,
    dirtyBlocks: this.#partition.dirty.marks.count,
    intentRegions: this.#partition.intent.marks.count,
    damagedPages: this.#partition.dirty.damagedPages + this.#partition.intent.damagedPages,
    path: this.#slot.path,
    link: this.#link?.statistics ?? null,
    ...(this.#side instanceof ActiveSide ? { condition: this.#side.condition } : {}),
  })

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

const randomHex = (world: Pick<World, 'random'>, bytes: number): string => {
  let text = ''
  while (text.length < bytes * 2) text += Buffer.from(world.random.id(), 'base64url').toString('hex')
  return text.slice(0, bytes * 2)
}
