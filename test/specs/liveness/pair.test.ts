/** Topology `pair`: what stands in for the other server's voice, and what does not. */
import { describe, expect, test } from 'vitest'
import { holdsLease, leasedUntil } from '../../../src/decisions/leases.ts'
import { type Membership, supportersOf } from '../../../src/decisions/liveness.ts'
import {
  hearersNeeded,
  type Judgement,
  mayGoAlone,
  mayRejoin,
  noJudgement,
  type Pair,
  pairOf,
  standIn,
  standInSupport,
} from '../../../src/decisions/liveness-pair.ts'
import { instant } from '../../../src/events/index.ts'
import { generation, L, members, s1, s2, T, Voter } from './voters.ts'

const two: Membership = { ...members, voters: [s1, s2] }

/** s1 and s2 have answered each other at 0; from then on s1 hears nothing of s2. */
class Lonely {
  readonly voter = new Voter('s1')
  pair: Pair = pairOf(s2)
  readonly #other = new Voter('s2')

  constructor() {
    this.voter.members = two
    this.#other.members = two
    this.#other.hears(this.voter.beat(0), 0)
    this.voter.hears(this.#other.beat(0), 0)
  }

  judge(judgement: Judgement, now: number): void {
    const stood = standIn(this.voter.l, this.pair, judgement, instant(now))
    this.voter.l = stood.liveness
    this.pair = stood.pair
  }

  /** NP resolution says `connected` all the time, and is asked again and again. */
  stayConnected(from: number, to: number): void {
    for (let now = from; now <= to; now += 200) this.judge(connected(now, 1_000_000), now)
  }

  isLeased(now: number): boolean {
    return holdsLease(this.voter.l, two, instant(now))
  }

  mayGoAlone(judgement: Judgement, now: number): boolean {
    return mayGoAlone(this.voter.l, two, { pair: this.pair, judgement, now: instant(now) })
  }

  supports(judgement: Judgement, now: number) {
    const removal = { server: s2, generation: generation(6), now: instant(now) }
    return [
      ...supportersOf(this.voter.l, s2, generation(6), two),
      ...standInSupport(this.voter.l, this.pair, judgement, removal),
    ]
  }
}

const connected = (asOf: number, forMs: number): Judgement => ({
  ...noJudgement,
  connectedAsOf: instant(asOf),
  connectedMs: forMs,
})

describe('the lease of a server of a pair', () => {
  test('ends L after the last answer when nothing stands in for the other', () => {
    const lonely = new Lonely()
    expect(lonely.isLeased(L - 1)).toBe(true)
    lonely.judge(noJudgement, L - 1)
    expect(lonely.isLeased(L)).toBe(false)
  })

  test('goes on for L from when NP resolution asked, while it says connected', () => {
    const lonely = new Lonely()
    lonely.judge(connected(3000, T), 3200)
    expect(leasedUntil(lonely.voter.l, two)).toBe(3000 + L)
  })

  test('that has ended is not given back by NP resolution: what was decided meanwhile may be missing here', () => {
    const lonely = new Lonely()
    lonely.judge(connected(L + 10, T), L + 10)
    expect(lonely.isLeased(L + 10)).toBe(false)
  })

  test('of an agent that has just started is not begun by NP resolution', () => {
    const lonely = new Lonely()
    lonely.voter.restart(1000)
    lonely.judge(connected(1100, T), 1100)
    expect(lonely.isLeased(1100)).toBe(false)
  })

  test('is not stood in for while the other is heard: it may not hear us, and do the same', () => {
    const lonely = new Lonely()
    const other = new Voter('s2', 2900)
    other.members = two
    other.beat(2900)
    lonely.voter.hears(other.beat(3000), 3000)
    lonely.judge(connected(3000, T), 3100)
    expect(lonely.isLeased(L)).toBe(false)
  })

  test('needs nobody where the log is with this server alone, after a restart too', () => {
    const lonely = new Lonely()
    lonely.voter.restart(1000)
    lonely.pair = { ...pairOf(s2), alone: s1 }
    lonely.judge(noJudgement, 1100)
    expect(leasedUntil(lonely.voter.l, two)).toBe(1100 + L)
  })

  test('is the answers’ alone where the log is with the other alone', () => {
    const lonely = new Lonely()
    lonely.pair = { ...pairOf(s2), alone: s2 }
    lonely.stayConnected(0, L)
    expect(lonely.isLeased(L)).toBe(false)
  })
})

describe('a takeover in a pair', () => {
  const silentFor = (to: number) => {
    const lonely = new Lonely()
    lonely.stayConnected(0, to)
    lonely.voter.support(to)()
    return lonely
  }

  test('needs silence of T, the lease, and to have been connected for all of T', () => {
    const lonely = silentFor(T)
    expect(lonely.supports(connected(T, T), T)).toEqual([
      { voter: s1, reason: 'silent' },
      { voter: s2, reason: 'np-resolution' },
    ])
    expect(lonely.mayGoAlone(connected(T, T), T)).toBe(true)
    expect(lonely.mayGoAlone(connected(T, T - 1), T)).toBe(false)
    expect(lonely.mayGoAlone(noJudgement, T)).toBe(false)
  })

  test('is not for a server whose lease has lapsed, connected or not', () => {
    const lonely = new Lonely()
    lonely.voter.support(T)()
    expect(lonely.mayGoAlone(connected(T, T), T)).toBe(false)
  })

  test('needs no waiting once the other has given its word that everything is off', () => {
    const lonely = new Lonely()
    const other = new Voter('s2')
    other.members = two
    other.beat(0)
    lonely.voter.hears({ ...other.beat(100), renounced: generation(6) }, 100)
    lonely.voter.support(100)()
    expect(lonely.supports(noJudgement, 100).map(({ reason }) => reason)).toEqual(['renounced', 'renounced'])
    expect(lonely.mayGoAlone(noJudgement, 100)).toBe(true)
  })

  test('may be ordered: by who vouches that the other is off', () => {
    const ordered = { ...noJudgement, isOrdered: true }
    const lonely = new Lonely()
    lonely.voter.restart(1000)
    expect(lonely.mayGoAlone(ordered, 1000 + T - 1)).toBe(false)
    lonely.voter.support(1000 + T)()
    expect(lonely.mayGoAlone(ordered, 1000 + T)).toBe(true)
  })

  test('never makes the log go on where it is with the other alone', () => {
    const lonely = silentFor(T)
    lonely.pair = { ...lonely.pair, alone: s2 }
    expect(lonely.mayGoAlone(connected(T, T), T)).toBe(false)
    expect(lonely.mayGoAlone({ ...noJudgement, isOrdered: true }, T)).toBe(false)
  })
})

describe('the end of being alone', () => {
  test('waits until nothing stands in for the other any more, and it answers', () => {
    const lonely = new Lonely()
    lonely.pair = { ...pairOf(s2), alone: s1 }
    expect(mayRejoin(lonely.voter.l, lonely.pair, instant(100))).toBe(true)
    lonely.judge(noJudgement, L - 100)
    expect(mayRejoin(lonely.voter.l, lonely.pair, instant(L - 50))).toBe(false)
  })

  test('who is alone joins without being heard by the other', () => {
    expect(hearersNeeded(s1, { ...pairOf(s2), alone: s1 }, 2)).toBe(1)
    expect(hearersNeeded(s1, pairOf(s2), 2)).toBe(2)
    expect(hearersNeeded(s1, null, 2)).toBe(2)
  })
})
