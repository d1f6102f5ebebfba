/** The agent's side of the mutual watch: tells the guardian the lease, starts a guardian when there is none. */
import { type MutualWatch, mutualWatch, type ReleaseBudget } from '../../decisions/release-budget.ts'
import { type Instant, instant } from '../../events/index.ts'
import type { Cancel, LocalConnection, ProcessIdentity, World } from '../../world/world.ts'
import type { LostLease } from '../voter/lease-watch.ts'
import {
  type FromGuardian,
  fromGuardian,
  lineReader,
  type ToGuardian,
  type WatchdogReport,
} from './guardian-protocol.ts'
import { noWatchdog, type WatchdogOrder } from './guardian-watchdog.ts'

export type GuardianLinkOptions = {
  readonly socket: string
  /** Starts a guardian. */
  readonly command: readonly [string, ...string[]]
  readonly tag: string
  readonly logFile: string
  readonly own: ProcessIdentity
  /** The guardian that was there is gone, or hung and was ended: another is started. */
  readonly lost?: (because: string) => void
}

export type GuardianLink = {
  /** Until when an earlier agent of this machine was allowed to run groups (monotonic; the past when it was not). */
  readonly inherited: Instant
  /** The lease of an earlier agent, which ended while groups ran, so that the guardian took them down; null = none did. */
  readonly lost: LostLease | null
  /** It was there before this agent came. */
  readonly wasThere: boolean
  /** Groups may run until `until`; repeated calls with the same time cost nothing. */
  readonly lease: (until: Instant, budget: ReleaseBudget) => void
  readonly off: () => void
  /** Connected, and it answers. */
  readonly isThere: () => boolean
  /** From the configuration; repeated calls with the same cost nothing. */
  readonly configure: (watch: MutualWatch, watchdog: WatchdogOrder) => void
  /** Why nothing may run here as far as the guardian goes; null = it may. */
  readonly trouble: () => string | null
  readonly watchdog: () => WatchdogReport
  /** How long until the guardian acts, when the lease it knows is over; null when it is not, or nothing is guarded. */
  readonly leftMs: () => number | null
  /** The agent goes on purpose and nothing runs: the guardian may go too. */
  readonly end: () => void
  /** The agent goes and leaves everything as it is: the guardian stays. */
  readonly leave: () => void
}

/** How long a guardian may take to start. */
const startMs = 20_000
const againMs = 50
/** Every guardian greets at once; one that does not hangs, and guards nothing. */
const greetingMs = 2000

/** So many pings in a row without an answer: one could be our own standing still. */
const unanswered = 4

/** Connects to the guardian, starting one if need be. Rejects when there is none to be had: nothing may run unguarded. */
export const linkGuardian = async (world: World, options: GuardianLinkOptions): Promise<GuardianLink> => {
  const link = new Link(world, options)
  await link.begin()
  return link
}

class Link implements GuardianLink {
  readonly #world: World
  readonly #options: GuardianLinkOptions
  #inherited = instant(Number.NEGATIVE_INFINITY)
  #lost: LostLease | null = null
  #connection: LocalConnection | null = null
  /** The guardian at the other end; null for one of an older version, which answers no pings. */
  #other: ProcessIdentity | null = null
  #last: ToGuardian | null = null
  #order: ToGuardian | null = null
  #watch = mutualWatch({ timeout: 0 })
  #watchdog: WatchdogReport = noWatchdog('the guardian has not said yet')
  #number = 0
  #answered = 0
  #answeredAt: Instant
  #isLeaving = false
  #wasThere = false
  /** Why the next one that goes is gone. */
  #because: string | null = null

  constructor(world: World, options: GuardianLinkOptions) {
    this.#world = world
    this.#options = options
    this.#answeredAt = world.clock.now()
  }

  get inherited(): Instant {
    return this.#inherited
  }

  get lost(): LostLease | null {
    return this.#lost
  }

