import { describe, expect, test } from 'vitest'
import { needsFence } from '../../../src/decisions/fencing.ts'
import { type Standpoint, standingOf } from '../../../src/decisions/may-run.ts'
import { takeOver } from '../../../src/decisions/take-over.ts'
import type { Epoch } from '../../../src/events/index.ts'
import { fact } from '../../recorded-log.ts'
import { assigned, configuredAs, joined, knows, online, s1, s2, that, web } from '../decisions/demo.ts'
import { spec } from '../spec.ts'

const keep = configuredAs({ cluster: { heartbeat: { onQuorumLoss: 'keep' } } })
/** web runs on s1 under epoch 5. */
const running = spec.given(keep, joined('s1'), joined('s2'), joined('s3'), assigned('web', 's1'), online('web', 5))
const release = spec.given(
  configuredAs({}),
  joined('s1'),
  joined('s2'),
  joined('s3'),
  assigned('web', 's1'),
  online('web', 5),
)
const cutOff: Standpoint = {
  me: s1,
  isLeased: false,
  hasBarrier: true,
  stoppedEpoch: undefined,
  running: [5 as Epoch],
  isInherited: false,
}
const standing = (story: typeof running, at: Partial<Standpoint> = {}) =>
  standingOf(story.state(), web, { ...cutOff, ...at })

describe('rule 12: a server that has lost its majority', () => {
  test('releases what it runs, unless it is to keep it', () => {
    expect(standing(release)).toBe('release')
    expect(standing(running)).toBe('hold')
  })
  test('starts nothing either way', () => {
    expect(standing(running, { running: [] })).toBe('release')
    expect(standing(running, { running: [], isInherited: true })).toBe('release')
  })
  test('keeps it over a restart of its agent, which has nothing but an old fold', () => {
    expect(standing(running, { hasBarrier: false })).toBe('hold')
    expect(standing(running, { hasBarrier: false, isInherited: true })).toBe('hold')
  })
  test('does not keep what that fold knows nothing of, once nothing is inherited: the policy may have been another', () => {
    expect(standing(running, { running: [9 as Epoch] })).toBe('release')
    expect(standing(running, { running: [9 as Epoch], hasBarrier: false, isInherited: true })).toBe('hold')
  })
  test('does not keep what it has reported stopped, or what is to stop', () => {
    expect(standing(running, { stoppedEpoch: 5 as Epoch })).toBe('release')
    const stopping = fact('GroupStopping', { group: 'web', epoch: 5, factor: 'GROUPSTOP', next: null })
    expect(standing(running.and(stopping))).toBe('release')
  })
  test('stops at once when it reads that it was declared down, or that somebody else has the group', () => {
    const down = running.and(fact('ServerDeclaredDown', { server: 's1', generation: 2, supports: [] }))
    expect(standing(down)).toBe('release')
    expect(standing(down, { hasBarrier: false, isInherited: true })).toBe('release')
    expect(standing(running.and(assigned('web', 's2')), { isInherited: true })).toBe('release')
  })
  test('runs as ever once it has a lease again', () => {
    expect(standing(running, { isLeased: true })).toBe('run')
  })
})

describe('rule 12: its takeover', () => {
  const supported = knows(s2, { hears: ['s3'], supports: { s1: ['s2', 's3'] } })

  test('waits for a proof that it is off, whatever the policy of fencing', () => {
    expect(needsFence(running.state(), s1)).toMatchObject({ need: 'required' })
    running
      .when((state) => takeOver(state, supported))
      .thenFollows(that('FencingRequested', { server: 's1', groups: ['web'] }), that('ServerDeclaredDown'))
  })
  test('does not, when it is said by its own word that everything is off', () => {
    const renounced = {
      ...supported,
      supporters: (p: typeof s1) => supported.supporters(p).map((one) => ({ ...one, reason: 'renounced' as const })),
    }
    running
      .when((state) => takeOver(state, renounced))
      .thenFollows(that('ServerDeclaredDown'), that('GroupAssigned', { server: 's2' }))
  })
  test('does not, when it ran nothing', () => {
    expect(needsFence(running.state(), s2)).toMatchObject({ need: 'none' })
  })
})
