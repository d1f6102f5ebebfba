/** A simulated process: whatever happens to it comes in by `enter`, so that a dead one does nothing and a stopped one waits. */
import type { Cancel, ProcessIdentity } from '../world/world.ts'
import type { SimulatedHost } from './host.ts'

type Arrival = { readonly kind: 'timer' | 'news'; readonly run: () => void }

/** What the kernel keeps for a process that does not read; what comes after that is lost. */
const mostHeldNews = 400

export class SimulatedProcess {
  readonly host: SimulatedHost
  readonly identity: ProcessIdentity
  readonly tag: string
  isAlive = true
  isStopped = false
  #held: Arrival[] = []
  #heldNews = 0
  /** What it does when it is told to end; null = it ends. */
  terminated: (() => void) | null = null
  readonly #exited: ((code: number | null) => void)[] = []
  /** What is told when nothing has happened to it for longer than that: since when. */
  readonly #pauses: { ms: number; told: (since: number) => void } = { ms: Number.POSITIVE_INFINITY, told: () => {} }
  #movedAt: number

  constructor(host: SimulatedHost, identity: ProcessIdentity, tag: string) {
    this.host = host
    this.identity = identity
    this.tag = tag
    this.#movedAt = host.scheduler.now
  }

  /** Of a process to which something happens all the time: tells, when it goes on, since when it has stood still. */
  onPause(ms: number, told: (since: number) => void): void {
    Object.assign(this.#pauses, { ms, told })
  }

  get standsStill(): boolean {
    return this.isStopped || this.host.standsStill
  }

  /** Something happens to it: now, once it goes on, or never. What throws ends the process, as in Node. */
  enter(run: () => void, kind: Arrival['kind'] = 'news'): void {
    if (!this.isAlive) return
    if (this.standsStill) {
      if (kind === 'news') this.#heldNews += 1
      if (kind === 'timer' || this.#heldNews <= mostHeldNews) this.#held.push({ kind, run })
      return
    }
    const { now } = this.host.scheduler
    if (now - this.#movedAt > this.#pauses.ms) this.#pauses.told(this.#movedAt)
    this.#movedAt = now
    try {
      run()
    } catch (bug) {
      this.#crash(bug)
    }
  }

  /** A timer on the host's own monotonic clock. */
  after(delayMs: number, run: () => void): Cancel {
    const { host } = this
    // As the real one: whole milliseconds, rounded up, one at least. Time would stand still otherwise.
    const wait = Math.max(1, Math.ceil(delayMs))
    const due = host.monotonic() + wait
    let cancel: Cancel = () => {}
    let isOver = false
    const fire = () => {
      if (isOver) return
      const left = due - host.monotonic()
      // Still to come: the clock stood, or the machine was suspended meanwhile.
      if (left > 1e-6) return arm(left)
      isOver = true
      run()
    }
    const arm = (left: number) => {
      cancel = host.scheduler.after(left / host.rate, () => this.enter(fire, 'timer'))
    }
    arm(wait)
    return () => {
      isOver = true
      cancel()
    }
  }

  /** What a call of the kernel answers after `delayMs`; never for one that is dead by then. */
  answer<T>(delayMs: number, compute: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.host.scheduler.after(delayMs, () => {
        this.enter(() => {
          try {
            resolve(compute())
          } catch (trouble) {
            reject(trouble)
          }
        })
      })
    })
  }

  onExit(exited: (code: number | null) => void): Cancel {
    this.#exited.push(exited)
    return () => {
      const at = this.#exited.indexOf(exited)
      if (at >= 0) this.#exited.splice(at, 1)
    }
  }

  /** SIGSTOP. */
  stop(): void {
    this.isStopped = true
  }
  /** SIGCONT. */
  go(): void {
    this.isStopped = false
    this.wake()
  }

  /** Goes on with what has come meanwhile: timers first, or what was to be read, as the event loop happens to stand. */
  wake(): void {
    if (this.standsStill || this.#held.length === 0) return
    const held = this.#held
    this.#held = []
    this.#heldNews = 0
    const order: readonly Arrival['kind'][] = this.host.chance.happens(0.5) ? ['timer', 'news'] : ['news', 'timer']
    for (const wanted of order)
      for (const { kind, run } of held) if (kind === wanted) this.host.scheduler.after(0, () => this.enter(run, kind))
  }

  /** It ends, and whoever waits for that is told. */
  exit(code: number | null): void {
    if (!this.isAlive) return
    this.isAlive = false
    this.#held = []
    this.host.processes.delete(this.identity.pid)
    for (const exited of [...this.#exited]) exited(code)
  }

  /** The machine is gone, and with it everybody who could be told. */
  vanish(): void {
    this.isAlive = false
    this.#held = []
  }

  /** Called with what felled a process: a bug, for the report. */
  onBug: (bug: unknown) => void = () => {}

  #crash(bug: unknown): void {
    this.onBug(bug)
    this.exit(1)
  }
}
