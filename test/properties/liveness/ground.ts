/** What agents stand on: true time and clocks, the log with its late commits, the network with its losses. */
import type { Decision } from '../../../src/decisions/decision.ts'
import type { Beat, Membership } from '../../../src/decisions/liveness.ts'
import { membershipOf, timingOf } from '../../../src/decisions/membership.ts'
import type { Timing } from '../../../src/decisions/promises.ts'
import {
  commitId,
  type Event,
  hash,
  type Instant,
  type Recorded,
  sequence,
  type VoterName,
  wallTime,
} from '../../../src/events/index.ts'
import { fold, initialState, type State } from '../../../src/projections/state.ts'
import {
  type Changes,
  type Conditions,
  configurationOf,
  freshDisk,
  Machine,
  noChanges,
  releaseFor,
  type Size,
  T,
  usualDrift,
  wordsOf,
} from './machine.ts'
import type { Rules } from './rules.ts'
import { type Chance, chanceOf, Timeline } from './timeline.ts'

export abstract class Ground {
  readonly timeline = new Timeline()
  readonly chance: Chance
  readonly rules: Rules
  readonly machines: readonly Machine[]
  readonly trace: string[] = []
  failure: string | null = null
  readonly states: State[] = [initialState]
  readonly memberships: Membership[] = []
  readonly commitIds = new Map<string, number>()
  readonly releaseMs: number
  readonly timing: Timing
  readonly rho: number
  readonly size: Size
  /** How often, per turn of a leased server, somebody changes something. */
  readonly changes: Changes
  readonly keep: boolean
  readonly cuts = new Map<string, number>()
  loss: number
  far: number
  double: number
  /** How often a reader of the log is not behind. */
  prompt: number
  ids = 0
  readonly recorded: Recorded[] = []

  constructor(
    seed: number,
    size: Size,
    rules: Rules,
    { drift = usualDrift, changes = noChanges, keep = false }: Conditions = {},
  ) {
    this.chance = chanceOf(seed)
    this.rules = rules
    this.releaseMs = releaseFor(drift.allowed)
    this.timing = { timeoutMs: T, releaseMs: this.releaseMs, clockRate: drift.allowed }
    this.rho = drift.allowed
    this.size = size
    this.changes = changes
    this.keep = keep
    this.loss = this.chance.oneOf([0, 0.05, 0.2])
    this.far = this.chance.oneOf([0, 0.03, 0.1])
    this.double = this.chance.oneOf([0, 0.05, 0.2])
    this.prompt = this.chance.oneOf([0.9, 0.9, 0.4])
    const configuration = configurationOf(size, drift.allowed, { keep })
    const names = [...configuration.servers.map(({ name }) => name), ...(size.witness ? ['w'] : [])] as VoterName[]
    const nobody = rules.awaken('w' as VoterName, freshDisk('w' as VoterName, 0), this.timing, 0 as Instant)
    this.machines = names.map(
      (name) => new Machine(name, name !== 'w', { chance: this.chance, drift: drift.clocks }, nobody),
    )
    this.record(
      [
        { type: 'ClusterCreated', data: { cluster: 'model' } },
        { type: 'ConfigurationApplied', data: { version: 1, configuration, source: '', note: '' } },
        ...this.machines.map(
          ({ name, disk }): Event => ({ type: 'VoterAdmitted', data: { voter: name, store: disk.store } }),
        ),
      ],
      'first',
    )
  }

  abstract receive(m: Machine, beat: Beat): void

  say(what: string): void {
    this.trace.push(`${(this.timeline.now / 1000).toFixed(3)} ${what}`)
  }

  local(m: Machine): Instant {
    return (m.offset + m.rate * this.timeline.now) as Instant
  }

  // ---- the log ---------------------------------------------------------------------------------------------

  get state(): State {
    return this.states.at(-1) ?? initialState
  }

  record(events: readonly [Event, ...Event[]], id: string): void {
    const at = sequence(this.recorded.length + 1)
    const commit = {
      id: commitId(id),
      by: 'server:model' as const,
      at: wallTime(Math.round(this.timeline.now)),
      causedBy: null,
      because: {},
      events,
    }
    const one: Recorded = { position: { sequence: at, hash: hash('h') }, previous: hash('h'), commit, bytes: '' }
    this.recorded.push(one)
    this.commitIds.set(id, at)
    const state = fold(this.state, [one])
    this.states.push(state)
    this.memberships[at] = membershipOf(state)
    this.say(`commit ${at} ${events.map(wordsOf).join(', ')}`)
  }

  /** Compare-and-set after a while; some commits arrive late, and every one may arrive twice. */
  append(m: Machine, { events }: Decision): void {
    const after = m.folded
    this.ids += 1
    const id = `${m.name}-${m.life}-${this.ids}`
    const send = () => {
      if (m.isCutFromLogUntil > this.timeline.now) return
      const delay = this.chance.happens(0.85) ? this.chance.between(5, 50) : this.chance.between(0, 2 * T)
      this.timeline.after(delay, () => {
        if (this.commitIds.has(id) || !this.rules.isExpected(after, this.recorded.length)) return
        this.record(events, id)
      })
    }
    m.pending = { id, after, since: this.timeline.now, send }
    send()
  }

  /** Reads on: the log as it was `now`, after a delay. */
  pull(m: Machine): void {
    if (m.isCutFromLogUntil > this.timeline.now) return
    const { life } = m
    const all = this.recorded.length
    // A long way is read page by page.
    const length = this.chance.happens(0.6) ? all : Math.ceil(this.chance.between(m.folded, all))
    const delay = this.chance.happens(this.prompt) ? this.chance.between(5, 100) : this.chance.between(0, T)
    this.timeline.after(delay, () => {
      if (m.life !== life || !m.hasAgent || m.isFrozen || length <= m.folded) return
      const joined = this.recorded
        .slice(m.folded, length)
        .some(({ commit }) => commit.events.some((e) => e.type === 'ServerJoined' && e.data.server === m.name))
      m.folded = length
      m.reached = Math.max(m.reached, length)
      if (joined) m.joinedAt = this.local(m)
      this.retime(m)
      this.settle(m)
    })
  }

  retime(m: Machine): void {
    m.l = this.rules.retimed(m.l, timingOf(this.states[m.folded] as State) ?? this.timing)
  }

  /** As the recorder: what stands at `after + 1` tells what became of an append. */
  settle(m: Machine): void {
    if (!m.pending || m.folded <= m.pending.after) return
    if (this.commitIds.get(m.pending.id) === m.pending.after + 1) m.hasBarrier = true
    m.pending = null
  }

  membershipOf(m: Machine): Membership {
    return this.memberships[m.folded] as Membership
  }

  cut(from: Machine, to: Machine, ms: number): void {
    const key = `${from.name}>${to.name}`
    this.cuts.set(key, Math.max(this.cuts.get(key) ?? 0, this.timeline.now + ms))
  }

  send(from: Machine, to: Machine, beat: Beat): void {
    const cutUntil = this.cuts.get(`${from.name}>${to.name}`) ?? 0
    if (cutUntil > this.timeline.now || this.chance.happens(this.loss)) return
    for (const _ of this.chance.happens(this.double) ? [1, 2] : [1]) {
      const delay = this.chance.happens(this.far) ? this.chance.between(0, 3 * T) : this.chance.between(1, 100)
      this.timeline.after(delay, () => this.receive(to, beat))
    }
  }
}
