/**
 * Random writes, crashes, power cuts, lost connections, disks that fail for a while, a log without quorum. Whenever a side is activated that the log
 * calls current it has every acknowledged write; only a power cut of that very machine may take what was not flushed.
 * And each rule that is broken on purpose is noticed.
 */
import { describe, expect, test } from 'vitest'
import { failWrites } from '../specs/mirror/failing-disks.ts'
import { type Broken, blocks, MirrorPair, type Name, other } from '../specs/mirror/mirror-pair.ts'

/** A small generator of its own, so that a seed names a run for ever. */
const randomOf = (seed: number) => {
  let state = (seed * 2_654_435_761) >>> 0 || 1
  const next = (): number => {
    state ^= state << 13
    state >>>= 0
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state / 2 ** 32
  }
  return { next, below: (n: number) => Math.floor(next() * n), chance: (p: number) => next() < p }
}

type Written = {
  readonly value: number
  readonly outcome: { answer: unknown }
  isFlushed: boolean
  readonly at: number
}

class LostWrite extends Error {}

class Run {
  readonly pair: MirrorPair
  readonly #random: ReturnType<typeof randomOf>
  /** By block, in order; each begins with what it was formatted with. */
  #written: Written[][] = Array.from({ length: blocks }, () => [
    { value: 0, outcome: { answer: null }, isFlushed: true, at: 0 },
  ])
  #values = Array.from({ length: blocks }, () => 0)
  #flushes: { readonly outcome: { answer: unknown }; readonly covers: readonly Written[] }[] = []
  #turn = 0
  #powerLostAt = { alpha: -1, beta: -1 }
  #active: Name | null = 'alpha'
  #isUnread = false

  constructor(seed: number, broken?: Broken) {
    this.#random = randomOf(seed)
    const resync = {
      windowBytes: 8192,
      bytesPerSecond: this.#random.chance(0.5) ? 200_000 : null,
      flushEveryBytes: 16_384,
    }
    this.pair = new MirrorPair({ limits: { resync }, ...(broken ? { broken } : {}) })
  }

  readonly go = async (steps: number): Promise<void> => {
    await this.pair.pairUp()
    for (let step = 0; step < steps; step++) {
      this.#turn += 1
      this.#step()
      await this.pair.virtual.pass(this.#random.chance(0.7) ? this.#random.below(6) : this.#random.below(2500))
      this.#noteFirstRead()
      this.#noteFlushes()
    }
    await this.#heal()
  }

  readonly #step = (): void => {
    const roll = this.#random.next()
    if (roll < 0.55) this.#write()
    else if (roll < 0.67) this.#flush()
    else if (roll < 0.72) this.pair.cut()
    else if (roll < 0.82) this.pair.connect()
    else if (roll < 0.88) this.#crash(this.#random.chance(0.5) ? 'alpha' : 'beta')
    else if (roll < 0.95) this.#repair()
    else if (roll < 0.98) this.#failOrMend()
    else this.pair.log.isWritable = !this.pair.log.isWritable
  }

  readonly #write = (): void => {
    if (this.#active === null || this.#isUnread) return
    // Few blocks, so that the same are written again.
    const block = this.#random.below(this.#random.chance(0.8) ? 8 : blocks)
    const value = ((this.#values[block] ?? 0) % 250) + 1
    this.#values[block] = value
    const outcome = this.pair.write(this.#active, block, value)
    this.#written[block]?.push({ value, outcome, isFlushed: false, at: this.#turn })
  }

  readonly #flush = (): void => {
    if (this.#active === null || this.#isUnread) return
    // A flush covers what was acknowledged before it.
    const covers = this.#written.flat().filter(({ outcome }) => outcome.answer === null)
    this.#flushes.push({ outcome: this.pair.flush(this.#active), covers })
  }

  readonly #noteFlushes = (): void => {
    for (const { outcome, covers } of this.#flushes)
      if (outcome.answer === null) for (const one of covers) one.isFlushed = true
    this.#flushes = this.#flushes.filter(({ outcome }) => outcome.answer === 'waits')
  }

  readonly #crash = (name: Name, losesPower = this.#random.chance(0.6)): void => {
    this.#noteFlushes()
    this.pair.crash(name, losesPower ? { keeps: () => this.#random.chance(0.3) } : 'kept')
    if (losesPower) this.#powerLostAt[name] = this.#turn
    if (this.#active === name) this.#active = null
  }

  /** A disk writes nothing any more, or those that failed are well again. */
  readonly #failOrMend = (): void => {
    const { servers } = this.pair
    const isMended = this.#random.chance(0.4)
    for (const server of Object.values(servers)) if (isMended) server.mend()
    if (isMended) return
    const name = this.#random.chance(0.8) ? (this.#active ?? 'alpha') : 'beta'
    failWrites(this.pair, this.#random.chance(0.5) ? 'data' : 'metadata', name)
  }

  /** Somebody is activated where nobody is, whoever is left follows. */
  readonly #repair = (): void => {
    if (this.#active !== null && this.#isOver(this.#active)) this.#crash(this.#active, false)
    for (const name of this.#random.chance(0.5) ? (['alpha', 'beta'] as const) : (['beta', 'alpha'] as const)) {
      if (this.#active === null) this.#activate(name)
      else if (this.#active !== name && this.pair.servers[name].side === null) this.#follow(name)
    }
    this.pair.connect()
  }

  /** It serves nothing any more; or with the disk of the other side, where the group is moved to. */
  readonly #isOver = (name: Name): boolean => {
    const { pair } = this.pair.active(name).condition
    return pair === 'stopped' || (pair === 'detached' && this.pair.servers[other(name)].side !== null)
  }

  readonly #follow = (name: Name): void => {
    this.pair.servers[name].mend()
    // What it had is void, as its agent knows.
    if (this.pair.log.detached === name) this.pair.servers[name].format()
    this.pair.follow(name)
  }

  readonly #activate = (name: Name): void => {
    // Who follows is told to serve: its process begins anew.
    if (this.pair.servers[name].side !== null) this.pair.crash(name)
    this.pair.servers[name].mend()
    if (this.pair.activate(name) !== null) return
    this.#active = name
    this.#isUnread = true
  }

  /** From the moment that it answers, what it has is what everybody sees. */
  readonly #noteFirstRead = (): void => {
    if (this.#active === null || !this.#isUnread) return
    if (!['alone', 'resyncing', 'paired'].includes(this.pair.active(this.#active).condition.pair)) return
    this.#isUnread = false
    this.#check(this.#active)
  }

  readonly #check = (name: Name): void => {
    this.#flushes = []
    this.#written = this.#written.flatMap((all, block) => [this.#checkBlock(name, block, all)])
  }

  /** Answers what is known of the block from here on: what was begun after the value that was found never was. */
  readonly #checkBlock = (name: Name, block: number, all: readonly Written[]): Written[] => {
    const found = this.pair.valueOf(name, block)
    const place = all.findLastIndex(({ value }) => value === found)
    const isNeeded = ({ outcome, isFlushed, at }: Written): boolean =>
      isFlushed || (outcome.answer === null && at > this.#powerLostAt[name])
    const needed = all.findLastIndex(isNeeded)
    if (place < needed)
      throw new LostWrite(`turn ${this.#turn}: ${name} has ${found} in block ${block}, not ${all[needed]?.value}`)
    this.#values[block] = found
    const kept = all.slice(0, place + 1)
    // It has been read now: it may go only as what was acknowledged may.
    const last = kept.at(-1)
    if (last) kept[kept.length - 1] = { ...last, outcome: { answer: null }, at: this.#turn }
    return kept
  }

  /** Faults stop: the mirror becomes whole by itself, and both sides are equal. */
  readonly #heal = async (): Promise<void> => {
    this.pair.log.isWritable = true
    for (const server of Object.values(this.pair.servers)) server.mend()
    for (let attempt = 0; attempt < 4; attempt++) {
      this.#repair()
      await this.pair.virtual.pass(20_000)
      this.#noteFirstRead()
    }
    if (this.#active === null) throw new LostWrite('nobody can be activated')
    if (this.pair.active(this.#active).condition.pair === 'stopped') return
    if (this.pair.servers[other(this.#active)].side === null) return
    expect(this.pair.active(this.#active).condition).toMatchObject({ pair: 'paired' })
    if (!this.pair.areEqual()) throw new LostWrite('the two sides differ after a resync')
  }
}

const lossIn = async (seeds: number, broken?: Broken): Promise<string | null> => {
  for (let seed = 1; seed <= seeds; seed++) {
    try {
      await new Run(seed, broken).go(60)
    } catch (error) {
      return `seed ${seed}: ${String(error)}`
    }
  }
  return null
}

describe('a mirror through any faults', () => {
  test('loses no acknowledged write, and becomes whole again', { timeout: 60_000 }, async () => {
    expect(await lossIn(Number(process.env.BATON_MIRROR_SEEDS ?? 40))).toBeNull()
  })
})

describe('each rule is needed: broken, it is noticed', () => {
  const broken: readonly Broken[] = [
    'marks are not on disk before the write',
    'marks are cleared before the other side has flushed',
    'a write is acknowledged before the log knows of the break',
    'the marks of the side that returns are not copied',
  ]
  test.each(broken)('%s', { timeout: 60_000 }, async (rule) => {
    expect(await lossIn(200, rule)).not.toBeNull()
  })
})
