/**
 * One voter at work: sends and hears beats on every path, grants by echoing, supports removals once they are on disk.
 * The rules are `decisions/liveness.ts`; this only gives them time, paths and a disk. Servers and the witness run the same.
 */

import { acknowledging, changeToAcknowledge, holdsLease, leasedUntil } from '../../decisions/leases.ts'
import {
  awaken,
  type Beat,
  bar,
  beatDue,
  echoesOf,
  forgetPath,
  giveUpLease,
  hear,
  type Liveness,
  type Membership,
  nextSupportAt,
  publish,
  renounce,
  resumed,
  retimed,
  silence,
  supportsDue,
} from '../../decisions/liveness.ts'
import { type Judgement, noJudgement, type Pair, standIn } from '../../decisions/liveness-pair.ts'
import { membershipOf, noMembers, pairIn, timingOf } from '../../decisions/membership.ts'
import { passedOnBy } from '../../decisions/passed-on.ts'
import { mayPromise, promise, promiseDue, type Timing } from '../../decisions/promises.ts'
import { unsaid } from '../../decisions/unsaid.ts'
import {
  type Epoch,
  type Generation,
  type Incarnation,
  type Instant,
  instant,
  noGeneration,
  type PathName,
  pathName,
} from '../../events/index.ts'
import type { State } from '../../projections/state.ts'
import type { Cancel, World } from '../../world/world.ts'
import { newsOf } from '../beat-news.ts'
import { type BeatCodec, beatCodec } from '../heartbeats/beat-codec.ts'
import { lanPaths } from '../heartbeats/lan.ts'
import type { HeartbeatPath } from '../heartbeats/path.ts'
import { replayWatch } from '../heartbeats/replays.ts'
import { type PathTime, pathTimes } from '../path-times.ts'
import { lifeWatch } from './life-watch.ts'
import { supportWriter } from './support-writer.ts'
import type { VoterKit } from './voter-kit.ts'
import { durableOf, type VoterStore } from './voter-store.ts'

export type VoterOptions = {
  readonly kit: VoterKit
  readonly store: VoterStore
  readonly version: string
  /** What is said of ourselves in every beat. */
  readonly groups: () => Readonly<Record<string, Epoch>>
  /** Something about who lives may have changed: look again. */
  readonly changed: () => void
  /** The lease that is held lasts longer now, and nothing else is new. */
  readonly extended: () => void
  /** A beat went out: time has passed, and nothing else is new. */
  readonly passed: () => void
  /** Beats that are not what they claim to be; rate-limited by whoever reports them. */
  readonly suspicious: (what: string) => void
  /** Something could not be done here; safe, and worth a line. */
  readonly failed: (what: string) => void
  /** Why this server may hold no lease, whatever the others answer; null = it may. */
  readonly withheld?: () => string | null
  readonly codec?: typeof beatCodec
}

export type Voter = {
  readonly liveness: () => Liveness
  /** Of the software of other voters, by their own word. */
  readonly versions: () => Readonly<Record<string, string>>
  /** Whether this side can use the path itself; null = there is none, or it cannot know. */
  readonly isUsable: (name: PathName) => boolean | null
  /** When it last could, as far as is certain; null = there is none, or it cannot know. */
  readonly wroteAt: (name: PathName) => Instant | null
  /** How long beats take on each path; telemetry. */
  readonly times: () => readonly PathTime[]
  readonly membership: () => Membership
  /** The newest fold: servers, generations, admitted stores, timing. */
  readonly fold: (state: State) => void
  readonly addPath: (path: HeartbeatPath) => void
  readonly removePath: (name: PathName) => void
  /** A beat came in on a path that somebody else listens on (`nats`). */
  readonly receive: (bytes: Uint8Array, path: PathName) => void
  /** The same, by a path that has its own form of a beat, and has checked that it is authentic. */
  readonly hear: (beat: Beat, path: PathName) => void
  /** Sends a beat at once: something worth knowing has happened. */
  readonly beatNow: () => void
  /** Topology `pair`: what this server knows that may stand in for the other's voice. */
  readonly judge: (judgement: Judgement) => void
  /** Null in other topologies. */
  readonly pair: () => Pair | null
  /** Runs nothing more under this generation, without giving its word on that. */
  readonly giveUpLease: (generation: Generation) => void
  /** Rule 5: writes the renunciation down, then says it. */
  readonly renounceNow: (generation: Generation) => Promise<void>
  readonly hasLease: () => boolean
  readonly withheld: () => string | null
  /** Rule 10: counts the next voters as well, where that costs no lease; whether it is news, to be said once the guardian knows. */
  readonly acknowledgeChange: () => boolean
  readonly leasedUntil: () => Instant
  /** Stores that the voters show, ourselves included. */
  readonly stores: () => Readonly<Record<string, string>>
  /** Servers heard within T, ourselves included. */
  readonly reachable: () => ReadonlySet<string>
  readonly stop: () => void
}

