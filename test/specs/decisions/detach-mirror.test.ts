/** A disk of the side that serves has failed: what the log makes of it, and of how often a disk is told to fail. */
import { describe, expect, test } from 'vitest'
import { breakMirror } from '../../../src/decisions/break-mirror.ts'
import { type Detach, detachMirror } from '../../../src/decisions/detach-mirror.ts'
import { joinMirror } from '../../../src/decisions/join-mirror.ts'
import { logWordOf, mayFollow, reportTrouble } from '../../../src/decisions/mirror-agent.ts'
import { mirrorObjection } from '../../../src/decisions/mirror-fitness.ts'
import { mirrorsAgainstStop, operateMirror } from '../../../src/decisions/operate-mirror.ts'
import { type Command, type Event, mirrorName, type operationId } from '../../../src/events/index.ts'
import { lackingOn, sideOf } from '../../../src/projections/mirror-sides.ts'
import { mirrorOf } from '../../../src/projections/mirrors.ts'
import { mirrorBanners } from '../../../src/projections/words-of-mirrors.ts'
import { fact } from '../../recorded-log.ts'
import { type Given, stateOf } from '../spec.ts'
import { assigned, declaredDown, epoch, knows, s1, s2 } from './demo.ts'
import { alone, broken, g0, g1, joinedAs, mirror, paired, sideSeen } from './mirror-demo.ts'

const name = mirrorName('web', 'data')
const because = 'the local disk: /dev/d1: write: EIO'
const detaching = (more: Partial<Detach> = {}): Detach => ({
  mirror: name,
  server: s1,
  current: s2,
  epoch: epoch(8),
  because,
  ...more,
})
const detached: Event = fact('MirrorDetached', { mirror, server: 's1', current: 's2', epoch: 8, because })
const answerTo = (given: readonly Given[], wish = detaching()) => detachMirror(stateOf(given), wish)
const after: readonly Given[] = [...paired, detached]
const takenOver: readonly Given[] = [...after, [declaredDown('s1', 2), assigned('web', 's2', 'failover')]]

