/** Which copy has every acknowledged write: breaks and joins, as the log takes them. */
import { describe, expect, test } from 'vitest'
import { type Break, breakMirror } from '../../../src/decisions/break-mirror.ts'
import { constructMirror } from '../../../src/decisions/construct-mirror.ts'
import { type Join, joinMirror } from '../../../src/decisions/join-mirror.ts'
import { type Event, mirrorName } from '../../../src/events/index.ts'
import { mirrorOf } from '../../../src/projections/mirrors.ts'
import { fact } from '../../recorded-log.ts'
import { type Given, spec, stateOf } from '../spec.ts'
import { assigned, declaredDown, epoch, s1, s2, stopped, stopping } from './demo.ts'
import { alone, broken, constructed, g0, g1, g2, id, joinedAs, mirrored, paired, sideSeen } from './mirror-demo.ts'

const name = mirrorName('web', 'data')
const breaking = (more: Partial<Break> = {}): Break => ({
  mirror: name,
  current: s1,
  stale: s2,
  generation: g1,
  epoch: epoch(8),
  because: 's2 is gone',
  ...more,
})
const joining = (more: Partial<Join> = {}): Join => ({
  mirror: name,
  source: s1,
  target: s2,
  generation: g1,
  epoch: epoch(8),
  ...more,
})
const answerTo = (given: readonly Given[], wish: Break) => breakMirror(stateOf(given), wish)
const joinAnswer = (given: readonly Given[], wish: Join) => joinMirror(stateOf(given), wish)
const mirrorAfter = (given: readonly Given[]) => mirrorOf(stateOf(given).mirrors, name)
const takenOver: readonly Given[] = [...paired, [declaredDown('s1', 2), assigned('web', 's2', 'failover')]]

describe('a break', () => {
  test('is recorded for the owner under its epoch: the other side is stale from then on', () => {
    const answer = answerTo(paired, breaking())
    if (answer.answer !== 'record') throw new Error(answer.answer)
    expect(mirrorAfter([...paired, answer.decision.events])).toMatchObject({
      current: 's1',
      stale: 's2',
      generation: g1,
      epoch: 8,
    })
  })

  test('that was recorded already is recorded: the reply was lost', () => {
    expect(answerTo(alone, breaking())).toEqual({ answer: 'so-already' })
  })

  test('is refused once the group was given away: the new owner has been told that it is current', () => {
    expect(answerTo(takenOver, breaking())).toMatchObject({ answer: 'refused', because: /s1 does not own/ })
  })

  test('is refused under an epoch that is over, also to the same server', () => {
    const again = [
      ...paired,
      stopping('web', 8, 'GROUPRESTART', 's1', 'restart'),
      [stopped('web', 8), assigned('web', 's1')],
    ]
    expect(answerTo(again as readonly Given[], breaking())).toMatchObject({
      answer: 'refused',
      because: /epoch 8 is over/,
    })
  })

  test('is refused to a side that lacks something, whoever owns the group', () => {
    const given = [...alone, stopping('web', 8, 'GROUPMOVE', 's2'), [stopped('web', 8), assigned('web', 's2')]] as const
    const wish = breaking({ current: s2, stale: s1, generation: g2, epoch: epoch(13) })
    expect(answerTo(given as readonly Given[], wish)).toMatchObject({
      answer: 'refused',
      because: /s1 has every acknowledged/,
    })
  })

  test('waits while it is not known whether the owner is off: neither side is current before that', () => {
    const fence: Event = fact('FencingRequested', {
      server: 's1',
      generation: 2,
      groups: ['web'],
      executor: 's2',
      because: 'policy',
    })
    const given: readonly Given[] = [...paired, [fence, declaredDown('s1', 2)]]
    expect(answerTo(given, breaking())).toMatchObject({ answer: 'not-now' })
  })

  test('names the content anew when a side that is alone starts again', () => {
    const wish = breaking({ generation: g2 })
    const answer = answerTo(alone, wish)
    expect(answer.answer).toBe('record')
    const after = mirrorAfter([...alone, broken('s1', 's2', g2, 8)])
    expect(after).toMatchObject({ current: 's1', stale: 's2', generation: g2 })
    expect(after?.sides.s2?.known?.generation).toBe(g0)
  })

  test('of a mirror that was never initialised is refused', () => {
    expect(answerTo(mirrored(), breaking())).toMatchObject({ answer: 'refused', because: /never initialised/ })
  })

  test('is recorded while the cluster is suspended: the service would hang otherwise', () => {
    expect(answerTo([...paired, fact('ClusterSuspended', {})], breaking()).answer).toBe('record')
  })
})

describe('a join', () => {
  test('makes both sides current', () => {
    const answer = joinAnswer(alone, joining())
    if (answer.answer !== 'record') throw new Error(answer.answer)
    expect(mirrorAfter([...alone, answer.decision.events])).toMatchObject({
      current: 's1',
      stale: null,
      generation: g1,
    })
  })

  test('that comes late does not undo a newer break', () => {
    const given = [...alone, joinedAs('s1', 's2', g1, 8), broken('s1', 's2', g2, 8)]
    expect(joinAnswer(given, joining())).toMatchObject({ answer: 'refused', because: /it is over/ })
  })

  test('is refused to a server that does not own the group any more', () => {
    const stop = [stopping('web', 8, 'GROUPSTOP'), stopped('web', 8)]
    expect(joinAnswer([...alone, ...stop], joining())).toMatchObject({ answer: 'refused', because: /does not own/ })
  })

  test('under a new epoch is recorded again: so the log knows that the other side was there', () => {
    const given: readonly Given[] = [
      ...paired,
      stopping('web', 8, 'GROUPRESTART', 's1', 'restart'),
      [stopped('web', 8), assigned('web', 's1')],
    ]
    const wish = joining({ generation: g0, epoch: epoch(12) })
    expect(joinAnswer(given, wish).answer).toBe('record')
    expect(mirrorAfter([...given, joinedAs('s1', 's2', g0, 12)])?.sides.s2?.known?.epoch).toBe(12)
  })

  test('waits for a side whose copy is from the past until it has shown itself anew', () => {
    const given = [...alone, sideSeen('s2', { epoch: 3 })]
    expect(joinAnswer(given, joining())).toMatchObject({ answer: 'not-now' })
    expect(joinAnswer([...given, sideSeen('s2', { epoch: 8, isConsistent: false })], joining()).answer).toBe('record')
  })
})

describe('the first copy', () => {
  const wish = { mirror: name, source: s1, epoch: epoch(5), id, generation: g0 }
  const first: readonly Given[] = [...mirrored({ initial: 'full' }), assigned('web', 's1')]

  test('is made from the side that is activated first', () => {
    const answer = constructMirror(stateOf(first), wish)
    if (answer.answer !== 'record') throw new Error(answer.answer)
    expect(mirrorAfter([...first, answer.decision.events])).toMatchObject({ id, current: 's1', stale: 's2' })
  })

  test('is skipped where both are equal by declaration', () => {
    expect(mirrorAfter([...mirrored(), constructed('none')])).toMatchObject({ current: 's1', stale: null })
  })

  test('is made once', () => {
    expect(constructMirror(stateOf([...first, constructed('full')]), wish)).toEqual({ answer: 'so-already' })
  })
})

test('a break that contradicts what the log knows is kept for people', () => {
  expect(stateOf([...alone, broken('s2', 's1', g2, 9)]).anomalies).toMatchObject([
    { what: /s1 has every acknowledged/ },
  ])
  spec
    .given(...alone)
    .when(() => null)
    .thenNothing()
})
