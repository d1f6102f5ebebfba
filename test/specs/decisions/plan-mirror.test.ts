/** What the data plane of a mirror does next on a server. */
import { describe, expect, test } from 'vitest'
import { type PlaneSeen, planMirror } from '../../../src/decisions/plan-mirror.ts'
import { epochOf, sequence } from '../../../src/events/index.ts'
import { fact } from '../../recorded-log.ts'
import { type Given, stateOf } from '../spec.ts'
import { assigned, left, s1, s2, stopped, stopping } from './demo.ts'
import { alone, constructed, g0, mirror, mirrored, paired, sideSeen } from './mirror-demo.ts'

const idle: PlaneSeen = {
  does: 'nothing',
  diskBytes: 8_388_608,
  dataBytes: 1_048_576,
  isConsistent: true,
  growth: null,
  epoch: 8,
  isLetGo: false,
  isParted: false,
  isExposed: false,
  isShown: true,
  waitedMs: 0,
}
const next = (given: readonly Given[], me: typeof s1, plane: Partial<PlaneSeen> = {}, wanted: number | null = null) =>
  planMirror(stateOf(given), {
    name: mirror,
    me,
    wanted: wanted === null ? null : epochOf(sequence(wanted)),
    plane: { ...idle, ...plane },
  })
const blank = (server: string, dataBytes = 8_388_608) =>
  sideSeen(server, { id: null, generation: null, isConsistent: false, dataBytes })

describe('a mirror that was just made', () => {
  const fresh = [...mirrored(), constructed('full')]

  test('shows its empty partition before anything else', () => {
    expect(next(fresh, s1)).toEqual({ do: 'show' })
    expect(next([...fresh, blank('s1')], s1, { isShown: false })).toEqual({ do: 'show' })
  })

  test('waits for the other side, which may have less, but not for ever, nor for one that is down', () => {
    expect(next([...fresh, blank('s1')], s1, { isConsistent: false })).toMatchObject({
      do: 'rest',
      because: expect.stringContaining('s2'),
    })
    expect(next([...fresh, blank('s1')], s1, { waitedMs: 20_000, isConsistent: false })).toMatchObject({ do: 'format' })
    expect(next([...fresh, blank('s1'), left('s2', 3)], s1, { isConsistent: false })).toMatchObject({ do: 'format' })
  })

  test('is formatted with what the smaller side has; only the side with the data has its generation', () => {
    const both = [...fresh, blank('s1'), blank('s2', 4_194_304)]
    expect(next(both, s1, { isConsistent: false })).toMatchObject({
      do: 'format',
      generation: g0,
      dataBytes: 4_194_304,
    })
    expect(next(both, s2, { isConsistent: false })).toMatchObject({
      do: 'format',
      generation: null,
      dataBytes: 8_388_608,
    })
  })

  test('is not made where the other side mirrors more than there is', () => {
    const given = [...fresh, sideSeen('s1', { dataBytes: 16_777_216 }), blank('s2')]
    expect(next(given, s2)).toMatchObject({ do: 'rest', because: expect.stringContaining('8388608 bytes') })
  })
})

describe('the side that does not own the group', () => {
  test('follows the one that does, and lets go when nobody does', () => {
    expect(next([...paired], s2)).toEqual({ do: 'follow' })
    expect(next([...paired], s2, { does: 'follow' })).toEqual({ do: 'rest', because: null })
    const stop = [stopping('web', 8, 'GROUPSTOP'), stopped('web', 8)]
    expect(next([...paired, ...stop], s2, { does: 'follow' })).toMatchObject({ do: 'leave' })
  })

  test('shows itself again where the log knows less of it than it has by now', () => {
    const late = [...paired, sideSeen('s2', { isConsistent: false, epoch: 8 })]
    expect(next(late, s2, { does: 'follow' })).toEqual({ do: 'show' })
  })

  test('voids a copy from the past while the other side serves, by what the log knows it to lack', () => {
    const written = fact('MirrorDirtyRecorded', {
      ...{ mirror, server: 's1', generation: g0, epoch: 8, runs: [{ at: 0, length: 1_048_576 }] },
      ...{ covered: 'by-bitmap', saves: { s2: 40 } },
    })
    const past = [...alone, written, sideSeen('s2', { epoch: 8, saves: 12 })]
    expect(next(past, s2)).toEqual({
      ...{ do: 'void', generation: g0, epoch: 8, saves: 40 },
      runs: [{ at: 0, length: 1_048_576 }],
    })
    expect(next(past, s2, { does: 'follow' })).toMatchObject({ do: 'leave' })
    expect(next([...paired, sideSeen('s2', { epoch: 3 })], s2)).toMatchObject({ do: 'format', generation: null })
  })

  test('stays apart while an operator wants it so', () => {
    const broken = [...paired, fact('MirrorOrdered', { mirror, server: 's1', order: 'break' })]
    expect(next(broken, s1, { does: 'serve' })).toMatchObject({ do: 'part' })
    expect(next(broken, s2, { does: 'follow', isParted: true })).toMatchObject({ do: 'leave' })
    const again = [...broken, fact('MirrorConnectAllowed', { mirror })]
    expect(next(again, s1, { does: 'serve', isParted: true })).toEqual({ do: 'connect' })
  })

  test('can be read, and nothing else, while it is split off', () => {
    const split = [...paired, fact('MirrorSplit', { mirror, server: 's2', generation: g0, epoch: 8 })]
    expect(next(split, s2, { isParted: true })).toEqual({ do: 'expose' })
    const rejoined = [...split, fact('MirrorRejoined', { mirror, server: 's2' })]
    expect(next(rejoined, s2, { isExposed: true })).toMatchObject({ do: 'leave' })
  })
})

describe('the side that owns the group', () => {
  test('serves when it is wanted, and waits for the other one only if that is there', () => {
    expect(next([...paired], s1, {}, 8)).toMatchObject({ do: 'activate', epoch: 8, wasLast: true, connectMs: null })
    expect(next([...paired, left('s2', 3)], s1, {}, 8)).toMatchObject({ do: 'activate', connectMs: 0 })
    expect(next([...paired], s1)).toEqual({ do: 'rest', because: null })
  })

  test('never serves a copy that lacks something, nor under an ownership that is over', () => {
    const stop = [stopping('web', 8, 'GROUPSTOP'), stopped('web', 8)]
    const moved = [...alone, ...stop, assigned('web', 's2')]
    expect(next(moved, s2, {}, 14)).toMatchObject({ do: 'rest', because: expect.stringContaining('stale') })
    expect(next([...paired], s1, {}, 7)).toMatchObject({ do: 'rest', because: 'epoch 7 is over' })
  })

  test('is left alone while it serves, until the driver has let go of an ownership that is over', () => {
    const stop = [stopping('web', 8, 'GROUPSTOP'), stopped('web', 8)]
    expect(next([...paired, ...stop], s1, { does: 'serve' })).toEqual({ do: 'rest', because: null })
    expect(next([...paired, ...stop], s1, { does: 'serve', isLetGo: true })).toMatchObject({ do: 'leave' })
    expect(next([...paired], s1, { does: 'serve', isLetGo: true })).toEqual({ do: 'rest', because: null })
  })
})
