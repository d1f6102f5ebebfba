import { describe, expect, test } from 'vitest'
import { leasedUntil } from '../../../src/decisions/leases.ts'
import { retimed } from '../../../src/decisions/liveness.ts'
import { mayPromise, promisableMs, promiseDue, silentUntil, type Timing } from '../../../src/decisions/promises.ts'
import { at, exchange, L, members, R, T, Voter } from './voters.ts'

const timingOf = (timeoutMs: number, releaseMs = R): Timing => ({ timeoutMs, releaseMs, clockRate: 0 })
/** Goes by another T, and may promise it. */
const retime = (voter: Voter, timeoutMs: number): void => {
  voter.l = retimed(voter.l, timingOf(timeoutMs))
  if (timeoutMs > voter.l.promises.durable.ms) voter.l = mayPromise(voter.l, { ms: timeoutMs, isComplete: true })
}
const dueOf = (voter: Voter, now: number, longestMs = T) =>
  promiseDue(voter.l, { ...members, longestMs }, voter.store, at(now))

describe('rule 10: T changes while groups run', () => {
  test('a voter that goes by a smaller T keeps silent for as long as it has promised', () => {
    const [p, v] = [new Voter('s1'), new Voter('w')]
    v.hears(p.beat(10_000), 10_000)
    v.beat(10_000)
    retime(v, 2000)
    expect(v.supportsDue(10_000 + T - 1)).not.toHaveProperty('s1')
    expect(v.supportsDue(10_000 + T)).toMatchObject({ s1: { reason: 'silent' } })
  })

  test('what was not promised yet does not bind: the smaller T counts at once', () => {
    const [p, v] = [new Voter('s1'), new Voter('w')]
    v.hears(p.beat(10_000), 10_000)
    retime(v, 2000)
    v.beat(10_100)
    expect(v.supportsDue(11_999)).not.toHaveProperty('s1')
    expect(v.supportsDue(12_000)).toHaveProperty('s1')
  })

  test('a server’s own word that it released everything needs no waiting', () => {
    const [p, v] = [new Voter('s1'), new Voter('w')]
    exchange(p, v, 10_000)
    v.hears({ ...p.beat(10_100), renounced: members.generations.s1?.generation ?? p.l.renounced }, 10_100)
    expect(v.supportsDue(10_101)).toMatchObject({ s1: { reason: 'renounced' } })
  })

  test('a server counts the smaller of what was promised and its own T', () => {
    const [p, v] = [new Voter('s1'), new Voter('w')]
    retime(v, 9000)
    exchange(p, v, 1000)
    expect(leasedUntil(p.l, members)).toBe(1000 + T - R)
    retime(p, 9000)
    expect(leasedUntil(p.l, members)).toBe(1000 + 9000 - R)
    retime(p, 2000)
    expect(leasedUntil(p.l, members)).toBe(1000 + 2000 - R)
  })

  test('a larger R ends what was granted before sooner', () => {
    const [p, v] = [new Voter('s1'), new Voter('w')]
    exchange(p, v, 1000)
    expect(leasedUntil(p.l, members)).toBe(1000 + L)
    p.l = retimed(p.l, timingOf(T, R + 500))
    expect(leasedUntil(p.l, members)).toBe(1000 + L - 500)
  })

  test('a short promise needs less of R: only what clocks may drift apart meanwhile', () => {
    const [p, v] = [new Voter('s1'), new Voter('w')]
    // D = 800 ms, ρ = 2 %: R = 800 + 0.0392 × 120 000.
    p.l = retimed(p.l, { timeoutMs: 120_000, releaseMs: 5506, clockRate: 0.02 })
    exchange(p, v, 1000)
    const counted = T - (leasedUntil(p.l, members) - 1000)
    expect(counted).toBeGreaterThanOrEqual(800 + (0.04 / 1.02) * T)
    expect(counted).toBeLessThan(1010)
  })

  test('the newest echo counts although an older one promised more than is counted now', () => {
    const [p, v] = [new Voter('s1'), new Voter('w')]
    retime(v, 60_000)
    retime(p, 60_000)
    exchange(p, v, 1000)
    retime(p, 3000)
    retime(v, 3000)
    exchange(p, v, 9000)
    expect(leasedUntil(p.l, members)).toBe(9000 + 3000 - R)
  })
})

describe('rule 10: promises outlive the agent', () => {
  test('a larger T is promised only once it is on disk', () => {
    const v = new Voter('w')
    v.l = retimed(v.l, timingOf(9000))
    expect(promisableMs(v.l)).toBe(T)
    expect(dueOf(v, 100)).toEqual({ ms: 9000, isComplete: true })
  })

  test('a smaller one is written down once nothing larger is outstanding', () => {
    const [p, v] = [new Voter('s1'), new Voter('w')]
    v.hears(p.beat(10_000), 10_000)
    v.beat(10_000)
    retime(v, 2000)
    expect(dueOf(v, 10_000 + T - 1)).toBeNull()
    expect(dueOf(v, 10_000 + T)).toEqual({ ms: 2000, isComplete: true })
  })

  test('a voter that starts keeps silent for what its disk says may have been promised', () => {
    const v = new Voter('w', 0, { ...new Voter('w').disk, promised: { ms: 60_000, isComplete: true } })
    v.restart(20_000)
    retime(v, 2000)
    expect(v.supportsDue(79_999)).toEqual({})
    expect(v.supportsDue(80_000)).toHaveProperty('s1')
  })

  test('a new store knows of nothing: it waits for the longest T there ever was', () => {
    const v = new Voter('w', 20_000, { ...new Voter('w').disk, promised: { ms: 0, isComplete: false } })
    expect(promisableMs(v.l)).toBeNull()
    expect(silentUntil(v.l, 's1', { longestMs: 30_000 })).toBe(50_000)
    v.l = mayPromise(v.l, { ms: T, isComplete: false })
    expect(dueOf(v, 49_999, 30_000)).toBeNull()
    expect(dueOf(v, 50_000, 30_000)).toEqual({ ms: T, isComplete: true })
  })

  test('a store that is not the admitted one never counts as complete', () => {
    const v = new Voter('w', 0, { ...new Voter('w').disk, promised: { ms: T, isComplete: false } })
    v.store = 'another'
    expect(dueOf(v, 1e6)).toBeNull()
  })
})
