/** Two servers with a mirror between them on virtual time: disks that lose their cache, a network, a log. */
import { ClusterPartition, clusterPartitionBytes } from '../../../src/mirror/cluster-partition.ts'
import { mayActivate } from '../../../src/mirror/engine/activation.ts'
import { ActiveSide } from '../../../src/mirror/engine/active.ts'
import { type ActiveLimits, defaultActiveLimits } from '../../../src/mirror/engine/active-options.ts'
import type { MirrorAuthority, MirrorBreak, MirrorDetach, MirrorJoin } from '../../../src/mirror/engine/authority.ts'
import type { MirrorReport } from '../../../src/mirror/engine/report.ts'
import { Standby } from '../../../src/mirror/engine/standby.ts'
import { TouchedEpochs } from '../../../src/mirror/engine/touched.ts'
import type { BlockError } from '../../../src/mirror/engine-interface.ts'
import { type DataGeneration, dataGeneration, mirrorId } from '../../../src/mirror/generations.ts'
import type { Geometry } from '../../../src/mirror/partition/state-record.ts'
import type { Frame } from '../../../src/mirror/peer/frame.ts'
import { defaultLinkLimits, PeerLink } from '../../../src/mirror/peer/link.ts'
import { SimulatedDisk } from '../../../src/sim/mirror/block-disk.ts'
import { VirtualWorld } from '../virtual-world.ts'
import { SimulatedConnection } from './simulated-network.ts'

export type Name = 'alpha' | 'beta'
export const other = (name: Name): Name => (name === 'alpha' ? 'beta' : 'alpha')

export const blockBytes = 4096
export const blocks = 64
const geometry: Geometry = {
  mirror: mirrorId('0'.repeat(32)),
  dataBytes: blocks * blockBytes,
  blockBytes,
  regionBytes: 4 * blockBytes,
}

/** What the log says: who may be activated, and what the content is called. */
export class Log implements MirrorAuthority {
  current: ReadonlySet<Name> = new Set<Name>(['alpha', 'beta'])
  generation: DataGeneration | null = null
  epoch = 1
  holder: Name = 'alpha'
  isWritable = true
  /** Its copy is void, because its disk failed while it served. */
  detached: Name | null = null
  readonly said: string[] = []

  readonly breakMirror = async (event: MirrorBreak): Promise<'recorded' | 'refused'> => {
    if (!this.isWritable) throw new Error('no quorum')
    const current = event.current as Name
    if (event.epoch !== this.epoch || current !== this.holder || !this.current.has(current)) return 'refused'
    this.current = new Set([current])
    this.generation = event.generation
    this.said.push(`break ${current}`)
    return 'recorded'
  }

  detachMirror = async (event: MirrorDetach): Promise<'recorded' | 'refused'> => {
    if (!this.isWritable) throw new Error('no quorum')
    if (event.epoch !== this.epoch || event.server !== this.holder || this.current.size !== 2) return 'refused'
    this.current = new Set([event.current as Name])
    this.detached = event.server as Name
    this.said.push(`detach ${event.server}`)
    return 'recorded'
  }

  readonly joinMirror = async (event: MirrorJoin): Promise<'recorded' | 'refused'> => {
    if (!this.isWritable) throw new Error('no quorum')
    if (event.epoch !== this.epoch) return 'refused'
    if (this.generation !== null && event.generation !== this.generation) return 'refused'
    this.current = new Set<Name>(['alpha', 'beta'])
    this.detached = null
    this.said.push('join')
    return 'recorded'
  }
}

export class Server {
  readonly data = new SimulatedDisk(geometry.dataBytes)
  readonly metadata = new SimulatedDisk(clusterPartitionBytes(geometry))
  side: ActiveSide | Standby | null = null
  link: PeerLink | null = null
  boot = 1
  session = 0
  partition: ClusterPartition | null = null
  readonly touches = new TouchedEpochs()

  #format: bigint

  constructor(format: bigint) {
    this.#format = format
    this.format()
  }

