/** The process of one mirror disk: opens the partitions, keeps the connection, serves while it is active. */
import { untilAborted } from '../../world/until-aborted.ts'
import type { World } from '../../world/world.ts'
import { defaultBlockBytes, defaultRegionBytes } from '../cluster-partition.ts'
import { mayActivate, named } from '../engine/activation.ts'
import { ActiveSide } from '../engine/active.ts'
import { type Side, Standby } from '../engine/standby.ts'
import { countedDisk, countedReports, Statistics } from '../engine/statistics.ts'
import { TouchedEpochs } from '../engine/touched.ts'
import { dataGeneration } from '../generations.ts'
import type { NbdExport } from '../nbd/negotiation.ts'
import { LinkSlot } from '../peer/connector.ts'
import type { PeerLink } from '../peer/link.ts'
import { plainEngine } from '../plain-engine.ts'
import { AgentChannel, type Order } from './agent-channel.ts'
import { noConnects, openConnects } from './connects.ts'
import { noFrontEnds, openFrontEnds } from './front-ends.ts'
import { type Ground, realGround } from './ground.ts'
import { Growing } from './growing.ts'
import { HeldDisks, held } from './held-disks.ts'
import { randomHex } from './random-hex.ts'
import { activeLimits, limitsOf, type MirrorSettings } from './settings.ts'
import { toldAs } from './told-extents.ts'

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
  try {
    await running.start()
    await untilAborted(signal)
  } finally {
    running.end()
  }
}

/** `done` may say more. */
type Answer = Readonly<Record<string, unknown>> & { readonly say: 'done' | 'refused' | 'status' }
const done: Answer = { say: 'done' }
const doneUnless = (because: string | null): Answer => (because === null ? done : { say: 'refused', because })

class MirrorProcess {
  readonly #world: World
  #settings: MirrorSettings
  readonly #ground: Ground
  /** Of this process: who has forgotten nothing since. */
  readonly #session: string
  /** In words: why the partitions could not be opened. */
  #disks: HeldDisks | string
  readonly #agent: AgentChannel
  readonly #slot: LinkSlot
  #link: PeerLink | null = null
  #side: ActiveSide | Standby | null = null
  #frontEnds = noFrontEnds
  #connects = noConnects
  readonly #touches = new TouchedEpochs()
  readonly #statistics = new Statistics()
  readonly #growing: Growing
  #isExposed = false
  /** By an operator's word both sides stay apart. */
  #isParted = false

