/** Three voters with one clock, for specs of the liveness rules: s1 and s2 are servers, w is the witness. */
import {
  awaken,
  type Beat,
  bar,
  beatDue,
  type Durable,
  echoesOf,
  hear,
  type Liveness,
  type Membership,
  publish,
  supportsDue,
} from '../../../src/decisions/liveness.ts'
import { passedOnBy } from '../../../src/decisions/passed-on.ts'
import { promise } from '../../../src/decisions/promises.ts'
import {
  type Generation,
  type Incarnation,
  type Instant,
  instant,
  pathName,
  serverName,
  voterName,
} from '../../../src/events/index.ts'

export const [T, R] = [5000, 1200]
export const L = T - R
export const timing = { timeoutMs: T, releaseMs: R, clockRate: 0 }
export const generation = (g: number): Generation => g as Generation
export const lan = pathName('lan:one')
export const [s1, s2] = [serverName('s1'), serverName('s2')]
export const w = voterName('w')

/** s1 has generation 5, s2 has 6; everybody's store is admitted. */
export const members: Membership = {
  voters: [s1, s2, w],
  change: null,
  servers: [s1, s2],
  generations: { s1: { generation: generation(5), isUp: true }, s2: { generation: generation(6), isUp: true } },
  admitted: { s1: 'store-s1', s2: 'store-s2', w: 'store-w' },
  longestMs: T,
}
export const withGeneration = (g: number, isUp = true): Membership => ({
  ...members,
  generations: { ...members.generations, s1: { generation: generation(g), isUp } },
})

const nothing: Durable = {
  incarnation: 1 as Incarnation,
  supports: {},
  renounced: generation(0),
  promised: { ms: T, isComplete: true },
}

/** One voter: its memory, its disk and its store; on a clock that the spec sets. */
export class Voter {
  l: Liveness
  disk: Durable
  readonly name: string
  store: string
  members = members

  constructor(name: string, now = 0, disk: Durable = nothing) {
    this.name = name
    this.store = `store-${name}`
    this.disk = disk
    this.l = awaken(voterName(name), disk, timing, instant(now))
  }

  /** The process starts anew: its memory is gone, its disk is not. */
  restart(now: number): void {
    this.disk = { ...this.disk, incarnation: (this.disk.incarnation + 1) as Incarnation }
    this.l = awaken(voterName(this.name), this.disk, timing, instant(now))
  }

  beat(now: number): Beat {
    const { liveness, number } = beatDue(this.l, instant(now))
    this.l = liveness
    const echoes = echoesOf(this.l, this.members, this.store)
    this.l = promise(this.l, echoes)
    return {
      from: voterName(this.name),
      incarnation: this.l.incarnation,
      number,
      store: this.store,
      generation: this.members.generations[this.name]?.generation ?? generation(0),
      sequence: 1,
      groups: {},
      echoes,
      hears: {},
      supports: this.l.supports,
      renounced: this.l.renounced,
      passedOn: passedOnBy(this.l, this.members),
    }
  }

  hears(beat: Beat, now: number): void {
    this.l = hear(this.l, beat, lan, this.members, instant(now))
  }

  supportsDue(now: number): ReturnType<typeof supportsDue> {
    return supportsDue(this.l, this.members, this.store, instant(now))
  }

  /** Bars what is due; on disk, and said, only when `persist` is called. */
  support(now: number): () => void {
    const due = this.supportsDue(now)
    this.l = bar(this.l, due)
    return () => {
      this.disk = { ...this.disk, supports: { ...this.disk.supports, ...due } }
      this.l = publish(this.l, due)
    }
  }
}

/** `one` beats at `now`; `other` hears it and answers at once. Both know then what the other knows. */
export const exchange = (one: Voter, other: Voter, now: number): void => {
  other.hears(one.beat(now), now)
  one.hears(other.beat(now), now)
}

export const at = (ms: number): Instant => instant(ms)
