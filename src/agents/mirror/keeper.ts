/**
 * Keeps one mirror on one server: its data plane is there, does what the log says, and what it asks is answered by the
 * log. Level-triggered: what to do next is planned anew from the log and from what the process says of itself.
 */
import { constructMirror } from '../../decisions/construct-mirror.ts'
import { constructedMirror, ownershipOf } from '../../decisions/mirror-pair.ts'
import { type MirrorStep, planMirror } from '../../decisions/plan-mirror.ts'
import type { Epoch, MirrorName, ServerName } from '../../events/index.ts'
import { dataGeneration } from '../../mirror/generations.ts'
import { randomHex } from '../../mirror/process/random-hex.ts'
import type { FromPlane, PlaneCondition, PlaneStatus } from '../../mirror/process/sayings.ts'
import type { State } from '../../projections/state.ts'
import type { Cancel, World } from '../../world/world.ts'
import type { Recorder } from '../log/recorder.ts'
import type { Limit } from '../resources/driver.ts'
import { logAuthority } from './authority.ts'
import { type Claims, claimsOf } from './claims.ts'
import { type Hindrance, type Serving, servingHindrance, unhindered } from './hindrance.ts'
import { type MirrorOrders, mirrorOrders } from './orders.ts'
import { type MirrorPlaces, settingsOf } from './places.ts'
import { type OrderAnswer, PlaneLink, type Told } from './plane-link.ts'
import { type MirrorTeller, mirrorTeller } from './tell.ts'

export type KeeperParts = {
  readonly name: MirrorName
  readonly me: ServerName
  readonly recorder: Pick<Recorder, 'submit' | 'state'>
  readonly places: MirrorPlaces
  /** Directory of the kit. */
  readonly kit: string
  /** Starts the data plane; the settings' file follows. */
  readonly command: readonly [string, ...string[]]
  readonly say: (what: string, fields: Readonly<Record<string, unknown>>) => void
  /** A data plane ended without having been told to (F4). */
  readonly planeDied?: (because: string) => void
}

/** Looks again at what nobody tells. */
const lookMs = 500
const againMs = 1000
const orderMs = 15_000
/** Of the time to leave: so long both sides may take to agree that nothing differs; and the log, once more, to hear that it does. */
const inStepPart = 0.4
/** Marking everything, or formatting a large partition. */
const rewriteMs = 60_000

export class MirrorKeeper {
  readonly #world: World
  readonly #parts: KeeperParts
  readonly #link: PlaneLink
  readonly #teller: MirrorTeller
  readonly #orders: MirrorOrders
  readonly #claims: Claims
  readonly #authority: ReturnType<typeof logAuthority>
  readonly #waiting = new Set<() => void>()
  readonly #losses = new Set<(because: string) => void>()
  #wanted: Epoch | null = null
  /** Nobody has said yet what is wanted: what an earlier agent left goes on. */
  #isFresh = true
  #refusal: string | null = null
  #stopped: string | null = null
  #isBusy = false
  #isAgain = false
  #isReleased = false
  /** What was refused is not asked again at once. */
  #notBefore = 0
  #since: number
  #timer: Cancel = () => {}

