/**
 * A randomised model of the protocol: the product's own pure functions on a virtual clock, with several voters, a lossy
 * network, a log with late commits, crashes, pauses, wiped disks and clocks that drift. The agents' part is written as
 * small as it can be; everything that decides is the product's.
 */
import { Agents } from './agents.ts'
import {
  type Conditions,
  faultsMs,
  freshDisk,
  groups,
  healedMs,
  type Machine,
  type Outcome,
  type Size,
  T,
} from './machine.ts'
import type { Rules } from './rules.ts'

export class Model extends Agents {
  readonly #faultEveryMs: number

  constructor(seed: number, size: Size, rules: Rules, conditions?: Conditions) {
    super(seed, size, rules, conditions)
    this.#faultEveryMs = this.chance.oneOf([2500, 5000])
    for (const machine of this.machines) this.start(machine)
    this.timeline.after(this.chance.between(1000, 10_000), () => this.fault())
    this.timeline.after(faultsMs, () => this.heal())
  }

  run(): Outcome {
    while (this.failure === null && this.timeline.step(this.endMs())) this.check()
    if (this.failure === null) this.demandProgress()
    const events = this.recorded.flatMap(({ commit }) => commit.events.map(({ type }) => type))
    const count = (type: string) => events.filter((one) => one === type).length
    return {
      failure: this.failure,
      takeovers: count('ServerDeclaredDown'),
      joins: count('ServerJoined'),
      fenced: count('FencingConfirmed'),
      electorates: count('VotersChanged'),
      retimings: count('ConfigurationApplied') + count('TimeoutStretched') + count('TimeoutStretchEnded') - 1,
      trace: this.trace,
    }
  }

  /** Where T was longer, it takes longer until everything runs again. */
  endMs(): number {
    const { longestMs } = this.state.configuration
    return faultsMs + healedMs + (longestMs > T ? 4 * longestMs : 0)
  }

  // ---- what must hold --------------------------------------------------------------------------------------

  check(): void {
    for (const group of groups) {
      const on = this.machines.filter(({ running }) => running.has(group))
      if (on.length > 1) this.failure = `${group} runs on ${on.map(({ name }) => name).join(' and ')}`
    }
    const [anomaly] = this.state.anomalies
    if (anomaly) this.failure ??= `anomaly: ${anomaly.what}`
    if (this.failure !== null) this.say(this.failure)
  }

  demandProgress(): void {
    for (const group of groups)
      if (!this.machines.some(({ running }) => running.has(group))) this.failure ??= `stuck: ${group} runs nowhere`
  }

  // ---- faults ----------------------------------------------------------------------------------------------

  fault(): void {
    if (this.timeline.now > faultsMs - 5000) return
    this.timeline.after(-Math.log(1 - this.chance.fraction()) * this.#faultEveryMs, () => this.fault())
    const wish = this.chance.oneOf([500, 2000, T - this.releaseMs, T - 500, T, T + 1000, 2 * T, 4 * T])
    const ms = Math.min(wish * this.chance.between(0.8, 1.2), faultsMs - 1000 - this.timeline.now)
    const [x, y] = [this.chance.oneOf(this.machines), this.chance.oneOf(this.machines)]
    this.chance.oneOf(this.faults(x, y, ms))()
  }

  faults(x: Machine, y: Machine, ms: number): readonly (() => void)[] {
    const all = this.machines
    return [
      () => this.cut(x, y, ms),
      () => [x, y].forEach((one, index, both) => void this.cut(one, both[1 - index] ?? one, ms)),
      () => this.isolate(x, ms),
      () => {
        // What x writes to the log now, the others read late; and then x is gone.
        for (const other of all) if (other !== x) other.isCutFromLogUntil = this.timeline.now + ms
        this.timeline.after(this.chance.between(0, ms / 2), () => this.isolate(x, ms))
      },
      () => {
        // A dip of the power of a rack, or of a switch: one is cut off, and the others start anew.
        this.isolate(x, ms)
        for (const other of all) if (other !== x) this.restartAgent(other)
      },
      () => {
        for (const v of all) this.chance.happens(0.5) ? this.cut(x, v, ms) : this.cut(v, x, ms)
      },
      () => {
        x.isCutFromLogUntil = this.timeline.now + ms
      },
      () => this.power(x, ms, this.chance.happens(0.15)),
      () => this.restartAgent(x),
      () => this.freeze(x, ms),
    ]
  }

  isolate(x: Machine, ms: number): void {
    this.say(`${x.name} is isolated for ${Math.round(ms)}`)
    for (const v of this.machines) [this.cut(x, v, ms), this.cut(v, x, ms)]
    if (this.chance.happens(0.7)) x.isCutFromLogUntil = this.timeline.now + ms
  }

  power(x: Machine, ms: number, isWiped: boolean): void {
    if (!x.isUp) return
    this.crash(x)
    if (isWiped) {
      this.say(`${x.name} loses its disk`)
      x.disk = freshDisk(x.name, this.timeline.now)
      x.reached = 0
    }
    this.timeline.after(ms, () => this.boot(x))
  }

  restartAgent(x: Machine): void {
    if (!x.isUp || !x.hasAgent) return
    this.say(`the agent of ${x.name} dies`)
    this.stopAgent(x)
    this.timeline.after(this.chance.oneOf([300, 1000, 3000, 7000]), () => x.isUp && !x.hasAgent && this.start(x))
  }

  freeze(x: Machine, ms: number): void {
    if (!x.hasAgent || x.isFrozen) return
    this.say(`the agent of ${x.name} freezes for ${Math.round(ms)}`)
    x.isFrozen = true
    const { life } = x
    this.timeline.after(ms, () => {
      if (x.life !== life) return
      x.isFrozen = false
      const { inbox } = x
      x.inbox = []
      // The loop may run before what has arrived is read.
      this.tick(x, life)
      for (const beat of inbox) if (x.life === life) this.receive(x, beat)
    })
  }

  heal(): void {
    this.say('healed')
    this.loss = 0
    this.far = 0
    // Some faults stay: a server that hears nobody, or that nobody hears. Whatever it had must run elsewhere.
    const lasting = this.chance.oneOf(['deaf', 'mute', 'none', 'none'] as const)
    // Rule 12: a server that keeps one group and is heard never renounces another that it owns and cannot start.
    if (this.keep) return
    const one = this.chance.oneOf(this.machines.filter(({ isServer }) => isServer))
    if (lasting === 'none') return
    this.say(`${one.name} stays ${lasting}`)
    for (const other of this.machines)
      if (lasting === 'deaf') this.cut(other, one, this.endMs())
      else this.cut(one, other, this.endMs())
  }
}

/** One run; the same seed is the same run. */
export const runModel = (seed: number, size: Size, rules: Rules, conditions?: Conditions): Outcome =>
  new Model(seed, size, rules, conditions).run()
