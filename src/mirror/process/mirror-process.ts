/** The process of one mirror disk: opens the partitions, keeps the connection, does what its agent orders. */
import { untilAborted } from '../../world/until-aborted.ts'
import type { World } from '../../world/world.ts'
import { defaultBlockBytes, defaultRegionBytes } from '../cluster-partition.ts'
import type { ActiveSide } from '../engine/active.ts'
import { Standby } from '../engine/standby.ts'
import { Statistics } from '../engine/statistics.ts'
import { TouchedEpochs } from '../engine/touched.ts'
import { LinkSlot } from '../peer/connector.ts'
import type { PeerLink } from '../peer/link.ts'
import { AgentChannel, type Order } from './agent-channel.ts'
import { noConnects, openConnects } from './connects.ts'
import { type Ground, realGround } from './ground.ts'
import { Growing } from './growing.ts'
import { HeldDisks, held } from './held-disks.ts'
import { Role } from './role.ts'
import { limitsOf, type MirrorSettings } from './settings.ts'
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

/** More are hardly open at a time. */
const rememberedOrders = 16

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
  readonly #role: Role
  #connects = noConnects
  readonly #touches = new TouchedEpochs()
  readonly #statistics = new Statistics()
  readonly #growing: Growing
  /** By an operator's word both sides stay apart. */
  #isParted = false
  /** Orders of a resync that were taken, the newest last. */
  #resyncs: readonly number[] = []

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
        this.#role.side?.linkUp(link)
      },
      received: (one) => this.#role.side?.received(one),
      paused: () => {
        const { side } = this.#role
        if (side instanceof Standby) side.paused()
      },
      linkDown: (because) => {
        this.#count()
        this.#link = null
        this.#role.side?.linkDown(because)
      },
      keepsLink: () => this.#role.active?.keepsLink === true,
    })
    this.#role = new Role(world, {
      ground,
      settings: () => this.#settings,
      disks: () => this.#disks,
      agent: this.#agent,
      slot: this.#slot,
      statistics: this.#statistics,
      touches: this.#touches,
    })
  }

  readonly start = async (): Promise<void> => {
    await this.#agent.open(this.#world, this.#settings.control)
    await this.#connect()
  }

  readonly end = (): void => {
    this.#role.leave()
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
        return doneUnless(this.#role.follow())
      case 'activate':
        return doneUnless(await this.#role.activate(said))
      case 'leave':
        return doneUnless(await this.#role.leaveInStep(said.withinMs))
      case 'expose':
        return doneUnless(await this.#role.expose())
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
        return doneUnless(this.#resync(said))
      default:
        return said satisfies never
    }
  }

  readonly #onDisks = (order: (disks: HeldDisks) => Answer): Answer =>
    typeof this.#disks === 'string' ? doneUnless(this.#disks) : order(this.#disks)

  readonly #grown = (dataBytes: number): void => {
    this.#touches.grow(dataBytes)
    this.#role.resized()
  }

  readonly #doubtful = (because: string): void => this.#role.active?.stop(`the cluster partition: ${because}`)

  readonly #asActive = (order: (side: ActiveSide) => string | null): string | null => {
    const { active } = this.#role
    return active === null ? 'this side is not active: the active side does that' : order(active)
  }

  /** Ordered again by an agent that was started anew, it goes on where it is: what it is to copy is marked on disk. */
  readonly #resync = ({ ordered, everything }: Extract<Order, { do: 'resync' }>): string | null => {
    if (ordered !== null && this.#resyncs.includes(ordered)) return null
    const hindrance = this.#asActive((side) => side.operator.resync(everything))
    if (hindrance === null && ordered !== null) this.#resyncs = [...this.#resyncs, ordered].slice(-rememberedOrders)
    return hindrance
  }

  readonly #rewrite = (said: Extract<Order, { do: 'format' | 'void' }>): string | null => {
    if (this.#role.side !== null || this.#role.isExposed) return 'this copy is in use: let it leave first'
    if (typeof this.#disks === 'string') return this.#disks
    this.#growing.stop()
    return said.do === 'format' ? this.#disks.format(this.#world, said) : this.#disks.void(said)
  }

  readonly #part = async ({ because, whole }: Extract<Order, { do: 'part' }>): Promise<string | null> => {
    if (this.#isParted) return null
    const { active } = this.#role
    if (whole) {
      const lacks = active === null ? 'this side is not active' : await active.settled()
      if (lacks !== null || active !== this.#role.active) return lacks ?? 'this side has left'
    }
    this.#isParted = true
    active?.operator.part(because)
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

  readonly #count = (): void => {
    this.#role.active?.measure()
    if (this.#link) this.#statistics.takeCounts(this.#link.statistics)
  }

  readonly #tellTouched = ({ recorded }: Extract<Order, { do: 'touched' }>): Answer => {
    const { server, peer } = this.#settings
    const { side, active } = this.#role
    for (const one of recorded) this.#touches.recorded(one)
    if (active !== null) active.operator.stamp()
    else if (side instanceof Standby) side.stamp()
    const peerSaves = active?.peerSaves ?? null
    const saves = typeof this.#disks === 'string' ? null : (this.#disks.found?.saves ?? null)
    return {
      ...done,
      extents: this.#touches.tell(({ epoch }) => toldAs(side, epoch)),
      saves: { ...(saves === null ? {} : { [server]: saves }), ...(peerSaves === null ? {} : { [peer]: peerSaves }) },
    }
  }

  readonly #status = (): Readonly<Record<string, unknown>> => {
    this.#count()
    // A disk that has come back, or was put in.
    if (typeof this.#disks === 'string') this.#disks = held(this.#ground, this.#settings)
    const { active, does, isExposed } = this.#role
    return {
      ...statusOf(this.#disks),
      session: this.#session,
      path: this.#slot.path,
      deafAt: this.#connects.deafAt(),
      link: this.#link?.statistics ?? null,
      does,
      isExposed,
      isParted: this.#isParted,
      diskErrors: this.#statistics.diskErrors,
      growth: this.#growing.status,
      statistics: this.#statistics.told(),
      ...(active !== null && { condition: active.condition, resync: active.progress }),
    }
  }

  readonly #connect = async (): Promise<void> => {
    this.#connects = await openConnects(this.#world, this.#ground, { settings: this.#settings, slot: this.#slot })
  }
}

/** What a status says of the two partitions. */
const statusOf = (disks: HeldDisks | string): Readonly<Record<string, unknown>> => {
  if (typeof disks === 'string') return { disks: null, because: disks }
  const { data, found, objection } = disks
  return {
    disks: { dataBytes: data.size },
    because: objection,
    ...found?.geometry,
    ...found?.state,
    saves: found?.saves ?? null,
    dirtyBlocks: found?.dirty.marks.count ?? 0,
    intentRegions: found?.intent.marks.count ?? 0,
    damagedPages: (found?.dirty.damagedPages ?? 0) + (found?.intent.damagedPages ?? 0),
  }
}