  /** Its cluster partition begins anew. */
  readonly format = (): void => {
    ClusterPartition.format(this.metadata, geometry, this.#format)
    this.#format += 2n
  }

  /** Both disks do what they are told again. */
  readonly mend = (): void => {
    for (const disk of [this.data, this.metadata]) disk.before = () => undefined
  }

  readonly open = (): ClusterPartition => {
    const opened = ClusterPartition.open(this.metadata)
    if (opened.is === 'unusable') throw new Error(opened.because)
    this.partition = opened.partition
    return opened.partition
  }
}

export type PairOptions = {
  readonly limits?: Partial<ActiveLimits>
  readonly onDiskError?: 'continue' | 'fail-over'
  readonly mode?: 'sync' | 'async'
  readonly broken?: Broken
}

/** A rule that is broken on purpose: whoever checks must notice. */
export type Broken =
  | 'marks are not on disk before the write'
  | 'marks are cleared before the other side has flushed'
  | 'a write is acknowledged before the log knows of the break'
  | 'the marks of the side that returns are not copied'

export class MirrorPair {
  readonly virtual = new VirtualWorld()
  readonly log = new Log()
  readonly servers = { alpha: new Server(1n), beta: new Server(2n) }
  /** Changes what travels; null swallows it. */
  filter: (one: Frame) => Frame | null = (one) => one
  connection: SimulatedConnection | null = null
  /** What both sides told. */
  readonly reports: MirrorReport[] = []
  readonly told = <Say extends MirrorReport['say']>(say: Say): Extract<MirrorReport, { say: Say }>[] =>
    this.reports.filter((one): one is Extract<MirrorReport, { say: Say }> => one.say === say)
  #generations = 0
  #nonces = 0
  readonly #options: PairOptions
  isNetworkUp = true

  constructor(options: PairOptions = {}) {
    this.#options = options
  }

  readonly #sideOptions = (name: Name) => {
    const server = this.servers[name]
    const { broken } = this.#options
    const partition = server.open()
    if (broken === 'marks are not on disk before the write')
      Reflect.set(partition.intent, 'mark', (indexes: Iterable<number>) => {
        for (const index of indexes) partition.intent.add(index)
      })
    server.session += 1
    return { partition, data: server.data, session: `${name}-${server.session}`, boot: `boot-${server.boot}` }
  }

  readonly follow = (name: Name): void => {
    const side = this.#sideOptions(name)
    const isLying = this.#options.broken === 'marks are cleared before the other side has flushed'
    if (isLying) side.data = Object.assign(Object.create(side.data), { flush: () => undefined })
    this.servers[name].side = new Standby(side, (one) => this.reports.push(one), this.servers[name].touches)
  }

