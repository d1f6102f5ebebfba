/** One random life of a pair's log: two copies that last, two agents that come and go, and what was acknowledged. */
import { type LogCopier, logCopier } from '../../../src/agents/pair/log-copier.ts'
import { type PairLog, pairLog } from '../../../src/agents/pair/pair-log.ts'
import { parseExported } from '../../../src/events/exported-log.ts'
import {
  type Commit,
  decodeCommit,
  generationOf,
  type Position,
  type Subscription,
  sequence,
  serverName,
  start,
  voterName,
} from '../../../src/events/index.ts'
import { foldSides, sidesOf } from '../../../src/projections/log-sides.ts'
import { newCommit } from '../../specs/events/event-log-contract.ts'
import { MemoryCopy, memorySide, type Way } from '../../specs/pair/memory-side.ts'
import { VirtualWorld } from '../../specs/virtual-world.ts'

type Name = 's1' | 's2'
const names: readonly Name[] = ['s1', 's2']
const otherOf = (name: Name): Name => (name === 's1' ? 's2' : 's1')
const members = names.map((name) => voterName(name))

/** One agent's life: a log, a copier, and how far it has read. */
type Agent = {
  readonly log: PairLog
  readonly copier: LogCopier
  readonly subscription: Subscription
  reached: Position
  /** It has had a commit of its own accepted, and no wrong judgement since (liveness-pair.ts). */
  hasBarrier: boolean
  isAlive: boolean
  isYielding: boolean
}

export class PairRun {
  readonly #clock = new VirtualWorld()
  readonly #copies = { s1: new MemoryCopy(voterName('s1')), s2: new MemoryCopy(voterName('s2')) }
  readonly #agents: Partial<Record<Name, Agent>> = {}
  readonly #acknowledged = new Map<string, number>()
  readonly #judged = new Set<Name>()
  readonly #kept = new Set<string>()
  readonly #failures: string[] = []
  readonly #mayBothJudge: boolean
  readonly #seed: number
  #random: number
  #isCut = false
  #isHealing = false
  #counts = { alone: 0, joined: 0, kept: 0, splits: 0, disksLost: 0 }

  constructor(seed: number, mayBothJudge: boolean) {
    this.#seed = seed
    this.#random = seed * 2_654_435_761 + 1
    this.#mayBothJudge = mayBothJudge
    for (const name of names) this.#startAgent(name)
  }

  debug(n: Name) {
    const a = this.#agents[n]
    return {
      alive: a?.isAlive,
      y: a?.isYielding,
      sides: a?.log.sides(),
      reached: a?.log.reached(),
      st: a?.copier.standing(),
      status: a?.log.status(),
      r2: a?.reached,
    }
  }

  result() {
    return {
      ...this.#counts,
      acknowledged: this.#acknowledged.size,
      failures: this.#failures.map((failure) => `seed ${this.#seed}: ${failure}`),
    }
  }

  async steps(count: number): Promise<void> {
    for (let step = 0; step < count; step += 1) {
      const name = this.#pick(names)
      const pending = this.#step(name)
      await this.#clock.pass(this.#pick([0, 1, 20, 250]))
      void pending
    }
  }