  get wasThere(): boolean {
    return this.#wasThere
  }

  async begin(): Promise<void> {
    const { greeting, isNew } = await this.#connect()
    const { until, takenDown } = greeting
    this.#wasThere = !isNew
    const toMonotonic = this.#world.clock.now() - this.#world.clock.sinceBoot()
    const monotonic = (sinceBoot: number): Instant => instant(sinceBoot + toMonotonic)
    if (until !== 0) this.#inherited = monotonic(until)
    if (takenDown !== undefined) {
      const { groups, offAt } = takenDown
      this.#lost = { at: monotonic(takenDown.until), groups, offAt: offAt === null ? null : monotonic(offAt) }
    }
    this.#ping()
  }

  readonly lease = (at: Instant, { agentMs, guardianMs, resetMs }: ReleaseBudget): void => {
    const until = Math.round(at - this.#world.clock.now() + this.#world.clock.sinceBoot())
    if (this.#last?.say === 'lease' && this.#last.until === until) return
    this.#last = { say: 'lease', until, graceMs: agentMs, guardianMs, resetMs }
    this.#tell(this.#last)
  }
  readonly off = (): void => {
    if (this.#last?.say === 'off') return
    this.#last = { say: 'off' }
    this.#tell(this.#last)
  }
  readonly isThere = (): boolean => this.#connection !== null && this.trouble() === null
  readonly configure = (watch: MutualWatch, order: WatchdogOrder): void => {
    this.#watch = watch
    const asked: ToGuardian = { say: 'watchdog', ...order }
    if (JSON.stringify(asked) === JSON.stringify(this.#order)) return
    this.#order = asked
    this.#tell(asked)
  }
  readonly trouble = (): string | null => {
    const silentMs = Math.round(this.#world.clock.now() - this.#answeredAt)
    return silentMs > this.#watch.unguardedMs ? `no guardian has answered for ${silentMs} ms` : null
  }
  readonly watchdog = (): WatchdogReport =>
    this.isThere() ? this.#watchdog : noWatchdog('no guardian answers, and it is what feeds the watchdog')
  readonly leftMs = (): number | null => {
    if (this.#last?.say !== 'lease') return null
    const now = this.#world.clock.sinceBoot()
    const { until, graceMs } = this.#last
    return until <= now && now < until + graceMs ? until + graceMs - now : null
  }
  readonly end = (): void => {
    this.#isLeaving = true
    this.#tell({ say: 'end' })
    this.#connection?.close()
  }
  readonly leave = (): void => {
    this.#isLeaving = true
    this.#connection?.close()
  }

  #tell(message: ToGuardian): void {
    this.#connection?.send(`${JSON.stringify(message)}\n`)
  }

  /** What it says first, and whether it is one that we started. */
  async #connect(): Promise<{ readonly greeting: Greeting; readonly isNew: boolean }> {
    const { connected, greeting, isNew } = await reach(this.#world, this.#options, (pong) => {
      this.#answered = Math.max(this.#answered, pong.number)
      this.#answeredAt = this.#world.clock.now()
      this.#watchdog = pong.watchdog
    })
    const { pid, startTicks } = greeting
    this.#other = pid === undefined || startTicks === undefined ? null : { pid, startTicks }
    this.#connection = connected
    this.#answered = this.#number
    this.#answeredAt = this.#world.clock.now()
    connected.onClose(() => {
      this.#connection = null
      if (!this.#isLeaving) this.#options.lost?.(this.#because ?? 'its connection closed')
      this.#because = null
      void this.#reconnect()
    })
    this.#tell({ say: 'here', ...this.#options.own })
    for (const message of [this.#order, this.#last]) if (message !== null) this.#tell(message)
    return { greeting, isNew }
  }

  /** For as long as the agent lives: one that gave up would leave what runs to nobody. */
  async #reconnect(): Promise<void> {
    while (!this.#isLeaving) {
      const isThere = await this.#connect().then(
        () => true,
        () => false,
      )
      if (isThere) return
      await pause(this.#world)
    }
  }

  /** A guardian that hangs guards nothing: it is ended, and the closed connection brings the next. */
  #ping(): void {
    if (this.#isLeaving) return
    if (this.#connection !== null && this.#other === null) this.#answeredAt = this.#world.clock.now()
    else if (this.#connection !== null) {
      if (this.#number - this.#answered >= unanswered && this.#other) {
        this.#because = `it hung: ${unanswered} pings in a row without an answer, so it was ended`
        this.#world.processes.signal(this.#other, 'SIGKILL')
        this.#answered = this.#number
      }
      this.#number += 1
      this.#tell({ say: 'ping', number: this.#number })
    }
    this.#world.clock.after(this.#watch.silentMs / unanswered, () => this.#ping())
  }
}

type Greeting = Extract<FromGuardian, { say: 'until' }>
type Pong = Extract<FromGuardian, { say: 'pong' }>

const reach = async (
  world: World,
  options: GuardianLinkOptions,
  answered: (pong: Pong) => void,
): Promise<{ readonly connected: LocalConnection; readonly greeting: Greeting; readonly isNew: boolean }> => {
  const deadline = world.clock.now() + startMs
  let started: ProcessIdentity | null = null
  for (;;) {
    const reached = await greet(world, options.socket, { answered, limitMs: greetingMs })
    if (reached === 'hangs') await world.processes.signalAll(options.tag, 'SIGKILL')
    else if (reached) return { ...reached, isNew: started !== null }
    if (world.clock.now() > deadline) throw new GuardianMissing(`no guardian could be started: see ${options.logFile}`)
    // One that died before it was reached is as good as none.
    if (started === null || !world.processes.isAlive(started))
      started = await world.processes.launch(options.command, { tag: options.tag, logFile: options.logFile })
    await pause(world)
  }
}

const pause = (world: World) => new Promise<void>((resolve) => world.clock.after(againMs, resolve))

/** Nothing watches over this agent: it must not run groups. */
export class GuardianMissing extends Error {
  override readonly name = 'GuardianMissing'
}

/**
 * Who ends what runs: a guardian that knows a lease; one whose lease is over, which is at it just now; one that started anew,
 * and knows none; one that hangs; nobody.
 */
export const askGuardian = async (
  world: World,
  socket: string,
  limitMs: number,
): Promise<'knows a lease' | 'takes down' | 'knows none' | 'hangs' | 'is not there'> => {
  const reached = await greet(world, socket, { answered: () => {}, limitMs })
  if (reached === null) return 'is not there'
  if (reached === 'hangs') return reached
  reached.connected.close()
  const { until } = reached.greeting
  if (until === 0) return 'knows none'
  return until > world.clock.sinceBoot() ? 'knows a lease' : 'takes down'
}

/**
 * Connects, and waits for the first word. Null when there is no guardian: nor is one that is being killed, whose socket
 * the kernel still answers for a moment after it has closed the connection before. One that hangs must be ended before
 * another is started: should it go on later, it would take down what is not its own any more.
 */
const greet = async (
  world: World,
  socket: string,
  { answered, limitMs }: { readonly answered: (pong: Pong) => void; readonly limitMs: number },
) => {
  const connected = await world.local.connect(socket)
  if (connected === null) return null
  const { promise, resolve } = Promise.withResolvers<Greeting | 'hangs' | null>()
  const cancel: Cancel = world.clock.after(limitMs, () => resolve('hangs'))
  connected.onClose(() => resolve(null))
  connected.onText(
    lineReader(fromGuardian, (message) => {
      if (message.say === 'until') resolve(message)
      else answered(message)
    }),
  )
  const greeting = await promise.finally(cancel)
  if (greeting !== null && greeting !== 'hangs') return { connected, greeting }
  connected.close()
  return greeting
}
