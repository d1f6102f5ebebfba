import { describe, expect, test } from 'vitest'
import { holdsLease } from '../../../src/decisions/leases.ts'
import {
  bar,
  giveUpLease,
  mayRenounce,
  nextSupportAt,
  publish,
  renounce,
  supportersOf,
} from '../../../src/decisions/liveness.ts'
import { unsaid } from '../../../src/decisions/unsaid.ts'
import { at, exchange, generation, members, s1, s2, T, Voter, withGeneration } from './voters.ts'

describe('rule 3: a support bars the generation and all before it, for good', () => {
  const givenUp = () => {
    const [p, v] = [new Voter('s1'), new Voter('w')]
    exchange(p, v, 1000)
    const persist = v.support(1000 + T)
    return { p, v, persist }
  }

  test('from the moment of decision: not even the next echo grants', () => {
    const { p, v } = givenUp()
    exchange(p, v, 1100 + T)
    expect(v.beat(1200 + T).echoes.s1?.promisedMs).toBeNull()
    expect(holdsLease(p.l, members, at(1100 + T))).toBe(false)
  })

  test('it is not said before it is durable', () => {
    const { v, persist } = givenUp()
    expect(v.beat(1100 + T).supports).toEqual({})
    persist()
    expect(v.beat(1200 + T).supports).toMatchObject({ s1: { generation: 5, reason: 'silent' } })
  })

  test('older generations are barred with it, newer ones are not', () => {
    const { p, v } = givenUp()
    const promised = (g: number, number: number) => {
      v.hears({ ...p.beat(7000 + number), generation: generation(g) }, 7000 + number)
      return v.beat(7000 + number).echoes.s1?.promisedMs
    }
    expect([promised(4, 1), promised(5, 2), promised(9, 3)]).toEqual([null, null, T])
  })

  test('a restart does not forget it', () => {
    const { p, v, persist } = givenUp()
    persist()
    v.restart(7000)
    exchange(p, v, 7100)
    expect(v.beat(7200).echoes.s1?.promisedMs).toBeNull()
    expect(v.beat(7300).supports).toMatchObject({ s1: { generation: 5 } })
  })

  test('it is not made twice', () => {
    const { v } = givenUp()
    expect(v.supportsDue(9000 + T)).toEqual({})
  })

  test('a voter whose store is not the admitted one neither grants nor supports', () => {
    const [p, v] = [new Voter('s1'), new Voter('w')]
    v.store = 'another-store'
    exchange(p, v, 1000)
    expect(v.beat(1100).echoes.s1?.promisedMs).toBeNull()
    expect(v.supportsDue(99_999)).toEqual({})
  })

  test('and is not believed: neither its echo nor its support', () => {
    const [p, v] = [new Voter('s1'), new Voter('w')]
    v.hears(p.beat(1000), 1000)
    p.hears(
      { ...v.beat(1000), store: 'another-store', supports: { s2: { generation: generation(6), reason: 'silent' } } },
      1000,
    )
    expect(holdsLease(p.l, members, at(1000))).toBe(false)
    expect(supportersOf(p.l, s2, generation(6), members)).toEqual([])
  })

  test('the word of a store that was replaced counts no more: the voter may have granted with its new one', () => {
    const { v, persist } = givenUp()
    persist()
    const q = new Voter('s2')
    q.hears(v.beat(1200 + T), 1200 + T)
    expect(supportersOf(q.l, s1, generation(5), members)).toEqual([{ voter: 'w', reason: 'silent' }])
    const readmitted = { ...members, admitted: { ...members.admitted, w: 'new-store' } }
    expect(supportersOf(q.l, s1, generation(5), readmitted)).toEqual([])
  })

  test('a generation that was declared down gets no grant, not even from a voter that lost its bar', () => {
    const [p, v] = [new Voter('s1'), new Voter('w')]
    v.members = withGeneration(5, false)
    exchange(p, v, 1000)
    expect(v.beat(1100).echoes.s1?.promisedMs).toBeNull()
    v.hears({ ...p.beat(1200), generation: generation(9) }, 1200)
    expect(v.beat(1300).echoes.s1?.promisedMs).toBe(T)
  })
})

