/** The disk of a host: what is synced survives a power failure, what is not may be there, be torn, or be lost. */
import type { Scheduler } from './clock.ts'
import type { Chance } from './random.ts'

type File = {
  content: string
  /** What a power failure leaves at least; null = no such file. */
  durable: string | null
}

export const goodSyncMs = [0.3, 3] as const

export class Disk {
  readonly #scheduler: Scheduler
  readonly #chance: Chance
  readonly #wrote: (path: string, content: string) => void
  readonly #files = new Map<string, File>()
  /** Writes that a power failure now finds half done. */
  readonly #underWay = new Map<object, { readonly path: string; readonly content: string }>()
  /** Nothing answers before then. */
  #stalledUntil = 0
  /** Why every write fails; null = they do not. */
  trouble: string | null = null
  /** What an fsync takes, in ms. */
  sync: readonly [least: number, most: number] = goodSyncMs

  constructor(scheduler: Scheduler, chance: Chance, wrote: (path: string, content: string) => void) {
    this.#scheduler = scheduler
    this.#chance = chance
    this.#wrote = wrote
  }

  stall(ms: number): void {
    this.#stalledUntil = Math.max(this.#stalledUntil, this.#scheduler.now + ms)
  }
  mend(): void {
    this.#stalledUntil = 0
    this.trouble = null
    this.sync = goodSyncMs
  }

  readMs(): number {
    return this.#chance.between(0.05, 0.3)
  }
  writeMs(): number {
    return this.#waitMs() + this.#chance.between(0.05, 0.3)
  }
  syncMs(): number {
    return this.#waitMs() + this.#chance.between(...this.sync)
  }
  #waitMs(): number {
    return Math.max(0, this.#stalledUntil - this.#scheduler.now)
  }

  read(path: string): string | null {
    return this.#files.get(path)?.content ?? null
  }
  list(directory: string): readonly string[] {
    const names = [...this.#files.keys()].flatMap((path) =>
      path.startsWith(`${directory}/`) ? [path.slice(directory.length + 1).split('/')[0] ?? ''] : [],
    )
    return [...new Set(names)].toSorted()
  }

  /** A durable write begins. `finish` puts it in place, or throws as the disk's trouble says; `abandon` leaves nothing. */
  begin(path: string, content: string): { readonly finish: () => void; readonly abandon: () => void } {
    const write = { path, content }
    this.#underWay.set(write, write)
    const abandon = () => this.#underWay.delete(write)
    const finish = () => {
      abandon()
      this.#orFail()
      this.#files.set(path, { content, durable: content })
      this.#wrote(path, content)
    }
    return { finish, abandon }
  }

  write(path: string, content: string): void {
    this.#orFail()
    this.#files.set(path, { content, durable: this.#files.get(path)?.durable ?? null })
    this.#wrote(path, content)
  }

  append(path: string, content: string): void {
    this.#orFail()
    const before = this.#files.get(path)
    this.#files.set(path, { content: (before?.content ?? '') + content, durable: before?.durable ?? null })
    this.#wrote(path, content)
  }

  remove(path: string): void {
    this.#files.delete(path)
  }

  rename(from: string, to: string): void {
    const file = this.#files.get(from)
    if (file === undefined) return
    this.#files.delete(from)
    this.#files.set(to, file)
  }

  /** Another disk is in its place: empty, but for what was brought along. */
  replace(isBroughtAlong: (path: string) => boolean): void {
    for (const path of this.#files.keys()) if (!isBroughtAlong(path)) this.#files.delete(path)
    this.mend()
  }

  /** A file replaced without a sync is the old one, the new one, or empty or torn; one replaced with is old or new. */
  powerLost(): void {
    for (const { path, content } of this.#underWay.values()) {
      if (this.#chance.happens(0.5)) continue
      this.#files.set(path, { content, durable: content })
      this.#wrote(path, content)
    }
    this.#underWay.clear()
    for (const [path, { content, durable }] of this.#files) {
      if (content === durable) continue
      const torn = content.slice(0, this.#chance.whole(0, content.length))
      const left = this.#chance.pick([durable, content, torn])
      if (left === null) this.#files.delete(path)
      else this.#files.set(path, { content: left, durable: left })
    }
    this.#stalledUntil = 0
  }

  #orFail(): void {
    if (this.trouble !== null) throw new Error(this.trouble)
  }
}