describe('a detachment', () => {
  test('is recorded for the owner of a whole mirror: its own copy has nothing from then on', () => {
    const answer = answerTo(paired)
    if (answer.answer !== 'record') throw new Error(answer.answer)
    const state = stateOf([...paired, answer.decision.events])
    const known = mirrorOf(state.mirrors, mirror)
    expect(known).toMatchObject({ current: 's2', stale: 's1', generation: g0, detached: { server: 's1', because } })
    expect(known && lackingOn(known, 's1')).toMatchObject({ copy: 'everything' })
    expect(mirrorObjection(state, mirror, s2)).toBeNull()
    expect(mirrorObjection(state, mirror, s1)).toMatch(
      /its disk of mirror web.data has failed: .*replace-disk web.data s1/,
    )
    expect(logWordOf(state, mirror, s1)).toMatchObject({ isCurrent: false, wasLast: false })
    expect(logWordOf(state, mirror, s2)).toMatchObject({ isCurrent: true, wasLast: true, generation: g0 })
  })

  test('that was recorded already is recorded: the reply was lost', () => {
    expect(answerTo(after)).toEqual({ answer: 'so-already' })
  })

  test.each([
    ['while the other copy is stale', alone, detaching(), /only s1 has every acknowledged write/],
    ['before a join under this epoch', [...paired.slice(0, -1)], detaching(), /does not know yet that both sides/],
    ['under an epoch that is over', paired, detaching({ epoch: epoch(7) }), /epoch 7 is over/],
    ['for who does not own the group', paired, detaching({ server: s2, current: s1 }), /s2 does not own/],
    ['once the group was given away', [...paired, [declaredDown('s1', 2), assigned('web', 's2')]], detaching(), /own/],
    ['onto itself', paired, detaching({ current: s1 }), /not the two servers/],
    ['onto a copy that is from the past', [...paired, sideSeen('s2', { epoch: 3 })], detaching(), /copy of s2/],
  ] as const)('is refused %s', (_, given: readonly Given[], wish, why) => {
    expect(answerTo(given, wish)).toMatchObject({ answer: 'refused', because: expect.stringMatching(why) })
  })

  test('leaves the owner no word by which its copy could be current again', () => {
    const state = stateOf(after)
    const sides = { mirror: name, epoch: epoch(8) }
    const broke = { ...sides, current: s1, stale: s2, generation: g1, because: '' }
    expect(breakMirror(state, broke)).toMatchObject({ answer: 'refused' })
    expect(joinMirror(state, { ...sides, source: s1, target: s2, generation: g0 })).toMatchObject({ answer: 'refused' })
  })

  test('is over when the other side serves; the copy is not followed with as it is, and has everything after a resync', () => {
    const serves = [...takenOver, broken('s2', 's1', g1, 13)]
    const back = stateOf([...serves, sideSeen('s1', { generation: g0, epoch: 8, role: 'active' })])
    expect(mirrorOf(back.mirrors, mirror)).toMatchObject({ detached: null, current: 's2', stale: 's1' })
    expect(mayFollow(back, mirror, s1)).toMatch(/the log knows of nothing that this side has/)
    const joined = stateOf([...serves, sideSeen('s1', { generation: null }), joinedAs('s2', 's1', g1, 13)])
    expect(mirrorObjection(joined, mirror, s1)).toBeNull()
  })

  test('says what to do, and forbids what would end the service', () => {
    const state = stateOf(after)
    expect(mirrorBanners(state)).toEqual([
      expect.stringMatching(/disk of s1 has failed.*move its group to s2.*replace-disk web.data s1/),
    ])
    const asked = (command: object) =>
      operateMirror(state, { mirror: name, ...command } as never, 'o' as ReturnType<typeof operationId>, knows(s1))
    const commands: readonly Command['do'][] = ['verify-mirror', 'split-mirror', 'resync-mirror', 'break-mirror']
    for (const verb of commands)
      expect(asked({ do: verb, full: false }), verb).toMatchObject({ refused: expect.stringMatching(/s1 has failed/) })
    expect(asked({ do: 'replace-mirror-disk', server: 's1' })).toMatchObject({ possible: 'baton group move web' })
    expect(mirrorsAgainstStop(state, 's2', knows(s1))).toMatchObject({
      possible: expect.stringMatching(/group move web/),
    })
    expect(mirrorsAgainstStop(state, 's1', knows(s1))).toBeNull()
  })
})

describe('a disk that fails', () => {
  const trouble = (more: object = {}) => ({
    ...{ mirror: name, server: s2, operation: 'write' as const, offsets: [4096], because: 'one' },
    ...more,
  })
  const told = (events: readonly object[]): readonly Event[] => {
    const recorded: Event[] = []
    for (const one of events) {
      const decision = reportTrouble(stateOf([...paired, ...recorded]), trouble(one))
      recorded.push(...(decision?.events ?? []))
    }
    return recorded
  }

  test('in other words, again and again, is told once', () => {
    expect(told([{}, { because: 'two' }, {}, { because: 'two' }])).toHaveLength(1)
  })

  test('at other blocks, or to do something else, is told', () => {
    expect(
      told([{}, { offsets: [8192] }, { operation: 'flush', offsets: [] }, { offsets: [8192, 4096] }]),
    ).toHaveLength(3)
  })

  test('at ever more blocks is not told for ever, and what else it does not do still is', () => {
    const blocks = Array.from({ length: 100 }, (_, n) => ({ operation: 'read', offsets: [n * 4096] }))
    const recorded = told([...blocks, {}])
    expect(recorded).toHaveLength(17)
    const known = mirrorOf(stateOf([...paired, ...recorded]).mirrors, mirror)
    expect(known && sideOf(known, 's2').trouble).toMatchObject({ told: 17, operations: ['read', 'write'] })
  })

  test('is told anew once its copy was brought up again', () => {
    const recorded = told([{}])
    const again = [...paired, ...recorded, broken('s1', 's2', g1, 8), joinedAs('s1', 's2', g1, 8)]
    expect(reportTrouble(stateOf(again), trouble())).not.toBeNull()
  })
})