/** Until the configuration is known: generous, so that nobody is given up for our ignorance. */
const firstTiming: Timing = { timeoutMs: 10_000, releaseMs: 3000, clockRate: 0 }
const firstIntervalMs = 250

/** Long enough for one turn of the event loop to read what has arrived. */
const readingMs = 2

const noLease = instant(Number.NEGATIVE_INFINITY)

export const startVoter = (world: World, options: VoterOptions): Voter => new RunningVoter(world, options)

class RunningVoter implements Voter {
  readonly #world: World
  readonly #options: VoterOptions
  readonly #codec: BeatCodec
  readonly #paths = new Map<PathName, HeartbeatPath>()
  #liveness: Liveness
  #membership: Membership = noMembers
  #pair: Pair | null = null
  #judgement = noJudgement
  #sequence = 0
  #intervalMs = firstIntervalMs
  #cancelBeat: Cancel = () => {}
  #cancelSupport: Cancel = () => {}
  #lastLoop: Instant
  /** CLOCK_BOOTTIME minus CLOCK_MONOTONIC: grows while the machine is suspended. */
  #suspendedMs: number
  #isStopped = false
  readonly #isReplay = replayWatch()
  readonly #times = pathTimes()
  readonly #versions = new Map<string, string>()
  #isWritingPromise = false
  readonly #writeSupports: () => void
  readonly #lived: ReturnType<typeof lifeWatch>