describe('rule 4: a support needs silence of T, or a renunciation', () => {
  test('an idle server is not a released one', () => {
    const [p, v] = [new Voter('s1'), new Voter('w')]
    v.hears({ ...p.beat(1000), groups: {} }, 1000)
    expect(v.supportsDue(1000 + T - 1)).not.toHaveProperty('s1')
  })

  test('a renunciation is supported at once', () => {
    const [p, v] = [new Voter('s1'), new Voter('w')]
    p.l = renounce(p.l, generation(5))
    v.hears(p.beat(1000), 1000)
    expect(v.supportsDue(1001)).toEqual({ s1: { generation: 5, reason: 'renounced' } })
  })

  test('a renunciation of an older generation says nothing about the current one', () => {
    const [p, v] = [new Voter('s1'), new Voter('w')]
    p.l = renounce(p.l, generation(4))
    v.hears(p.beat(1000), 1000)
    expect(v.supportsDue(1001)).toEqual({})
  })

  test('nothing may start while the renunciation is being written, and it is not said before', () => {
    const [p, v] = [new Voter('s1'), new Voter('w')]
    p.l = giveUpLease(p.l, generation(5))
    exchange(p, v, 1000)
    expect(holdsLease(p.l, members, at(1001))).toBe(false)
    expect(p.beat(1100).renounced).toBe(0)
    p.l = renounce(p.l, generation(5))
    expect(p.beat(1200).renounced).toBe(5)
  })

  test('a server that is down, left or unknown is not supported again', () => {
    const v = new Voter('w')
    v.members = withGeneration(5, false)
    expect(v.supportsDue(99_999)).not.toHaveProperty('s1')
    v.members = { ...members, generations: {} }
    expect(v.supportsDue(99_999)).toEqual({})
  })

  test('nobody supports its own removal', () => {
    expect(new Voter('s1').supportsDue(99_999)).not.toHaveProperty('s1')
  })

  test('the next support is due T after the last beat; none is waited for once it was made', () => {
    const [p, v] = [new Voter('s1'), new Voter('w')]
    v.hears(p.beat(3000), 3000)
    expect(nextSupportAt(v.l, members)).toBe(T)
    v.l = bar(v.l, v.supportsDue(2 * T))
    expect(nextSupportAt(v.l, members)).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('a support that is not on disk', () => {
  const barred = () => {
    const [p, v] = [new Voter('s1'), new Voter('w')]
    v.hears(p.beat(3000), 3000)
    const due = v.supportsDue(2 * T)
    return { due, l: bar(v.l, due) }
  }

  test('is still to be said, until it is', () => {
    const { due, l } = barred()
    expect(unsaid(l)).toEqual(due)
    expect(Object.keys(due)).toContain('s1')
    expect(unsaid(publish(l, due))).toEqual({})
  })
  test('gives way to one of a newer generation', () => {
    const { due, l } = barred()
    const newer = { s1: { generation: generation(9), reason: 'silent' as const } }
    expect(unsaid(bar(publish(l, due), newer))).toEqual(newer)
  })
})

describe('rule 5: a lapsed server renounces once everything is off', () => {
  const facts = { now: at(20_000), joinedAt: at(19_000), hadLease: true, isAllOff: true }
  const lapsed = () => {
    const [p, v] = [new Voter('s1'), new Voter('w')]
    exchange(p, v, 1000)
    return p.l
  }

  test('after a lease that it held', () => {
    expect(mayRenounce(lapsed(), members, facts)).toBe(5)
  })
  test('not while something runs, nor while it holds a lease', () => {
    expect(mayRenounce(lapsed(), members, { ...facts, isAllOff: false })).toBeNull()
    expect(mayRenounce(lapsed(), members, { ...facts, now: at(1500) })).toBeNull()
  })
  test('not just after joining: it may only be starting', () => {
    const never = { ...facts, hadLease: false }
    expect(mayRenounce(new Voter('s1').l, members, never)).toBeNull()
    expect(mayRenounce(new Voter('s1').l, members, { ...never, now: at(19_000 + 2 * T + 1) })).toBe(5)
  })
  test('not twice, and not when it is no member', () => {
    expect(mayRenounce(renounce(lapsed(), generation(5)), members, facts)).toBeNull()
    expect(mayRenounce(lapsed(), withGeneration(5, false), facts)).toBeNull()
  })
})
