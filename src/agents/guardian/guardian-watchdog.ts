/** The guardian's hand on the watchdog: opens it when told to, feeds it as long as it may be fed, says what is so. */
import { mayFeed, type ReleaseBudget } from '../../decisions/release-budget.ts'
import type { Order } from '../../decisions/watchdog.ts'
import type { OpenWatchdog, Watchdogs } from '../../world/watchdog.ts'
import type { Cancel, World } from '../../world/world.ts'
import type { WatchdogReport } from './guardian-protocol.ts'

export type Guarded = { readonly until: number; readonly budget: ReleaseBudget }
/** `mostMs`: a driver may only know longer time-outs; one longer than this could not be fed under a lease. */
export type WatchdogOrder = Order

export type WatchdogFeeder = {
  /** Repeated orders cost nothing; one that could not be met is tried again. */
  readonly obey: (order: WatchdogOrder) => void
  /** What is guarded may have changed: feeds if it may. */
  readonly look: () => void
  readonly report: () => WatchdogReport
  /** Nothing is left to guard. */
  readonly end: () => void
}

/** Fed so many times in its time-out. */
const feedsPerTimeout = 5
/** A driver may be loaded later, and whoever held the device may let go of it. */
const againMs = 5000

export const noWatchdog = (because: string): WatchdogReport => ({
  armed: false,
  device: null,
  identity: '',
  timeoutMs: 0,
  because,
})

export type FeederParts = {
  readonly watchdogs: Watchdogs
  readonly guarded: () => Guarded
  readonly say: (what: string, fields: Readonly<Record<string, unknown>>) => void
}

export const watchdogFeeder = (world: World, parts: FeederParts): WatchdogFeeder => new Feeder(world, parts)

class Feeder implements WatchdogFeeder {
  readonly #world: World
  readonly #parts: FeederParts
  #order: WatchdogOrder | null = null
  #open: OpenWatchdog | null = null
  #because = 'nobody has asked for one yet'
  #cancel: Cancel = () => {}

  constructor(world: World, parts: FeederParts) {
    this.#world = world
    this.#parts = parts
  }

  readonly obey = (order: WatchdogOrder): void => {
    const before = this.#order
    const isSame =
      before?.device === order.device &&
      before.timeoutMs === order.timeoutMs &&
      before.mostMs === order.mostMs &&
      before.pretimeoutMs === order.pretimeoutMs
    if (isSame && (this.#open !== null || order.device === null)) return
    this.#order = order
    this.#close()
    if (order.device === null) {
      this.#because = 'none is configured (watchdog.device)'
      return
    }
    this.#try(order, order.device)
  }

  #try(order: WatchdogOrder, device: string): void {
    const opened = this.#parts.watchdogs.open(device, order)
    if ('refused' in opened) this.#refuse(opened.refused, order)
    else if (opened.timeoutMs > order.mostMs) {
      // Fed or not, it would fire too late; and fed as it may be, it would fire under a fresh lease.
      opened.disarm()
      this.#refuse(
        `its time-out is ${opened.timeoutMs} ms and may be at most ${Math.floor(order.mostMs)} ms: raise heartbeat.timeout`,
        order,
      )
    } else {
      this.#open = opened
      this.#because = ''
      const { identity, timeoutMs, pretimeoutMs } = opened
      this.#parts.say('the watchdog is armed', { device, identity, timeoutMs, pretimeoutMs })
      this.look()
    }
  }

  readonly look = (): void => {
    const open = this.#open
    if (open === null) return
    this.#cancel()
    const mayBeFed = mayFeed(this.#world.clock.sinceBoot(), this.#parts.guarded(), open.timeoutMs)
    if (mayBeFed && !this.#feed(open)) return
    this.#cancel = this.#world.clock.after(open.timeoutMs / feedsPerTimeout, this.look)
  }

  readonly report = (): WatchdogReport =>
    this.#open === null
      ? { ...noWatchdog(this.#because), device: this.#order?.device ?? null }
      : {
          armed: true,
          device: this.#order?.device ?? null,
          identity: this.#open.identity,
          timeoutMs: this.#open.timeoutMs,
          because: '',
        }

  readonly end = (): void => this.#close()

  #feed(open: OpenWatchdog): boolean {
    try {
      open.feed()
      return true
    } catch (trouble) {
      this.#close()
      this.#because = `it cannot be fed: ${String(trouble)}`
      this.#parts.say('the watchdog cannot be fed', { trouble: String(trouble) })
      if (this.#order) this.#again(this.#order)
      return false
    }
  }

  #refuse(because: string, order: WatchdogOrder): void {
    if (because !== this.#because) this.#parts.say('there is no watchdog', { device: order.device, because })
    this.#because = because
    this.#again(order)
  }

  #again(order: WatchdogOrder): void {
    const { device } = order
    if (device === null) return
    this.#cancel()
    this.#cancel = this.#world.clock.after(againMs, () => this.#try(order, device))
  }

  #close(): void {
    this.#cancel()
    if (this.#open !== null && !this.#open.disarm())
      this.#parts.say('the watchdog cannot be stopped: the machine will be reset', {})
    this.#open = null
  }
}
