/** Copies from the past (X5), and what the log knows that they lack. */
import { describe, expect, test } from 'vitest'
import { type Epoch, epochOf, mostRecordedRuns, sequence } from '../../../src/events/index.ts'
import { joined, writtenSince } from '../../../src/projections/mirror-history.ts'
import { lackingOn, sideOf } from '../../../src/projections/mirror-sides.ts'
import { mirrorOf } from '../../../src/projections/mirrors.ts'
import { type Given, stateOf } from '../spec.ts'
import { assigned, declaredDown, joined as serverJoined } from './demo.ts'
import { alone, broken, g0, g1, g2, id, joinedAs, mirror, paired, sideSeen, written } from './mirror-demo.ts'

const mirrorAfter = (given: readonly Given[]) => {
  const found = mirrorOf(stateOf(given).mirrors, mirror)
  if (!found) throw new Error('no mirror')
  return found
}
const verdictAfter = (given: readonly Given[], server: string) => sideOf(mirrorAfter(given), server).seen?.verdict
const lackingAfter = (given: readonly Given[], server: string) => lackingOn(mirrorAfter(given), server)
const MiB = 1_048_576
const at = (n: number): Epoch => epochOf(sequence(n))

/** s1 serves under epoch 8, is destroyed; s2 takes over under 11 and goes on alone with g1. */
const destroyed = (...before: readonly Given[]): readonly Given[] => [
  ...paired,
  ...before,
  [declaredDown('s1', 2), assigned('web', 's2', 'failover')],
  broken('s2', 's1', g1, 11 + before.length),
]
const restored = sideSeen('s1', { epoch: 3, boot: 's1-boot-2' })

describe('a side that comes up', () => {
  test('with what the log knows it to have is believed', () => {
    expect(verdictAfter([...paired, sideSeen('s2', { epoch: 8 })], 's2')).toEqual({ is: 'as-known' })
  })

  test('is stale in the ordinary way when it has what it had at the break: its bitmap’s other half is with the current side', () => {
    const given = [...alone, sideSeen('s2', { epoch: 8 })]
    expect(verdictAfter(given, 's2')).toEqual({ is: 'as-known' })
    expect(lackingAfter(given, 's2')).toMatchObject({ copy: 'differences', byBitmap: true })
  })

  test('with all of what the current side goes on with was brought up before the log heard of it: it stays stale, and is believed', () => {
    const given = [...alone, sideSeen('s2', { generation: g1, epoch: 8 })]
    expect(verdictAfter(given, 's2')).toEqual({ is: 'as-known' })
    expect(mirrorAfter(given).stale).toBe('s2')
    expect(lackingAfter(given, 's2')).toMatchObject({ copy: 'differences', byBitmap: true })
  })

  test('with an older generation than the log knows it to have had is from the past, whatever its bitmap says', () => {
    const given = [...alone, joinedAs('s1', 's2', g1, 8), sideSeen('s2', { generation: g0, epoch: 8 })]
    expect(verdictAfter(given, 's2')).toMatchObject({ is: 'older', because: /aaaaaaaa.*bbbbbbbb/ })
  })

  test('with an older epoch is from the past, although the generation is the same', () => {
    expect(verdictAfter([...destroyed(), restored], 's1')).toMatchObject({ is: 'older', because: /epoch 3.*under 8/ })
  })

  test('whose metadata was saved less often than the log has seen is from the past', () => {
    const given = [
      ...paired,
      sideSeen('s2', { epoch: 8, saves: 20 }),
      sideSeen('s2', { epoch: 8, saves: 19, session: 'two' }),
    ]
    expect(verdictAfter(given, 's2')).toMatchObject({ is: 'older', because: /19 times.*20/ })
  })

  test('with a generation that the log never heard of is left alone', () => {
    expect(verdictAfter([...paired, sideSeen('s2', { generation: g2, epoch: 8 })], 's2')).toMatchObject({
      is: 'unknown',
    })
    expect(verdictAfter([...paired, sideSeen('s2', { id: 'f'.repeat(32) })], 's2')).toMatchObject({ is: 'unknown' })
  })

  test('that had asked for a break when it crashed has what the log recorded of it', () => {
    expect(verdictAfter([...alone, sideSeen('s1', { epoch: 8, pending: g1, role: 'active' })], 's1')).toEqual({
      is: 'as-known',
    })
  })

  test('formatted anew lacks everything', () => {
    const given = [...paired, sideSeen('s2', { id, generation: null })]
    expect(verdictAfter(given, 's2')).toEqual({ is: 'new' })
    expect(lackingAfter(given, 's2')).toMatchObject({ copy: 'everything' })
  })
})