  constructor(world: World, parts: KeeperParts) {
    const { name, me, recorder, places, command, say } = parts
    this.#world = world
    this.#parts = parts
    this.#since = world.clock.now()
    this.#authority = logAuthority(recorder, name, (because) => {
      this.#refusal = because
      say('the log refuses what a mirror asks', { mirror: name, because })
    })
    this.#link = new PlaneLink(world, {
      command: [...command, places.settings],
      tag: places.tag,
      places,
      asked: this.#asked,
      told: this.#heard,
      changed: this.wake,
      died: this.#died,
      say: (what, fields) => say(what, { mirror: name, ...fields }),
    })
    this.#teller = mirrorTeller(world, { name, me, recorder, link: this.#link })
    this.#claims = claimsOf(world, { name, me, recorder, link: this.#link })
    this.#orders = mirrorOrders(world, { ...parts, link: this.#link, rewritten: this.#claims.change })
    this.wake()
  }

  /** Something may have changed: looks for what to do, soon. */
  readonly wake = (): void => {
    for (const waiting of [...this.#waiting]) waiting()
    if (this.#isBusy) this.#isAgain = true
    else if (!this.#isReleased) queueMicrotask(() => void this.#step())
  }

  /** Serves it under `epoch`; resolves once the log knows of it, so that it may be mounted. */
  readonly serve = async (epoch: Epoch, limit: Limit): Promise<Serving> => {
    this.#isFresh = false
    this.#wanted = epoch
    this.#refusal = null
    this.#stopped = null
    this.wake()
    const because = await unhindered(this.#world, limit, {
      looks: this.#waiting,
      hindrance: () => this.#hindrance(epoch),
    })
    const { status } = this.#link
    if (because === null && status) return { ok: true, served: { sizeBytes: status.dataBytes } }
    this.#wanted = null
    return { ok: false, because: because ?? 'the data plane has gone' }
  }

  /** Serves it no longer. `refused`: not yet; anything else but `done`: the data plane could not be told in time. */
  readonly leave = async (timeoutMs: number): Promise<OrderAnswer> => {
    this.#isFresh = false
    this.#wanted = null
    if (this.#link.status === null) return { answer: 'lost', because: 'the data plane is not reached' }
    this.#claims.change()
    const left = await this.#link.order({ do: 'leave', withinMs: timeoutMs * inStepPart }, timeoutMs)
    this.#claims.change()
    if (left.answer === 'done') void this.#teller.left()
    this.wake()
    return left
  }

  /** Calls once when it is served no longer though nobody has told it to leave; soon, if that was so before anybody looked. */
  readonly onLoss = (lost: (because: string) => void): Cancel => {
    this.#losses.add(lost)
    const because = this.#stopped
    if (because !== null) queueMicrotask(() => this.#losses.delete(lost) && lost(because))
    return () => this.#losses.delete(lost)
  }

  readonly release = (): void => {
    this.#isReleased = true
    this.#timer()
    this.#link.release()
  }

  /** It is configured here no more. */
  readonly retire = async (): Promise<void> => {
    this.#isReleased = true
    this.#timer()
    await this.#link.end()
  }

  /** What the data plane said last; null while it is not reached. */
  get status(): PlaneStatus | null {
    return this.#link.status
  }

  /** What its data plane has counted; a new sample begins with the answer. */
  readonly statistics = (): Promise<OrderAnswer> => this.#link.order({ do: 'statistics', sample: true }, orderMs)

  get isServing(): boolean {
    return this.#wanted !== null || this.#link.status?.does === 'serve'
  }

  get #state(): State {
    return this.#parts.recorder.state()
  }

  readonly #step = async (): Promise<void> => {
    if (this.#isBusy || this.#isReleased) return
    this.#isBusy = true
    this.#timer()
    try {
      await this.#act()
    } catch (trouble) {
      this.#parts.say('a mirror could not be looked after', { mirror: this.#parts.name, trouble: String(trouble) })
    }
    this.#isBusy = false
    if (this.#isReleased) return
    const isAgain = this.#isAgain
    this.#isAgain = false
    this.#timer = this.#world.clock.after(isAgain ? 0 : lookMs, () => void this.#step())
  }

  readonly #act = async (): Promise<void> => {
    const { name, me, places, kit } = this.#parts
    const state = this.#state
    if (constructedMirror(state, name) === null) return this.#construct()
    const settings = settingsOf(state, { name, me, places, kit })
    if (settings === null) return
    this.#link.want(settings)
    const status = this.#link.status
    if (status === null || status.disks === null) return
    if (this.#isFresh) this.#adopt(status)
    await this.#orders.carryOut(status)
    this.#teller.look(status)
    if (this.#world.clock.now() >= this.#notBefore)
      await this.#take(status, this.#planned(status, status.disks.dataBytes))
  }

  readonly #adopt = ({ does, epoch, condition }: PlaneStatus): void => {
    const { name, me } = this.#parts
    const owned = ownershipOf(this.#state, name)
    if (does !== 'serve' || owned?.server !== me || owned.epoch !== epoch) return
    this.#isFresh = false
    this.#wanted = owned.epoch
    if (condition?.pair === 'stopped') this.#conditioned(condition)
  }

  readonly #planned = (status: PlaneStatus, diskBytes: number): MirrorStep => {
    const { name, me } = this.#parts
    const isShown = this.#claims.areShownBy(status)
    const isLetGo = this.#wanted === null && !this.#isFresh
    const plane = { ...status, diskBytes, isShown, isLetGo, waitedMs: this.#world.clock.now() - this.#since }
    return planMirror(this.#state, { name, me, wanted: this.#wanted, plane })
  }

  readonly #take = async (status: PlaneStatus, step: MirrorStep): Promise<void> => {
    switch (step.do) {
      case 'rest':
        return
      case 'show':
        if (!(await this.#claims.show(status))) this.#notBefore = this.#world.clock.now() + againMs
        return
      case 'follow':
        return this.#told(await this.#link.order(step, orderMs), 'follow')
      case 'leave':
        this.#parts.say('a mirror is followed no longer', { mirror: this.#parts.name, because: step.because })
        this.#claims.change()
        return this.#told(await this.#link.order({ do: 'leave' }, orderMs), 'leave')
      case 'part':
      case 'connect':
      case 'expose':
        return this.#told(await this.#link.order(step, orderMs), step.do)
      case 'grow':
        await this.#told(await this.#link.order(step, orderMs), 'grow')
        // Told until it has, or for as long as it cannot.
        this.#notBefore = this.#world.clock.now() + againMs
        return
      case 'format':
      case 'void':
        this.#parts.say('the cluster partition of a mirror is written anew', { mirror: this.#parts.name, ...step })
        this.#claims.change()
        return this.#told(await this.#link.order(step, rewriteMs), step.do)
      case 'activate': {
        const { connectMs, ...order } = step
        return this.#told(
          await this.#link.order({ ...order, ...(connectMs !== null && { connectMs }) }, orderMs),
          'activate',
        )
      }
      default:
        step satisfies never
    }
  }

  /** What it says of itself changes with every order. */
  readonly #told = async (answer: OrderAnswer, what: string): Promise<void> => {
    if (answer.answer !== 'done') {
      this.#notBefore = this.#world.clock.now() + againMs
      if (what === 'activate') this.#refusal = answer.because
      this.#parts.say('the data plane of a mirror did not do what it was told', {
        mirror: this.#parts.name,
        what,
        ...answer,
      })
    }
    await this.#link.refresh()
  }

  readonly #construct = async (): Promise<void> => {
    const { name, me, recorder } = this.#parts
    const epoch = this.#wanted
    if (epoch === null) return
    const wish = {
      mirror: name,
      source: me,
      epoch,
      id: randomHex(this.#world, 16),
      generation: dataGeneration(randomHex(this.#world, 8)),
    }
    await recorder.submit(`construct ${name}`, (state) => {
      const decided = constructMirror(state, wish)
      if (decided.answer === 'refused' || decided.answer === 'not-now') this.#refusal = decided.because
      return decided.answer === 'record' ? decided.decision : null
    })
  }

  readonly #hindrance = (epoch: Epoch): Hindrance | null => {
    const { status } = this.#link
    const because = this.#wanted === epoch ? (this.#stopped ?? this.#refusal) : 'it is to be served no longer'
    if (because !== null) return { because, isFinal: true }
    const isShown = status !== null && this.#claims.areShownBy(status)
    return servingHindrance(this.#state, { ...this.#parts, epoch, status, isShown, boot: this.#world.bootId() })
  }

  readonly #asked = async ({ break: broken, detach, join }: Extract<FromPlane, { say: 'ask' }>) => {
    if (broken) {
      const wish = { ...broken, generation: dataGeneration(broken.generation) }
      return this.#authority.breakMirror(wish)
    }
    if (detach) return this.#authority.detachMirror(detach)
    if (join) return this.#authority.joinMirror({ ...join, generation: dataGeneration(join.generation) })
    return 'unknown' as const
  }

  readonly #heard = (said: Told): void => {
    const { name } = this.#parts
    switch (said.say) {
      case 'condition':
        this.#conditioned(said)
        break
      case 'resync':
        this.#teller.resynced(said)
        break
      case 'verify':
        this.#orders.verified(said)
        break
      case 'trouble':
        this.#teller.troubled(said)
        break
      case 'repaired':
        this.#parts.say('a block that could not be read was repaired from the other side', {
          mirror: name,
          ...said,
        })
        break
      case 'cut-off':
        this.#parts.say('a mirror disk was cut off', { mirror: name, because: said.because })
        if (this.#wanted !== null) this.#lost(said.because)
        break
      default:
        said satisfies never
    }
  }

  readonly #conditioned = (condition: PlaneCondition): void => {
    const { name } = this.#parts
    this.#parts.say('the condition of a mirror', { mirror: name, ...condition })
    this.#teller.conditioned(condition)
    if (condition.pair !== 'stopped' || this.#wanted === null) return
    this.#stopped = condition.because
    this.#lost(condition.because)
  }

  readonly #died = (because: string): void => {
    const wasServed = this.#wanted !== null
    this.#claims.change()
    this.#parts.say('the data plane of a mirror has died', { mirror: this.#parts.name, because })
    this.#parts.planeDied?.(`of mirror ${this.#parts.name}: ${because}`)
    this.#teller.died(because)
    this.#orders.died()
    if (!wasServed) return
    this.#stopped = `its data plane has died: ${because}`
    this.#wanted = null
    this.#lost(this.#stopped)
  }

  readonly #lost = (because: string): void => {
    for (const lost of [...this.#losses]) lost(because)
    this.#losses.clear()
  }
}
