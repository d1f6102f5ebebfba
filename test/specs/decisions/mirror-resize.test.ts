/** D9: a mirror takes in what was added to both data partitions. */
import { describe, expect, test } from 'vitest'
import { operate } from '../../../src/decisions/operate.ts'
import { type PlaneSeen, planMirror } from '../../../src/decisions/plan-mirror.ts'
import { measureSide, mustMeasure, openResize, resizeMirror } from '../../../src/decisions/resize-mirror.ts'
import { type Command, epochOf, mirrorName, sequence } from '../../../src/events/index.ts'
import { mirrorOf } from '../../../src/projections/mirrors.ts'
import type { State } from '../../../src/projections/state.ts'
import { fact } from '../../recorded-log.ts'
import { type Given, spec, stateOf } from '../spec.ts'
import { ask, assigned, knows, left, s1, s2 } from './demo.ts'
import { alone, broken, g0, g1, mirror, paired, sideSeen } from './mirror-demo.ts'

const name = mirrorName('web', 'data')
const mebi = 1_048_576
const order = (state: State, facts = knows(s1)) =>
  operate(state, ask({ do: 'resize-mirror', mirror: name } as Command), facts)

/** Commit 11. */
const ordered = fact('MirrorOrdered', { mirror, server: 's1', order: 'resize' })
const sizes = { dataBytes: 3 * mebi, mirroredBytes: mebi, metadataBytes: mebi, neededBytes: mebi / 2, because: '' }
const measured = (server: string, more: object = {}) =>
  fact('MirrorSideMeasured', { mirror, server, ordered: 11, ...sizes, ...more })
const resized = fact('MirrorResized', { mirror, server: 's1', ordered: 11, fromBytes: mebi, dataBytes: 2 * mebi })
const both = (first: object = {}, second: object = {}): readonly Given[] => [
  ...paired,
  ordered,
  measured('s1', first),
  measured('s2', { dataBytes: 2 * mebi + 512, ...second }),
]

/** What the server that serves comes to. */
const answer = (given: readonly Given[]) => {
  const state = stateOf(given)
  const open = openResize(state, mirror)
  return open && resizeMirror(state, name, open)
}
const because = (given: readonly Given[]): string => {
  const came = answer(given)
  return came?.answer === 'impossible' ? came.because : `${came?.answer}`
}

describe('an ordered resize', () => {
  test('is refused where the other side is not heard, or lacks something', () => {
    spec
      .given(...paired)
      .when((state) => order(state, knows(s1, { hears: [] })))
      .thenRefused(/s2 is not heard/, /wait/)
    spec
      .given(...alone)
      .when((state) => order(state))
      .thenRefused(/only s1 has every write/, /resync web.data/)
  })

  test('asks both sides how large they are, each once', () => {
    const given = [...paired, ordered]
    for (const server of [s1, s2]) expect(mustMeasure(stateOf(given), mirror, server)?.sequence).toBe(11)
    expect(answer(given)).toEqual({ answer: 'wait' })
    const after = [...given, measured('s1')]
    expect(mustMeasure(stateOf(after), mirror, s1)).toBeNull()
    expect(answer(after)).toEqual({ answer: 'wait' })
    const again = { mirror: name, server: s1, ordered: sequence(11), ...sizes }
    spec
      .given(...after)
      .when((state) => measureSide(state, again))
      .thenNothing()
  })

  test('gives up when the other side goes before it has answered', () => {
    expect(because([...paired, ordered, measured('s1'), left('s2', 3)])).toMatch(/s2, which has the other copy/)
    expect(because([...paired, ordered, measured('s1'), broken('s1', 's2', g1, 8)])).toMatch(/s2 was left behind/)
  })

  test('names what the smaller side has, in whole pages, on the log', () => {
    const came = answer(both())
    const [event] = came?.answer === 'record' ? came.decision.events : []
    const data = { mirror, server: 's1', ordered: 11, fromBytes: mebi, dataBytes: 2 * mebi }
    expect(event).toEqual({ type: 'MirrorResized', data })
    expect(answer([...both(), resized])).toMatchObject({ answer: 'named', dataBytes: 2 * mebi })
    expect(mirrorOf(stateOf([...both(), resized]).mirrors, mirror)?.dataBytes).toBe(2 * mebi)
  })

  test('is impossible where only one side was enlarged, and says which one is missing', () => {
    expect(because(both({}, { dataBytes: mebi }))).toBe(
      'the data partition of s2 has 1.0 MiB, no more than is mirrored: enlarge it too (the data partition of s1 has 3.0 MiB)',
    )
  })

  test('is impossible where a partition is smaller than the mirror: it does not shrink', () => {
    expect(because(both({}, { dataBytes: mebi / 2 }))).toMatch(/of s2 has 512.* a mirror does not shrink/)
  })

  test('is impossible where a cluster partition is too small, and says how large it has to be', () => {
    expect(because(both({ neededBytes: 2 * mebi }))).toBe(
      'the cluster partition of s1 has 1048576 bytes, 2097152 are needed for its data partition of 3.0 MiB: enlarge it, or give less to the mirror',
    )
    expect(because(both({ because: 'EIO' }))).toMatch(/s1 cannot tell how large its partitions are: EIO/)
  })

  test('with nothing added names what there is: the file system may have to grow yet', () => {
    const full = { dataBytes: 2 * mebi, mirroredBytes: 2 * mebi }
    expect(answer(both(full, full))).toMatchObject({ answer: 'named', dataBytes: 2 * mebi })
  })
})

