/** A world for specs: its clock goes when it is told to, its disk is a map, its chance is a count. */
import { createHash, createHmac } from 'node:crypto'
import { hash, type Instant, instant, wallTime } from '../../src/events/index.ts'
import type { Clock, Files, Processes, World } from '../../src/world/world.ts'

type Timer = { readonly at: number; readonly run: () => void }

export class VirtualWorld {
  #now = 1000
  #ids = 0
  #timers: Timer[] = []
  boot = 'boot-1'
  /** How far CLOCK_BOOTTIME is ahead: what a suspend leaves behind. */
  suspendedMs = 0
  readonly disk = new Map<string, string>()
  /** Writes fail as long as this says why. */
  diskTrouble: string | null = null
  /** Writes are not answered. */
  isDiskStalled = false

  readonly clock: Clock = {
    now: () => instant(this.#now),
    sinceBoot: () => instant(this.#now + this.suspendedMs),
    wall: () => wallTime(1_795_190_400_000 + this.#now),
    after: (delayMs, run) => {
      const timer = { at: this.#now + Math.max(0, delayMs), run }
      this.#timers.push(timer)
      return () => {
        this.#timers = this.#timers.filter((one) => one !== timer)
      }
    },
  }

  readonly #write = async (path: string, content: string): Promise<void> => {
    if (this.diskTrouble !== null) throw new Error(this.diskTrouble)
    if (this.isDiskStalled) await new Promise(() => {})
    this.disk.set(path, content)
  }

  /** Only what agents in specs touch; anything else is a mistake of the spec. */
  get world(): World {
    const files: Partial<Files> = {
      read: async (path) => this.disk.get(path) ?? null,
      write: this.#write,
      writeDurably: this.#write,
    }
    const processes: Partial<Processes> = { own: () => ({ pid: 4711, startTicks: 1 }) }
    const world: Partial<World> = {
      processes: processes as Processes, // cast: the rest is not touched
      clock: this.clock,
      random: {
        id: () => {
          this.#ids += 1
          return `id-${String(this.#ids).padStart(6, '0')}`
        },
        fraction: () => 0.5,
      },
      files: files as Files, // cast: the rest is not touched
      digest: (bytes) => hash(createHash('sha256').update(bytes).digest('base64url')),
      authenticate: (key, bytes) => createHmac('sha256', key).update(bytes).digest(),
      bootId: () => this.boot,
    }
    return world as World // cast: the rest is not touched
  }

  get now(): Instant {
    return instant(this.#now)
  }

  /** Lets everything that waits for nothing but its turn happen. */
  readonly settle = async (): Promise<void> => {
    for (let turn = 0; turn < 50; turn++) await Promise.resolve()
  }

  /** Time goes by; timers run when they are due, and what follows from each before the next. */
  readonly pass = async (ms: number): Promise<void> => {
    const end = this.#now + ms
    await this.settle()
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)[0]
      if (!next) break
      this.#timers = this.#timers.filter((one) => one !== next)
      this.#now = Math.max(this.#now, next.at)
      next.run()
      await this.settle()
    }
    this.#now = end
    await this.settle()
  }
}