  constructor(world: World, settings: MirrorSettings, ground: Ground) {
    this.#world = world
    this.#settings = settings
    this.#ground = ground
    this.#session = world.random.id()
    this.#disks = held(ground, settings)
    this.#agent = new AgentChannel((said) => void this.#obey(said))
    this.#growing = new Growing({ clock: world.clock, grown: this.#grown, doubtful: this.#doubtful })
    this.#slot = new LinkSlot({
      linkUp: (link) => {
        this.#link = link
        this.#side?.linkUp(link)
      },
      received: (one) => this.#side?.received(one),
      linkDown: (because) => {
        this.#count()
        this.#link = null
        this.#side?.linkDown(because)
      },
      keepsLink: () => this.#side instanceof ActiveSide && this.#side.keepsLink,
    })
  }

  readonly start = async (): Promise<void> => {
    await this.#agent.open(this.#world, this.#settings.control)
    await this.#connect()
  }

  readonly end = (): void => {
    this.#leave()
    this.#connects.stop()
    this.#growing.stop()
    this.#agent.close()
    if (typeof this.#disks !== 'string') this.#disks.close()
  }

  readonly #obey = async (said: Order): Promise<void> => {
    const { id } = said
    try {
      this.#agent.tell({ ...(await this.#carryOut(said)), id })
    } catch (error) {
      this.#agent.tell({ say: 'failed', id, because: String(error) })
    }
  }

  readonly #carryOut = async (said: Order): Promise<Answer> => {
    switch (said.do) {
      case 'status':
        return { say: 'status', ...this.#status() }
      case 'limits':
        this.#settings = { ...this.#settings, ...limitsOf(said) }
        return done
      case 'statistics':
        return this.#tellStatistics(said)
      case 'touched':
        return this.#tellTouched(said)
      case 'follow':
        return doneUnless(this.#follow())
      case 'activate':
        return doneUnless(await this.#activate(said))
      case 'leave':
        return doneUnless(await this.#leaveInStep(said.withinMs))
      case 'expose':
        return doneUnless(await this.#expose())
      case 'format':
      case 'void':
        return doneUnless(this.#rewrite(said))
      case 'measure':
        return this.#onDisks((disks) => ({ ...done, ...this.#growing.measure(disks) }))
      case 'grow':
        return this.#onDisks((disks) => doneUnless(this.#growing.to(disks, said.dataBytes)))
      case 'part':
        return doneUnless(await this.#part(said))
      case 'connect':
        return this.#allowConnect()
      case 'verify':
        return doneUnless(this.#asActive((side) => side.operator.verify(said)))
      case 'resync':
        return doneUnless(this.#asActive((side) => side.operator.resync(said.everything)))
      default:
        return said satisfies never
    }
  }

  readonly #onDisks = (order: (disks: HeldDisks) => Answer): Answer =>
    typeof this.#disks === 'string' ? doneUnless(this.#disks) : order(this.#disks)

  /** The side that follows says anew what it has: the other one may have refused it as too small. */
  readonly #grown = (dataBytes: number): void => {
    this.#touches.grow(dataBytes)
    this.#frontEnds.resized()
    if (this.#side instanceof Standby) this.#reconnect()
  }

  readonly #doubtful = (because: string): void => {
    if (this.#side instanceof ActiveSide) this.#side.stop(`the cluster partition: ${because}`)
  }

  readonly #asActive = (order: (side: ActiveSide) => string | null): string | null =>
    this.#side instanceof ActiveSide ? order(this.#side) : 'this side is not active: the active side does that'

  readonly #follow = (): string | null => {
    if (this.#side instanceof ActiveSide) return 'this side is active: let it leave first'
    if (this.#side !== null) return null
    this.#leave()
    const own = this.#ownSide()
    if (typeof own === 'string') return own
    this.#side = new Standby(own, countedReports(this.#agent.tell, this.#statistics), this.#touches)
    this.#reconnect()
    return null
  }

  readonly #rewrite = (said: Extract<Order, { do: 'format' | 'void' }>): string | null => {
    if (this.#side !== null || this.#isExposed) return 'this copy is in use: let it leave first'
    if (typeof this.#disks === 'string') return this.#disks
    this.#growing.stop()
    return said.do === 'format' ? this.#disks.format(this.#world, said) : this.#disks.void(said)
  }

  readonly #activate = async (said: Extract<Order, { do: 'activate' }>): Promise<string | null> => {
    if (this.#side instanceof ActiveSide) return 'this side is active already'
    const generation = said.generation === null ? null : dataGeneration(said.generation)
    const own = this.#ownSide()
    if (typeof own === 'string') return own
    const { partition } = own
    const answer = mayActivate(partition.state, this.#world.bootId(), { ...said, generation })
    if (!answer.may && !said.force) return answer.because
    const newGeneration = () => dataGeneration(randomHex(this.#world, 8))
    if (said.force) partition.save(named(partition.state, newGeneration))
    const { server, peer, mode, onDiskError } = this.#settings
    this.#leave()
    const side = new ActiveSide(own, {
      clock: this.#world.clock,
      authority: this.#agent.authority,
      newGeneration,
      me: server,
      peer,
      mode,
      onDiskError,
      epoch: said.epoch,
      recorded: generation,
      limits: activeLimits(() => this.#settings, said.connectMs ?? this.#settings.connectMs),
      changed: (condition) => this.#agent.tell({ say: 'condition', ...condition }),
      report: countedReports(this.#agent.tell, this.#statistics),
      statistics: this.#statistics,
      touches: this.#touches,
    })
    this.#side = side
    this.#reconnect()
    await this.#serve({ engine: side, description: `mirror ${this.#settings.mirror}`, readOnly: false })
    return null
  }

  /** D11: for a backup, and so that nobody writes to it unseen. Nothing follows meanwhile. */
  readonly #expose = async (): Promise<string | null> => {
    if (this.#side instanceof ActiveSide) return 'this side is active: what it serves can be read already'
    const own = this.#ownSide()
    if (typeof own === 'string') return own
    if (!own.partition.state.isConsistent) return 'this copy had not caught up: it is a mixture of two moments'
    this.#leave()
    this.#isExposed = true
    const description = `copy of mirror ${this.#settings.mirror}`
    await this.#serve({ engine: plainEngine(own.data), description, readOnly: true })
    return null
  }

  /** A disk that nobody can reach must not be believed to be served. */
  readonly #serve = async (exported: NbdExport): Promise<void> => {
    const cutOff = (because: string): void => this.#agent.tell({ say: 'cut-off', because })
    try {
      this.#frontEnds = await openFrontEnds(this.#world, this.#ground, this.#settings, exported, cutOff)
    } catch (error) {
      this.#leave()
      throw error
    }
  }

  /** Nobody is served from here on; both sides may agree for so long that nothing differs. Null, or why it has not left. */
  readonly #leaveInStep = async (withinMs: number): Promise<string | null> => {
    const side = this.#side
    if (side instanceof ActiveSide) {
      this.#closeFrontEnds()
      const hindrance = await side.leaveInStep('this side leaves', withinMs)
      if (hindrance !== null) return hindrance
    }
    if (side === this.#side) this.#leave()
    return null
  }

  readonly #closeFrontEnds = (): void => {
    this.#frontEnds.close()
    this.#frontEnds = noFrontEnds
  }

  /** What is cached is flushed: nothing is lost by a power cut from here on. */
  readonly #leave = (): void => {
    this.#closeFrontEnds()
    this.#isExposed = false
    const side = this.#side
    this.#side = null
    if (side instanceof ActiveSide) side.stop('this side leaves')
    if (side instanceof Standby) side.leave()
    this.#slot.close('this side leaves')
  }

  readonly #part = async ({ because, whole }: Extract<Order, { do: 'part' }>): Promise<string | null> => {
    if (this.#isParted) return null
    const side = this.#side
    if (whole) {
      const lacks = side instanceof ActiveSide ? await side.settled() : 'this side is not active'
      if (lacks !== null || side !== this.#side) return lacks ?? 'this side has left'
    }
    this.#isParted = true
    if (side instanceof ActiveSide) side.operator.part(because)
    this.#connects.stop()
    return null
  }

  readonly #allowConnect = async (): Promise<Answer> => {
    if (!this.#isParted) return done
    this.#isParted = false
    const hindrance = await this.#connect().then(() => null, String)
    if (hindrance !== null) this.#isParted = true
    return doneUnless(hindrance)
  }

  readonly #tellStatistics = ({ sample }: Extract<Order, { do: 'statistics' }>): Answer => {
    this.#count()
    const told = this.#statistics.told()
    if (sample) this.#statistics.sampled()
    return { ...done, ...told }
  }

  /** What the link in use has counted goes to the rest. */
  readonly #count = (): void => {
    const counts = this.#link?.statistics
    if (!counts) return
    if (counts.roundTripMs !== null) {
      this.#statistics.roundTrip.set(counts.highestRoundTripMs)
      this.#statistics.roundTrip.set(counts.roundTripMs)
      counts.highestRoundTripMs = 0
    }
    for (const key of ['sentBytes', 'payloadBytes', 'compressedBytes'] as const) {
      this.#statistics[key] += counts[key]
      counts[key] = 0
    }
  }

  readonly #tellTouched = ({ recorded }: Extract<Order, { do: 'touched' }>): Answer => {
    const { server, peer } = this.#settings
    for (const one of recorded) this.#touches.recorded(one)
    if (this.#side instanceof ActiveSide) this.#side.operator.stamp()
    else this.#side?.stamp()
    const peerSaves = this.#side instanceof ActiveSide ? this.#side.peerSaves : null
    const saves = typeof this.#disks === 'string' ? null : (this.#disks.found?.saves ?? null)
    return {
      ...done,
      extents: this.#touches.tell(({ epoch }) => toldAs(this.#side, epoch)),
      saves: { ...(saves === null ? {} : { [server]: saves }), ...(peerSaves === null ? {} : { [peer]: peerSaves }) },
    }
  }

  /** Whoever is on the other end must hear what this side is now. */
  readonly #reconnect = (): void => this.#slot.close('this side has changed its role')

  /** In words: why this side can be neither served nor followed with. */
  readonly #ownSide = (): Side | string => {
    if (typeof this.#disks === 'string') return this.#disks
    const { partition, objection, data } = this.#disks
    if (partition === null) return objection ?? 'the cluster partition cannot be used'
    return {
      partition,
      data: countedDisk(data, this.#statistics),
      session: this.#world.random.id(),
      boot: this.#world.bootId(),
    }
  }

  readonly #status = (): Readonly<Record<string, unknown>> => {
    this.#count()
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
      deafAt: this.#connects.deafAt(),
      link: this.#link?.statistics ?? null,
      does: side instanceof ActiveSide ? 'serve' : side instanceof Standby ? 'follow' : 'nothing',
      ...{ isExposed: this.#isExposed, isParted: this.#isParted },
      diskErrors: this.#statistics.diskErrors,
      growth: this.#growing.status,
      statistics: this.#statistics.told(),
      ...(side instanceof ActiveSide ? { condition: side.condition, resync: side.progress } : {}),
    }
  }

  readonly #connect = async (): Promise<void> => {
    this.#connects = await openConnects(this.#world, this.#ground, { settings: this.#settings, slot: this.#slot })
  }
}
