/** A renunciation that comes to a voter by way of another: what it is worth, and what it is not. */
import { describe, expect, test } from 'vitest'
import { renounce, silence } from '../../../src/decisions/liveness.ts'
import { at, exchange, generation, T, Voter, withGeneration } from './voters.ts'

/** s1 has renounced `g`; s2 alone has heard of it; w has heard s1 shortly before, by itself. */
const released = (g = 5) => {
  const [p, q, v] = [new Voter('s1'), new Voter('s2'), new Voter('w')]
  exchange(p, v, 1000)
  exchange(q, v, 1000)
  p.l = renounce(p.l, generation(g))
  q.hears(p.beat(1100), 1100)
  return { p, q, v }
}

describe('a voter that learns of a renunciation by another', () => {
  test('supports at once, though it has heard the server a moment ago', () => {
    const { q, v } = released()
    v.hears(q.beat(1200), 1200)
    expect(v.supportsDue(1200)).toEqual({ s1: { generation: 5, reason: 'renounced' } })
  })

  test('does not take it for a sign of life', () => {
    const { q, v } = released()
    v.hears(q.beat(1200), 1200)
    expect(silence(v.l, 's1', at(1300))).toBe(300)
  })

  test('grants that generation no more', () => {
    const { p, q, v } = released()
    v.hears(q.beat(1200), 1200)
    v.support(1200)
    exchange(p, v, 1300)
    expect(v.beat(1400).echoes.s1?.promisedMs).toBeNull()
  })

  test('supports nothing newer than what was renounced', () => {
    const { q, v } = released()
    const beat = q.beat(1200)
    v.members = withGeneration(9)
    v.hears(beat, 1200)
    expect(v.supportsDue(1200)).toEqual({})
  })

  test('does not count it beside a later life of that server that it hears itself', () => {
    const { p, q, v } = released()
    p.restart(1150)
    v.hears(p.beat(1150), 1150)
    v.hears(q.beat(1200), 1200)
    expect(v.supportsDue(1200)).toEqual({})
  })

  test('does not count it from a voter whose store is not the admitted one', () => {
    const { q, v } = released()
    q.store = 'another-store'
    v.hears(q.beat(1200), 1200)
    expect(v.supportsDue(1200)).toEqual({})
  })
})

describe('a voter passes on', () => {
  test('what it has heard from the server itself, and nothing that was passed on to it', () => {
    const { q, v } = released()
    v.hears(q.beat(1200), 1200)
    expect(q.beat(1300).passedOn).toEqual({ s1: { incarnation: 1, renounced: 5 } })
    expect(v.beat(1300).passedOn).toEqual({})
  })

  test('no word about a generation that is over', () => {
    const { q } = released(4)
    expect(q.beat(1200).passedOn).toEqual({})
    const over = released()
    over.q.members = withGeneration(5, false)
    expect(over.q.beat(1200).passedOn).toEqual({})
  })

  test('no silence of its own: that is for each voter to measure', () => {
    const { q } = released(0)
    expect(q.beat(1200 + T).passedOn).toEqual({})
  })
})