  constructor(world: World, options: VoterOptions) {
    this.#world = world
    this.#options = options
    const { kit, store, codec = beatCodec } = options
    this.#codec = codec(world, kit.identity.cluster, kit.clusterKey)
    this.#lastLoop = world.clock.now()
    this.#suspendedMs = world.clock.sinceBoot() - this.#lastLoop
    this.#liveness = awaken(kit.own.name, durableOf(store), firstTiming, this.#lastLoop)
    this.#lived = lifeWatch({ ...options, outlived: (life) => this.#outlived(life) })
    this.#writeSupports = supportWriter(world, {
      store,
      unsaid: () => (this.#isStopped ? {} : unsaid(this.#liveness)),
      written: (supports) => {
        this.#liveness = publish(this.#liveness, supports)
        this.beatNow()
      },
      failed: options.failed,
    })
    for (const path of lanPaths(world, kit, this.receive)) this.addPath(path)
    this.#beat()
  }

  readonly liveness = () => this.#liveness
  readonly times = () => this.#times.all()
  readonly versions = () => Object.fromEntries(this.#versions)
  readonly isUsable = (name: PathName) => this.#paths.get(name)?.isUsable?.() ?? null
  readonly wroteAt = (name: PathName) => this.#paths.get(name)?.wroteAt?.() ?? null
  readonly membership = () => this.#membership
  readonly pair = () => this.#pair
  readonly giveUpLease = (generation: Generation): void => {
    this.#liveness = giveUpLease(this.#liveness, generation)
    this.#options.changed()
  }
  readonly judge = (judgement: Judgement): void => {
    this.#judgement = judgement
    if (this.#pair === null) return
    const stood = standIn(this.#liveness, this.#pair, judgement, this.#noticePause())
    this.#liveness = stood.liveness
    this.#pair = stood.pair
  }
  readonly withheld = () => this.#options.withheld?.() ?? null
  readonly acknowledgeChange = (): boolean => {
    const change = this.withheld() === null ? changeToAcknowledge(this.#liveness, this.#membership, this.#now()) : null
    if (change === null || this.#liveness.acknowledging >= change) return false
    this.#liveness = acknowledging(this.#liveness, change)
    return true
  }
  readonly hasLease = () => this.withheld() === null && holdsLease(this.#liveness, this.#membership, this.#now())
  readonly leasedUntil = () => (this.withheld() === null ? leasedUntil(this.#liveness, this.#membership) : noLease)

  readonly fold = (state: State): void => {
    this.#sequence = state.position.sequence
    const configuration = state.configuration.current
    if (configuration === null) return
    this.#membership = membershipOf(state)
    this.#lived(state.servers.byName[this.#liveness.me]?.incarnation)
    this.#pair = pairIn(state, this.#liveness.me, this.#pair)
    const { interval, lostBeats, stall } = configuration.heartbeat
    this.#intervalMs = interval
    this.#times.expect((lostBeats + 1) * interval + stall)
    this.#liveness = retimed(this.#liveness, timingOf(state) ?? firstTiming)
    this.#keepPromises(this.#now())
    this.#considerSupports()
  }

  readonly addPath = (path: HeartbeatPath): void => {
    this.#paths.set(path.name, path)
  }
  readonly removePath = (name: PathName): void => {
    this.#paths.delete(name)
    this.#liveness = forgetPath(this.#liveness, name)
    this.#times.forget(name)
  }

  readonly receive = (bytes: Uint8Array, path: PathName): void => {
    if (this.#isStopped) return
    const beat = this.#codec.decode(bytes)
    if (beat === 'forged' || beat === 'damaged') this.#options.suspicious(`a ${beat} beat on ${path}`)
    if (typeof beat !== 'string') this.hear(beat, path)
  }

  readonly hear = (beat: Beat, path: PathName): void => {
    if (this.#isStopped || beat.from === this.#liveness.me) return
    if (this.#isReplay(beat, path)) this.#options.suspicious(`an old beat of ${beat.from} on ${path}, said again`)
    const now = this.#noticePause()
    const before = this.#liveness
    if (beat.version !== undefined) this.#versions.set(beat.from, beat.version)
    this.#times.heard(before, beat, path, now)
    this.#liveness = hear(before, beat, path, this.#membership, now)
    this.#lived(beat.echoes[before.me]?.incarnation)
    // Only what may change a decision wakes the agent: not every beat of a quiet cluster.
    const seen = { from: beat.from, membership: this.#membership, now, held: this.#options.groups }
    const news = newsOf(before, this.#liveness, seen)
    if (news === 'news') this.#options.changed()
    else if (news === 'longer lease') this.#options.extended()
    const isReleased = beat.renounced > (before.heard[beat.from]?.renounced ?? 0)
    if (isReleased || this.#liveness.passedOn !== before.passedOn) this.#considerSupports()
  }

  readonly beatNow = (): void => {
    if (this.#isStopped) return
    this.#cancelBeat()
    this.#beat()
    this.#options.changed()
  }

  readonly renounceNow = async (generation: Generation): Promise<void> => {
    this.#liveness = giveUpLease(this.#liveness, generation)
    await this.#options.store.renounce(generation)
    this.#liveness = renounce(this.#liveness, generation)
    this.beatNow()
  }

  readonly stores = (): Readonly<Record<string, string>> => {
    const { me, heard } = this.#liveness
    const stores: Record<string, string> = { [me]: this.#options.store.store }
    for (const [voter, { store }] of Object.entries(heard)) stores[voter] = store
    return stores
  }

  readonly reachable = (): ReadonlySet<string> => {
    const now = this.#now()
    const l = this.#liveness
    const reachable = new Set<string>([l.me])
    for (const p of this.#membership.servers)
      if (l.heard[p] !== undefined && silence(l, p, now) < l.timing.timeoutMs) reachable.add(p)
    return reachable
  }

  readonly stop = (): void => {
    this.#isStopped = true
    this.#cancelBeat()
    this.#cancelSupport()
    for (const path of this.#paths.values()) path.close()
  }

  #now(): Instant {
    return this.#world.clock.now()
  }

  #outlived(life: Incarnation): void {
    this.#liveness = resumed(this.#liveness, this.#noticePause(), life)
  }

  #beat(): void {
    const now = this.#noticePause()
    const { liveness, number } = beatDue(this.#liveness, now)
    this.#liveness = liveness
    this.#keepPromises(now)
    this.judge(this.#judgement)
    const beat = this.#content(number)
    this.#liveness = promise(this.#liveness, beat.echoes)
    const bytes = this.#codec.encode(beat)
    for (const path of this.#paths.values()) path.send(bytes, beat)
    this.#cancelBeat = this.#world.clock.after(this.#intervalMs, () => this.#beat())
    this.#considerSupports()
    this.#options.passed()
  }

  #content(number: Beat['number']): Beat {
    const l = this.#liveness
    const { store } = this.#options.store
    const now = this.#now()
    const arrival = this.#times.nextArrival(now)
    const hears: Record<string, readonly PathName[]> = {}
    for (const voter in l.heard) {
      const { paths = {} } = l.heard[voter] ?? {}
      const heardOn: PathName[] = []
      for (const path in paths)
        if (now - (paths[path] ?? Number.NEGATIVE_INFINITY) < l.timing.timeoutMs) heardOn.push(pathName(path))
      hears[voter] = heardOn
    }
    return {
      from: l.me,
      incarnation: l.incarnation,
      number,
      store,
      generation: this.#membership.generations[l.me]?.generation ?? noGeneration,
      sequence: this.#sequence,
      groups: this.#options.groups(),
      echoes: echoesOf(l, this.#membership, store),
      hears,
      supports: l.supports,
      renounced: l.renounced,
      passedOn: passedOnBy(l, this.#membership),
      ...(arrival && { arrival }),
      version: this.#options.version,
    }
  }

  /** Rule 10: a larger T is on disk before it is promised; a smaller one is promised before it is on disk. */
  #keepPromises(now: Instant): void {
    const { store } = this.#options
    const due = this.#isWritingPromise ? null : promiseDue(this.#liveness, this.#membership, store.store, now)
    if (due === null) return
    this.#isWritingPromise = true
    const isMore = due.ms > this.#liveness.promises.durable.ms
    if (!isMore) this.#liveness = mayPromise(this.#liveness, due)
    const written = () => {
      if (isMore) this.#liveness = mayPromise(this.#liveness, due)
    }
    store
      .promise(due)
      .then(written, () => this.#options.failed('what is promised to servers could not be written to disk'))
      .finally(() => {
        this.#isWritingPromise = false
      })
  }

  /** Rule 2: whoever stood still for long starts its timers anew; a suspended machine has lost its lease at once. */
  #noticePause(): Instant {
    const now = this.#now()
    const suspendedMs = this.#world.clock.sinceBoot() - now
    const { timeoutMs, releaseMs } = this.#liveness.timing
    const wasSuspended = suspendedMs - this.#suspendedMs > releaseMs / 4
    const stoodStill = now - this.#lastLoop > timeoutMs / 2
    // The timer of our own beats passes here at least this often, unless we stand still.
    if (now - this.#lastLoop > 2 * this.#intervalMs) this.#times.stoodStill(now)
    if (wasSuspended || stoodStill)
      this.#liveness = wasSuspended ? resumed(this.#liveness, now) : { ...this.#liveness, since: now }
    // Short ones add up; and what only came from reading two clocks one after the other is taken back.
    this.#suspendedMs = wasSuspended ? suspendedMs : Math.min(this.#suspendedMs, suspendedMs)
    this.#lastLoop = now
    return now
  }

  /** Supports what is due, after one more turn of reading: beats may be waiting in a socket while we were slow. */
  #considerSupports(hasRead = false): void {
    this.#cancelSupport()
    if (this.#isStopped) return
    const now = this.#noticePause()
    const due = supportsDue(this.#liveness, this.#membership, this.#options.store.store, now)
    const isDue = Object.keys(due).length > 0
    if (isDue && hasRead) this.#support(due)
    const at = isDue && !hasRead ? now + readingMs : nextSupportAt(this.#liveness, this.#membership)
    // What was due and is not supported (we do not vote, our store is not admitted) is looked at with the next beat.
    if (at !== Number.POSITIVE_INFINITY && at > now)
      this.#cancelSupport = this.#world.clock.after(Math.max(0, at - now), () =>
        this.#considerSupports(isDue && !hasRead),
      )
  }

  /** Rule 3: barred from now on, on disk, and only then said. */
  #support(due: Liveness['supports']): void {
    this.#liveness = bar(this.#liveness, due)
    this.#writeSupports()
  }
}
