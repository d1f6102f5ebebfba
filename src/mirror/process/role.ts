/** What this side of a mirror does now: serve, follow, show its copy for a backup, or nothing. */
import type { World } from '../../world/world.ts'
import { mayActivate, named } from '../engine/activation.ts'
import { ActiveSide } from '../engine/active.ts'
import { type Side, Standby } from '../engine/standby.ts'
import { countedDisk, countedReports, type Statistics } from '../engine/statistics.ts'
import type { TouchedEpochs } from '../engine/touched.ts'
import { dataGeneration } from '../generations.ts'
import type { NbdExport } from '../nbd/negotiation.ts'
import type { LinkSlot } from '../peer/connector.ts'
import { plainEngine } from '../plain-engine.ts'
import type { AgentChannel, Order } from './agent-channel.ts'
import { noFrontEnds, openFrontEnds } from './front-ends.ts'
import type { Ground } from './ground.ts'
import type { HeldDisks } from './held-disks.ts'
import { randomHex } from './random-hex.ts'
import { activeLimits, type MirrorSettings } from './settings.ts'

export type RolePort = {
  readonly ground: Ground
  /** As they are whenever somebody looks. */
  readonly settings: () => MirrorSettings
  /** In words: why the partitions could not be opened. */
  readonly disks: () => HeldDisks | string
  readonly agent: Pick<AgentChannel, 'authority' | 'tell'>
  readonly slot: LinkSlot
  readonly statistics: Statistics
  readonly touches: TouchedEpochs
}

export class Role {
  readonly #world: World
  readonly #port: RolePort
  #side: ActiveSide | Standby | null = null
  #frontEnds = noFrontEnds
  #isExposed = false

  constructor(world: World, port: RolePort) {
    this.#world = world
    this.#port = port
  }

  get side(): ActiveSide | Standby | null {
    return this.#side
  }

  /** Null: it follows, or does nothing. */
  get active(): ActiveSide | null {
    return this.#side instanceof ActiveSide ? this.#side : null
  }

  /** Its copy is shown, and nothing else done with it. */
  get isExposed(): boolean {
    return this.#isExposed
  }

  get does(): 'serve' | 'follow' | 'nothing' {
    return this.active !== null ? 'serve' : this.#side === null ? 'nothing' : 'follow'
  }

  /** The side that follows says anew what it has: the other one may have refused it as too small. */
  readonly resized = (): void => {
    this.#frontEnds.resized()
    if (this.#side instanceof Standby) this.#reconnect()
  }

  /** Each order answers null, or why it is not carried out. */
  readonly follow = (): string | null => {
    const { agent, statistics, touches } = this.#port
    if (this.active !== null) return 'this side is active: let it leave first'
    if (this.#side !== null) return null
    this.leave()
    const own = this.#ownSide()
    if (typeof own === 'string') return own
    this.#side = new Standby(own, countedReports(agent.tell, statistics), touches)
    this.#reconnect()
    return null
  }

  readonly activate = async (said: Extract<Order, { do: 'activate' }>): Promise<string | null> => {
    if (this.active !== null) return 'this side is active already'
    const generation = said.generation === null ? null : dataGeneration(said.generation)
    const own = this.#ownSide()
    if (typeof own === 'string') return own
    const { partition } = own
    const answer = mayActivate(partition.state, this.#world.bootId(), { ...said, generation })
    if (!answer.may && !said.force) return answer.because
    const newGeneration = () => dataGeneration(randomHex(this.#world, 8))
    if (said.force) partition.save(named(partition.state, newGeneration))
    const { settings, agent, statistics, touches } = this.#port
    const { mirror, server, peer, mode, onDiskError, connectMs } = settings()
    this.leave()
    const side = new ActiveSide(own, {
      clock: this.#world.clock,
      authority: agent.authority,
      newGeneration,
      me: server,
      peer,
      mode,
      onDiskError,
      epoch: said.epoch,
      recorded: generation,
      limits: activeLimits(settings, said.connectMs ?? connectMs),
      changed: (condition) => agent.tell({ say: 'condition', ...condition }),
      report: countedReports(agent.tell, statistics),
      statistics,
      touches,
    })
    this.#side = side
    this.#reconnect()
    await this.#serve({ engine: side, description: `mirror ${mirror}`, readOnly: false })
    return null
  }

  /** D11: for a backup, and so that nobody writes to it unseen. Nothing follows meanwhile. */
  readonly expose = async (): Promise<string | null> => {
    if (this.active !== null) return 'this side is active: what it serves can be read already'
    const own = this.#ownSide()
    if (typeof own === 'string') return own
    if (!own.partition.state.isConsistent) return 'this copy had not caught up: it is a mixture of two moments'
    this.leave()
    this.#isExposed = true
    const description = `copy of mirror ${this.#port.settings().mirror}`
    await this.#serve({ engine: plainEngine(own.data), description, readOnly: true })
    return null
  }

  /** Nobody is served from here on; both sides may agree for so long that nothing differs. */
  readonly leaveInStep = async (withinMs: number): Promise<string | null> => {
    const side = this.#side
    if (side instanceof ActiveSide) {
      this.#closeFrontEnds()
      const hindrance = await side.leaveInStep('this side leaves', withinMs)
      if (hindrance !== null) return hindrance
    }
    if (side === this.#side) this.leave()
    return null
  }

  /** What is cached is flushed: nothing is lost by a power cut from here on. */
  readonly leave = (): void => {
    this.#closeFrontEnds()
    this.#isExposed = false
    const side = this.#side
    this.#side = null
    if (side instanceof ActiveSide) side.stop('this side leaves')
    if (side instanceof Standby) side.leave()
    this.#port.slot.close('this side leaves')
  }

  /** A disk that nobody can reach must not be believed to be served. */
  readonly #serve = async (exported: NbdExport): Promise<void> => {
    const { ground, settings, agent } = this.#port
    const cutOff = (because: string): void => agent.tell({ say: 'cut-off', because })
    try {
      this.#frontEnds = await openFrontEnds(this.#world, ground, settings(), exported, cutOff)
    } catch (error) {
      this.leave()
      throw error
    }
  }

  readonly #closeFrontEnds = (): void => {
    this.#frontEnds.close()
    this.#frontEnds = noFrontEnds
  }

  /** Whoever is on the other end must hear what this side is now. */
  readonly #reconnect = (): void => this.#port.slot.close('this side has changed its role')

  /** In words: why this side can be neither served nor followed with. */
  readonly #ownSide = (): Side | string => {
    const disks = this.#port.disks()
    if (typeof disks === 'string') return disks
    const { partition, objection, data } = disks
    if (partition === null) return objection ?? 'the cluster partition cannot be used'
    return {
      partition,
      data: countedDisk(data, this.#port.statistics),
      session: this.#world.random.id(),
      boot: this.#world.bootId(),
    }
  }
}
