import { describe, expect, test } from 'vitest'
import { holdsLease, leasedUntil, leaseEnd } from '../../../src/decisions/leases.ts'
import { beatDue, hear, resumed, silence } from '../../../src/decisions/liveness.ts'
import { beatNumber, type Incarnation, pathName } from '../../../src/events/index.ts'
import { at, exchange, generation, L, lan, members, s1, T, Voter, withGeneration } from './voters.ts'

describe('rule 1: an echo is of one incarnation, one beat, and counts from before that beat was sent', () => {
  test('a majority of echoes, ourselves included, is a lease until L after the beat was sent', () => {
    const [p, v] = [new Voter('s1'), new Voter('w')]
    expect(holdsLease(p.l, members, at(0))).toBe(false)
    exchange(p, v, 1000)
    expect(leasedUntil(p.l, members)).toBe(1000 + L)
    expect(holdsLease(p.l, members, at(1000 + L - 1))).toBe(true)
    expect(holdsLease(p.l, members, at(1000 + L))).toBe(false)
  })

  test('an echo that arrives late counts from the send, not from its arrival', () => {
    const [p, v] = [new Voter('s1'), new Voter('w')]
    v.hears(p.beat(1000), 2500)
    p.hears(v.beat(2500), 4000)
    expect(leasedUntil(p.l, members)).toBe(1000 + L)
  })

  test('a late echo of another incarnation does not count, though the number is the same', () => {
    const [p, v] = [new Voter('s1'), new Voter('w')]
    v.hears(p.beat(1000), 1000)
    const late = v.beat(1000)
    p.restart(60_000)
    expect(p.beat(60_000).number).toBe(late.echoes.s1?.number)
    p.hears(late, 60_100)
    expect(holdsLease(p.l, members, at(60_100))).toBe(false)
  })

  test('an older echo does not shorten what a newer one gave', () => {
    const [p, v] = [new Voter('s1'), new Voter('w')]
    v.hears(p.beat(1000), 1000)
    const older = v.beat(1000)
    exchange(p, v, 2000)
    p.hears(older, 2100)
    expect(leasedUntil(p.l, members)).toBe(2000 + L)
  })

  test('numbers never repeat inside an incarnation', () => {
    const p = new Voter('s1')
    expect([p.beat(0), p.beat(1), p.beat(2)].map(({ number }) => number)).toEqual([1, 2, 3])
  })

  test('beats of any generation that is not barred count: a renewal costs no lease', () => {
    const [p, v] = [new Voter('s1'), new Voter('w')]
    exchange(p, v, 1000)
    p.members = withGeneration(9)
    expect(holdsLease(p.l, p.members, at(1500))).toBe(true)
    exchange(p, v, 2000)
    expect(leasedUntil(p.l, p.members)).toBe(2000 + L)
  })

  test('a lease counts with the smallest T that is promised (rule 10)', () => {
    const [p, v] = [new Voter('s1'), new Voter('w')]
    v.l = { ...v.l, timing: { timeoutMs: 3000, releaseMs: 1200, clockRate: 0 } }
    exchange(p, v, 1000)
    expect(leasedUntil(p.l, members)).toBe(1000 + 3000 - 1200)
  })

  test('a server that was declared down, or has renounced, holds no lease whatever is echoed', () => {
    const [p, v] = [new Voter('s1'), new Voter('w')]
    exchange(p, v, 1000)
    expect(holdsLease(p.l, withGeneration(5, false), at(1001))).toBe(false)
    expect(holdsLease({ ...p.l, renounced: generation(5) }, members, at(1001))).toBe(false)
  })

  test('a server that does not vote needs a majority of the others', () => {
    const [p, v, x] = [new Voter('s1'), new Voter('w'), new Voter('s2')]
    const voters = { ...members, voters: members.voters.filter((one) => one !== s1) }
    exchange(p, v, 1000)
    expect(leaseEnd(p.l, voters)).toBe(Number.NEGATIVE_INFINITY)
    exchange(p, x, 1500)
    expect(leaseEnd(p.l, voters)).toBe(1000 + L)
  })

  test('a cluster of one has an endless lease', () => {
    const p = new Voter('s1')
    expect(holdsLease(p.l, { ...members, voters: [s1] }, at(1e9))).toBe(true)
  })

  test('what was sent long ago is forgotten: no echo of it could count any more', () => {
    const p = new Voter('s1')
    for (let now = 0; now < 60_000; now += 300) p.l = beatDue(p.l, at(now)).liveness
    expect(p.l.sent.at.length).toBeLessThan(2 + (2 * T) / 300)
  })
})

describe('rule 2: silence is measured per server, over all its generations', () => {
  test('from the latest new beat', () => {
    const [p, v] = [new Voter('s1'), new Voter('w')]
    v.hears(p.beat(1000), 1000)
    expect(silence(v.l, 's1', at(4000))).toBe(3000)
  })

  test('a duplicate, a replay and an older beat are not hearing', () => {
    const [p, v] = [new Voter('s1'), new Voter('w')]
    const old = p.beat(900)
    const beat = p.beat(1000)
    v.hears(beat, 1000)
    v.hears(beat, 3000)
    v.hears(old, 3500)
    v.hears({ ...beat, incarnation: 0 as Incarnation, number: beatNumber(99) }, 3600)
    expect(silence(v.l, 's1', at(4000))).toBe(3000)
  })

  test('the same beat on a second path proves that path, and not more of the sender', () => {
    const [p, v] = [new Voter('s1'), new Voter('w')]
    const beat = p.beat(1000)
    v.hears(beat, 1000)
    v.l = hear(v.l, beat, pathName('lan:two'), members, at(1800))
    expect(v.l.heard.s1?.paths).toEqual({ [lan]: 1000, 'lan:two': 1800 })
    expect(v.l.heard.s1?.at).toBe(1000)
  })

  test('a new generation is not a new server: its silence began with the last beat of the old one', () => {
    const [p, v] = [new Voter('s1'), new Voter('w')]
    v.hears(p.beat(1000), 1000)
    v.members = withGeneration(9)
    expect(v.supportsDue(1000 + T - 1)).not.toHaveProperty('s1')
    expect(v.supportsDue(1000 + T)).toMatchObject({ s1: { generation: 9, reason: 'silent' } })
  })

  test('a voter that has just started knows no grant it gave: it waits T from its own start', () => {
    const [p, v] = [new Voter('s1'), new Voter('w')]
    exchange(p, v, 1000)
    v.restart(2000)
    expect(v.supportsDue(2000 + T - 1)).toEqual({})
    expect(holdsLease(p.l, members, at(2000))).toBe(true)
    expect(v.supportsDue(2000 + T)).toMatchObject({ s1: { reason: 'silent' } })
  })

  test('a voter that stood still starts its timers anew, and no echo from before counts for its lease', () => {
    const [p, v] = [new Voter('s1'), new Voter('w')]
    exchange(p, v, 1000)
    v.l = resumed(v.l, at(20_000))
    expect(v.supportsDue(20_000)).toEqual({})
    const before = p.beat(1500)
    v.hears(before, 1600)
    const echo = v.beat(1600)
    p.l = resumed(p.l, at(3000))
    p.hears(echo, 3100)
    expect(holdsLease(p.l, members, at(3100))).toBe(false)
  })
})