describe('a mirror whose new size the log has named', () => {
  const plane: PlaneSeen = {
    ...{ does: 'nothing', diskBytes: 3 * mebi, dataBytes: mebi, isConsistent: true, epoch: 8, growth: null },
    ...{ isLetGo: false, isParted: false, isExposed: false, isShown: true, waitedMs: 0 },
  }
  const next = (given: readonly Given[], me: typeof s1, seen: Partial<PlaneSeen>, wanted: number | null = null) =>
    planMirror(stateOf(given), {
      ...{ name: mirror, me, wanted: wanted === null ? null : epochOf(sequence(wanted)) },
      plane: { ...plane, ...seen },
    })
  const grows = { do: 'grow', dataBytes: 2 * mebi }
  const given = [...both(), resized]

  test('grows on the side that follows first, which goes on following', () => {
    expect(next(given, s2, {})).toEqual({ do: 'follow' })
    expect(next(given, s2, { does: 'follow' })).toEqual(grows)
    expect(next(given, s1, { does: 'serve' }, 8)).toEqual({ do: 'rest', because: null })
  })

  test('grows on the side that serves once the other one has shown that it has grown, or is not there', () => {
    const shown = sideSeen('s2', { dataBytes: 2 * mebi })
    expect(next([...given, shown], s1, { does: 'serve' }, 8)).toEqual(grows)
    expect(next([...given, left('s2', 3)], s1, { does: 'serve' }, 8)).toEqual(grows)
    expect(next([...given, shown], s1, { does: 'serve', dataBytes: 2 * mebi }, 8)).toMatchObject({ do: 'rest' })
  })

  test('is served only with its new size', () => {
    expect(next(given, s1, {}, 8)).toEqual(grows)
    expect(next(given, s1, { dataBytes: 2 * mebi }, 8)).toMatchObject({ do: 'activate' })
    const forced = fact('MirrorForced', { mirror, server: 's1', generation: g1, lostBytes: null, lost: 'all' })
    const past = sideSeen('s1', { saves: 9 })
    expect(next([...given, past, sideSeen('s1', { saves: 1 }), forced], s1, {}, 8)).toEqual(grows)
  })

  test('is served as it is where the current copy cannot grow, and goes on trying', () => {
    const stuck = { growth: { because: 'EIO' } }
    const alone = [...given, broken('s1', 's2', g1, 8)]
    expect(next(alone, s1, { growth: { because: null } }, 8)).toEqual(grows)
    expect(next(alone, s1, stuck, 8)).toMatchObject({ do: 'activate', isCurrent: true })
    const shown = sideSeen('s2', { dataBytes: 2 * mebi })
    expect(next([...alone, shown], s1, { ...stuck, does: 'serve' }, 8)).toEqual(grows)
    // What its new end was to be, the other side may have been written to.
    expect(next([...given, assigned('web', 's2')], s2, stuck, 15)).toEqual(grows)
  })

  test('grows on a copy from the past before what it lacks is marked, which may lie beyond its end', () => {
    const run = { at: mebi, length: mebi }
    const written = fact('MirrorDirtyRecorded', {
      ...{ mirror, server: 's1', generation: g0, epoch: 8, runs: [run], covered: 'yes', saves: {} },
    })
    const past = [...given, written, sideSeen('s2', { epoch: 8, saves: 9 }), sideSeen('s2', { epoch: 8, saves: 4 })]
    expect(next(past, s2, {})).toEqual(grows)
    expect(next(past, s2, { dataBytes: 2 * mebi })).toMatchObject({ do: 'void', runs: [run] })
  })

  test('is formatted with what the side has that it is copied from, so that what is added becomes zeros on both', () => {
    const empty = [...given, broken('s1', 's2', g1, 8), sideSeen('s2', { id: null, generation: null })]
    expect(next(empty, s2, { dataBytes: 0 })).toMatchObject({ do: 'format', dataBytes: mebi })
    const made = sideSeen('s2', { generation: null, isConsistent: false, saves: 1 })
    expect(next([...empty, made], s2, { does: 'follow', isConsistent: false })).toEqual(grows)
    // Its data counts as it is, whatever the other one has.
    const forced = fact('MirrorForced', { mirror, server: 's2', generation: g1, lostBytes: null, lost: 'all' })
    expect(next([...empty, forced], s2, { dataBytes: 0 })).toMatchObject({ do: 'format', dataBytes: 2 * mebi })
  })

  test('is not touched where it is not this mirror, and formatted with its new size where it is empty', () => {
    const foreign = sideSeen('s2', { id: 'f'.repeat(32), generation: g1 })
    expect(next([...given, foreign], s2, {})).toMatchObject({ do: 'rest' })
    const empty = [...given, broken('s1', 's2', g1, 8), sideSeen('s2', { id: null, generation: null })]
    const grown = sideSeen('s1', { dataBytes: 2 * mebi, saves: 99 })
    expect(next([...empty, grown], s2, { dataBytes: 0 })).toMatchObject({ do: 'format', dataBytes: 2 * mebi })
    expect(next(empty, s2, { dataBytes: 0, diskBytes: mebi })).toMatchObject({
      ...{ do: 'rest', because: 'the data partition has 1048576 bytes, the mirror 2097152' },
    })
  })
})
