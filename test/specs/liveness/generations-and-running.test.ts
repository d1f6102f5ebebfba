import { describe, expect, test } from 'vitest'
import { hearersOf, needsGeneration, publish, renounce, supportersOf } from '../../../src/decisions/liveness.ts'
import { mayNotRun } from '../../../src/decisions/may-run.ts'
import { majorityOf } from '../../../src/decisions/quorum.ts'
import type { Epoch } from '../../../src/events/index.ts'
import { at, exchange, generation, L, members, s1, s2, T, Voter, withGeneration } from './voters.ts'

describe('rule 6: a takeover needs supports of a majority for exactly the current generation', () => {
  const supports = (g: number) => ({ s1: { generation: generation(g), reason: 'silent' as const } })

  test('our own and those that were said count', () => {
    const q = new Voter('s2')
    q.l = publish(q.l, supports(5))
    q.hears({ ...new Voter('w').beat(0), supports: supports(5) }, 0)
    expect(supportersOf(q.l, s1, generation(5), members).map(({ voter }) => voter)).toEqual(['s2', 'w'])
    expect(majorityOf(members.voters)).toBe(2)
  })
  test('of an older or a newer generation they do not', () => {
    const q = new Voter('s2')
    q.l = publish(q.l, supports(4))
    q.hears({ ...new Voter('w').beat(0), supports: supports(6) }, 0)
    expect(supportersOf(q.l, s1, generation(5), members)).toEqual([])
  })
  test('those of somebody who does not vote do not', () => {
    const q = new Voter('s2')
    q.l = publish(q.l, supports(5))
    expect(supportersOf(q.l, s1, generation(5), { ...members, voters: [s1] })).toEqual([])
  })
})

describe('rule 7: a group runs only if', () => {
  const own = { server: s1, epoch: 12 as Epoch }
  const facts = { isLeased: true, hasBarrier: true, stoppedEpoch: undefined }

  test('all of it holds', () => {
    expect(mayNotRun(own, s1, facts)).toBeNull()
    expect(mayNotRun(own, s1, { ...facts, stoppedEpoch: 11 as Epoch })).toBeNull()
  })
  test('a: the fold says that this server owns it', () => {
    expect(mayNotRun(own, s2, facts)).toBe('this server does not own it')
    expect(mayNotRun(null, s1, facts)).toBe('this server does not own it')
  })
  test('b: this server holds a lease now', () => {
    expect(mayNotRun(own, s1, { ...facts, isLeased: false })).toBe('this server holds no lease')
  })
  test('c: a commit of this agent was accepted, so its fold is not that of a lagging replica', () => {
    expect(mayNotRun(own, s1, { ...facts, hasBarrier: false })).toMatch('has not had a commit of its own accepted')
  })
  test('d: this epoch was not reported stopped', () => {
    expect(mayNotRun(own, s1, { ...facts, stoppedEpoch: 12 as Epoch })).toBe('this epoch was reported stopped')
    expect(mayNotRun(own, s1, { ...facts, stoppedEpoch: 13 as Epoch })).toBe('this epoch was reported stopped')
  })
})

describe('rule 9: a new generation is asked for only where it brings a lease', () => {
  const heard = () => {
    const [p, v] = [new Voter('s1'), new Voter('w')]
    exchange(p, v, 1000)
    return { p, v }
  }

  test('who hears us within L is known from echoes, with or without a promise', () => {
    const { p, v } = heard()
    v.support(1000 + T)
    exchange(p, v, 7000)
    expect(hearersOf(p.l, members, at(7000 + L - 1))).toEqual(['s1', 'w'])
    expect(hearersOf(p.l, members, at(7000 + L))).toEqual(['s1'])
  })
  test('a deaf server knows nobody who hears it', () => {
    expect(hearersOf(new Voter('s1').l, members, at(0))).toEqual(['s1'])
  })
  test('needed: after a restart of the agent, after its end on the log, after a renunciation', () => {
    const { p } = heard()
    expect(needsGeneration(p.l, members, true, at(1100))).toBeNull()
    expect(needsGeneration(p.l, members, false, at(1100))).toBe('its agent has restarted')
    expect(needsGeneration(p.l, withGeneration(5, false), true, at(1100))).toBe('it is not a member')
    expect(needsGeneration(renounce(p.l, generation(5)), members, true, at(1100))).toBe('it renounced its generation')
  })
  test('needed: the voter that barred us hears us again; not as long as it does not', () => {
    const { p, v } = heard()
    v.support(1000 + T)()
    p.hears(v.beat(1000 + T), 1000 + T)
    expect(needsGeneration(p.l, members, true, at(1000 + T))).toBeNull()
    exchange(p, v, 7000)
    expect(needsGeneration(p.l, members, true, at(7000))).toBe('w had given it up, but hears it again')
  })
  test('not needed any more once the new generation is there: no storm of joins', () => {
    const { p, v } = heard()
    v.support(1000 + T)()
    exchange(p, v, 7000)
    expect(needsGeneration(p.l, withGeneration(9), true, at(7000))).toBeNull()
  })
})