  /** As the control would: null when it may, or why not. */
  readonly activate = (name: Name, force = false): string | null => {
    const side = this.#sideOptions(name)
    const isCurrent = this.log.current.has(name)
    const answer = mayActivate(side.partition.state, side.boot, {
      isCurrent,
      wasLast: (this.log.detached ? other(this.log.detached) : this.log.holder) === name,
      generation: this.log.generation,
    })
    if (!answer.may && !force) return answer.because
    this.log.epoch += 1
    this.log.holder = name
    this.servers[name].side = new ActiveSide(side, {
      clock: this.virtual.clock,
      authority: this.#authority(),
      newGeneration: () => dataGeneration((++this.#generations).toString(16).padStart(16, '0')),
      me: name,
      peer: other(name),
      epoch: this.log.epoch,
      recorded: this.log.generation,
      mode: this.#options.mode ?? 'sync',
      onDiskError: this.#options.onDiskError ?? 'continue',
      limits: { ...defaultActiveLimits, connectMs: 1000, reconnectMs: 1000, ackMs: 2000, ...this.#options.limits },
      changed: () => undefined,
      report: (one) => this.reports.push(one),
      touches: this.servers[name].touches,
    })
    return null
  }

  readonly #authority = (): MirrorAuthority => {
    if (this.#options.broken !== 'a write is acknowledged before the log knows of the break') return this.log
    return {
      joinMirror: this.log.joinMirror,
      detachMirror: this.log.detachMirror,
      breakMirror: async (event) => {
        this.virtual.clock.after(300, () => void this.log.breakMirror(event).catch(() => null))
        return 'recorded'
      },
    }
  }

  readonly #kept = (one: Frame): Frame | null => {
    const isMarks = one.kind === 'marks'
    if (isMarks && this.#options.broken === 'the marks of the side that returns are not copied') return null
    return this.filter(one)
  }

  readonly active = (name: Name): ActiveSide => {
    const { side } = this.servers[name]
    if (!(side instanceof ActiveSide)) throw new Error(`${name} is not active`)
    return side
  }

  /** A new connection between both, when both are there. */
  readonly connect = (): void => {
    this.connection?.reset()
    if (!this.isNetworkUp || !this.servers.alpha.side || !this.servers.beta.side) return
    const connection = new SimulatedConnection(this.virtual.clock)
    this.connection = connection
    const nonce = () => (++this.#nonces).toString(16).padStart(64, '0')
    const world = { ...this.virtual.world, nonce }
    for (const name of ['alpha', 'beta'] as const) {
      const server = this.servers[name]
      const { side } = server
      const identity = {
        mirror: geometry.mirror,
        server: name,
        peer: other(name),
        key: Buffer.from('key'),
        side: name === 'alpha' ? ('connecting' as const) : ('accepting' as const),
      }
      const isOwn = () => server.side === side
      const user = {
        opened: (link: PeerLink) => {
          server.link = link
          if (isOwn()) side?.linkUp(link)
        },
        received: (one: Frame) => {
          const kept = this.#kept(one)
          if (isOwn() && kept) side?.received(kept)
        },
        paused: () => {
          if (isOwn() && side instanceof Standby) side.paused()
        },
        closed: (because: string) => {
          if (server.link === link) server.link = null
          if (isOwn()) side?.linkDown(because)
        },
      }
      const link: PeerLink = new PeerLink(
        world,
        { identity, limits: defaultLinkLimits, user },
        connection.open(name === 'alpha' ? 0 : 1),
      )
    }
  }

  readonly cut = (): void => {
    this.connection?.reset()
    this.connection = null
  }

  /** The process ends; what the kernel and the disk have stays, unless the machine loses its power. */
  readonly crash = (name: Name, power: 'kept' | { readonly keeps: () => boolean } = 'kept'): void => {
    const server = this.servers[name]
    const { side } = server
    server.side = null
    this.cut()
    // What is dead writes to no disk and asks no log.
    if (side instanceof ActiveSide) side.stop('it was killed')
    server.mend()
    if (power === 'kept') return
    server.boot += 1
    server.data.losePower(power.keeps)
    server.metadata.losePower(power.keeps)
  }

  /** Alpha serves, beta follows, both have everything. */
  readonly pairUp = async (): Promise<void> => {
    this.follow('beta')
    this.activate('alpha')
    this.connect()
    await this.virtual.pass(500)
  }

  /** What was answered, in time; 'waits' while nothing was. */
  readonly write = (name: Name, block: number, value: number, fua = false): { answer: BlockError | null | 'waits' } => {
    const outcome: { answer: BlockError | null | 'waits' } = { answer: 'waits' }
    const settle = (error: BlockError | null) => {
      outcome.answer = error
    }
    const bytes = new Uint8Array(blockBytes).fill(value)
    this.active(name).submit([{ do: 'write', at: block * blockBytes, bytes, fua, settle }])
    // Memory that was lent for the call only.
    bytes.fill(0xee)
    return outcome
  }

  readonly trim = (name: Name, block: number, count: number): { answer: BlockError | null | 'waits' } => {
    const outcome: { answer: BlockError | null | 'waits' } = { answer: 'waits' }
    const settle = (error: BlockError | null) => {
      outcome.answer = error
    }
    this.active(name).submit([{ do: 'trim', at: block * blockBytes, length: count * blockBytes, fua: false, settle }])
    return outcome
  }

  readonly flush = (name: Name): { answer: BlockError | null | 'waits' } => {
    const outcome: { answer: BlockError | null | 'waits' } = { answer: 'waits' }
    this.active(name).submit([
      {
        do: 'flush',
        settle: (error) => {
          outcome.answer = error
        },
      },
    ])
    return outcome
  }

  readonly valueOf = (name: Name, block: number): number => this.servers[name].data.content[block * blockBytes] ?? -1
  readonly areEqual = (): boolean => Buffer.from(this.servers.alpha.data.content).equals(this.servers.beta.data.content)
}