  /** Everything works again: one history, on both, with all that was acknowledged. */
  async heal(): Promise<void> {
    this.#isHealing = true
    this.#isCut = false
    for (const name of names) {
      this.#copies[name].isUp = true
      this.#copies[name].tell()
    }
    for (let round = 0; round < 40; round += 1) {
      for (const name of names) {
        if (!this.#agents[name]?.isAlive) this.#startAgent(name)
        this.#agents[name]?.log.judge(false)
        await this.#considerYielding(name)
        void this.#append(name)
        await this.#clock.pass(300)
        void this.#takeBack(name)
        await this.#clock.pass(300)
      }
    }
    this.#check()
  }

  #check(): void {
    const [one, other] = names.map((name) => this.#copies[name].bytes)
    if (one?.join() !== other?.join()) this.#fail(`the copies differ: ${one?.length} and ${other?.length} commits`)
    const ids = new Map(one?.map((bytes, index) => [decodeCommit(bytes).commit.id as string, index + 1]))
    for (const [id, at] of this.#acknowledged) {
      const isThere = ids.get(id) === at
      if (!isThere && !(this.#mayBothJudge && this.#kept.has(id)))
        this.#fail(`commit ${at} was acknowledged and is gone`)
    }
    const ways = this.#sidesStored('s1')
    if (ways.isAlone) this.#fail(`the log is still with ${ways.head} alone`)
  }

  async #step(name: Name): Promise<void> {
    const chance = this.#fraction()
    const agent = this.#agents[name]
    if (chance < 0.55) return this.#append(name)
    if (chance < 0.65) return this.#goAlone(name)
    if (chance < 0.75) return this.#takeBack(name)
    if (chance < 0.8) this.#cut(!this.#isCut)
    else if (chance < 0.86) {
      if (agent?.isAlive) this.#kill(name)
      else this.#startAgent(name)
    } else if (chance < 0.92) {
      this.#copies[name].isUp = !this.#copies[name].isUp
      this.#copies[name].tell()
    } else if (chance < 0.93) this.#loseDisk(name)
    else await this.#considerYielding(name)
  }

  async #append(name: Name, commit: Commit = newCommit()): Promise<void> {
    const agent = this.#agents[name]
    if (!agent?.isAlive) return
    const after = agent.reached
    const answer = await agent.log.append(after, commit)
    if (answer.result !== 'appended') return
    agent.hasBarrier = true
    this.#acknowledge(commit.id, answer.position.sequence)
  }

  #acknowledge(id: string, at: number): void {
    const before = [...this.#acknowledged].find(([, place]) => place === at)
    if (before && before[0] !== id && !this.#mayBothJudge) this.#fail(`two commits were acknowledged at ${at}`)
    this.#acknowledged.set(id, at)
  }

  /** What the rules of liveness-pair.ts promise: whoever may go on alone has missed no history of the other's. */
  async #goAlone(name: Name): Promise<void> {
    const agent = this.#agents[name]
    const peer = otherOf(name)
    if (!agent?.isAlive || this.#isHealing) return
    const theirs = this.#sidesStored(peer)
    const hasMissed = theirs.since > agent.reached.sequence
    const isRight = agent.hasBarrier && !hasMissed && !this.#judging(peer)
    if (!isRight && !this.#mayBothJudge) return
    if (agent.log.sides().isAlone) return
    this.#judged.add(name)
    agent.log.judge(true)
    const generation = generationOf(sequence(1))
    for (let attempt = 0; attempt < 5 && !agent.log.sides().isAlone && agent.isAlive; attempt += 1) {
      const data = { server: serverName(peer), generation, supports: [] }
      await this.#append(name, { ...newCommit(), events: [{ type: 'ServerDeclaredDown', data }] })
      await this.#clock.settle()
    }
    agent.log.judge(false)
    this.#judged.delete(name)
    if (agent.log.sides().isAlone) this.#counts.alone += 1
  }

  #judging(name: Name): boolean {
    if (this.#judged.has(name)) return true
    const stored = this.#sidesStored(name)
    return stored.isAlone && stored.head === name && this.#agents[otherOf(name)]?.log.sides().head !== name
  }

  async #takeBack(name: Name): Promise<void> {
    const agent = this.#agents[name]
    if (!agent?.isAlive || this.#isCut) return
    const { isAlone, head } = agent.log.sides()
    if (!isAlone || head !== name || agent.copier.standing().peer !== 'current' || !agent.hasBarrier) return
    const data = { server: serverName(otherOf(name)) }
    await this.#append(name, { ...newCommit(), events: [{ type: 'LogCopyJoined', data }] })
    if (!agent.log.sides().isAlone) this.#counts.joined += 1
  }

  async #considerYielding(name: Name): Promise<void> {
    const agent = this.#agents[name]
    const split = agent?.copier.standing().split
    if (!agent?.isAlive || agent.isYielding || !split || split.isOurs) return
    agent.isYielding = true
    this.#counts.splits += 1
    const yielding = agent.copier.yield(split.common, async () => {})
    await yielding.then(
      () => {
        if (!agent.isAlive) return
        this.#kill(name)
        this.#startAgent(name)
      },
      () => {
        agent.isYielding = false
      },
    )
  }

  /** A new disk, while the other one has everything that was acknowledged; not beside a wrong judgement. */
  #loseDisk(name: Name): void {
    const idsOf = (of: Name) => this.#copies[of].bytes.map((bytes) => decodeCommit(bytes).commit.id as string)
    const others = new Set(idsOf(otherOf(name)))
    if (idsOf(name).some((id) => this.#acknowledged.has(id) && !others.has(id))) return
    // Whoever is alone has the only copy that counts: that disk must not be lost.
    const stored = this.#sidesStored(name)
    if (stored.isAlone && stored.head === name) return
    // Rule 3: who has lost its disk is nobody's voice, so it must not be judged about meanwhile either.
    if (this.#judged.size > 0 || this.#mayBothJudge) return
    this.#kill(name)
    this.#copies[name].empty()
    this.#counts.disksLost += 1
  }

  #kill(name: Name): void {
    const agent = this.#agents[name]
    if (!agent) return
    agent.isAlive = false
    agent.copier.stop()
    agent.subscription.stop()
    void agent.log.close()
  }

  #cut(isCut: boolean): void {
    this.#isCut = isCut
    for (const copy of Object.values(this.#copies)) copy.tell()
  }

  #startAgent(name: Name): void {
    const { world } = this.#clock
    const isDead = () => !agent.isAlive
    // A dead agent's requests are lost with it, or arrive and nobody hears of it.
    const way = (isOpen: () => boolean): Way => ({
      isOpen: () => !isDead() && isOpen(),
      fate: () => (this.#isHealing || this.#fraction() < 0.85 ? 'goes' : this.#pick(['request lost', 'reply lost'])),
    })
    const own = memorySide(
      this.#copies[name],
      way(() => true),
    )
    const peer = memorySide(
      this.#copies[otherOf(name)],
      way(() => !this.#isCut),
    )
    const agent = { isAlive: true, hasBarrier: false, isYielding: false, reached: start } as Agent
    const log = pairLog(world, {
      me: voterName(name),
      members,
      own,
      peer,
      from: { position: start, sides: sidesOf(members) },
    })
    const copier = logCopier(world, {
      cluster: 'lab',
      members: names.map((one) => serverName(one)),
      log,
      own,
      peer,
      keep: async (lines) => this.#keep(lines),
      setAside: async () => {},
      say: () => {},
      changed: () => {},
    })
    const subscription = log.follow(start, {
      commits: (recorded) => {
        agent.reached = recorded.at(-1)?.position ?? agent.reached
      },
      trouble: () => {},
      repaired: () => {},
    })
    Object.assign(agent, { log, copier, subscription })
    this.#agents[name] = agent
  }

  #keep(lines: readonly string[]): string {
    this.#counts.kept += 1
    for (const [index, line] of lines.entries()) if (index > 0) this.#kept.add(parseExported(line, index).commit.id)
    return 'file'
  }

  #sidesStored(name: Name) {
    return this.#copies[name].bytes.reduce(
      (sides, bytes, index) =>
        decodeCommit(bytes).commit.events.reduce(
          (so, event) => foldSides(so, event, { sequence: sequence(index + 1), members }),
          sides,
        ),
      sidesOf(members),
    )
  }

  #fail(what: string): void {
    this.#failures.push(what)
  }

  #fraction(): number {
    this.#random = (this.#random + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#random ^ (this.#random >>> 15), 1 | this.#random)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  #pick<T>(from: readonly T[]): T {
    const picked = from[Math.floor(this.#fraction() * from.length)] ?? from[0]
    if (picked === undefined) throw new Error('nothing to pick from')
    return picked
  }
}