describe('one server destroyed and restored from a backup', () => {
  const runs = [{ at: 8 * MiB, length: MiB }]
  const later = [{ at: 64 * MiB, length: 2 * MiB }]

  test('is brought up by what was written since, where the log knows all of it', () => {
    // Under epoch 8 both had everything; after the break the bitmap of s2 has the rest.
    const given = [...destroyed(), written('s2', 8, runs, 'yes'), written('s2', 11, later)]
    const restoredIn8 = sideSeen('s1', { epoch: 8, saves: 3, boot: 's1-boot-2' })
    const before = sideSeen('s1', { epoch: 8, saves: 9 })
    const all = [...paired, before, ...given.slice(paired.length), serverJoined('s1', 's1-boot-2'), restoredIn8]
    expect(lackingAfter(all, 's1')).toEqual({ copy: 'differences', runs: [...runs, ...later], byBitmap: true })
  })

  // What s1 wrote between its last word and its end was nowhere: neither on the log, nor in a bitmap.
  test.each([undefined, 'open'] as const)(
    'gets everything when the log does not know what came last under an epoch: %s',
    (covered) => {
      const given = [...destroyed(written('s1', 8, runs, covered)), sideSeen('s1', { epoch: 8, saves: 3 })]
      const before = sideSeen('s1', { epoch: 8, saves: 9 })
      const all = [...paired, before, ...given.slice(paired.length)]
      expect(lackingAfter(all, 's1')).toMatchObject({ copy: 'everything', because: /epoch 8/ })
    },
  )

  test('gets everything when the log does not reach back so far', () => {
    expect(lackingAfter([...destroyed(), restored], 's1')).toMatchObject({
      copy: 'everything',
      because: /since epoch 3/,
    })
  })
})

describe('what was written under an epoch', () => {
  const epochs = [
    { epoch: at(5), server: 's1' as never, runs: [{ at: 0, length: MiB }], covered: 'yes' as const },
    { epoch: at(9), server: 's2' as never, runs: [{ at: 4 * MiB, length: MiB }], covered: 'by-bitmap' as const },
  ]
  test('counts from the claimed epoch on, that one included', () => {
    expect(writtenSince(epochs, at(5), true)).toMatchObject({ copy: 'differences', runs: [{ at: 0 }, { at: 4 * MiB }] })
    expect(writtenSince(epochs, at(9), true)).toMatchObject({ runs: [{ at: 4 * MiB }] })
  })

  test('alone is forgotten with the bitmap when the sides join, unless it was recorded', () => {
    const story = [...alone, joinedAs('s1', 's2', g1, 8)]
    expect(mirrorAfter(story).epochs).toMatchObject([{ epoch: 8, covered: 'no' }])
    expect(mirrorAfter([...story, written('s1', 8, [{ at: 0, length: MiB }], 'open')]).epochs).toMatchObject([
      { epoch: 8, covered: 'open' },
    ])
  })

  test('that the log has forgotten is known in part only, whatever is told of it', () => {
    expect(mirrorAfter([...paired, written('s1', 5, [{ at: 0, length: MiB }])]).epochs).toMatchObject([
      { epoch: 5, covered: 'no' },
      { epoch: 8 },
    ])
  })

  test('is one run where runs touch, and a superset where they are too many', () => {
    expect(
      joined(
        [{ at: 0, length: 10 }],
        [
          { at: 10, length: 5 },
          { at: 30, length: 5 },
        ],
      ),
    ).toEqual([
      { at: 0, length: 15 },
      { at: 30, length: 5 },
    ])
    const many = Array.from({ length: mostRecordedRuns + 100 }, (_, n) => ({ at: n * 10, length: n % 2 === 0 ? 9 : 5 }))
    const coarse = joined([], many)
    expect(coarse.length).toBeLessThanOrEqual(mostRecordedRuns)
    for (const { at: from, length } of many)
      expect(coarse.some((run) => run.at <= from && run.at + run.length >= from + length)).toBe(true)
  })
})
