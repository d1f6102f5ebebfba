/** What was written to a mirror, told of by its data planes: how far the log can name it (X5). */
import { describe, expect, test } from 'vitest'
import { joinMirror } from '../../../src/decisions/join-mirror.ts'
import { recordDirty, type ToldDirty } from '../../../src/decisions/mirror-agent.ts'
import type { ByteRun } from '../../../src/events/index.ts'
import { mirrorOf } from '../../../src/projections/mirrors.ts'
import { type Given, stateOf } from '../spec.ts'
import { assigned, declaredDown, stopped, stopping } from './demo.ts'
import { alone, asServer, broken, g0, g1, joinedAs, mirror, paired, written } from './mirror-demo.ts'

const name = mirror as never
const runs = [{ at: 0, length: 1_048_576 }]
const under = (epoch: number) => epoch as never

/** `knew`: the story as it was when the data plane was asked. */
const coveredBy = (
  given: readonly Given[],
  as: ToldDirty['as'],
  { by = 's1', epoch = 8, isComplete = true, knew = given, wrote = runs } = {},
): string | null => {
  const known = mirrorOf(stateOf(knew).mirrors, mirror)?.epochs.find((one) => one.epoch === epoch)
  const dirty = {
    mirror: name,
    server: asServer(by),
    generation: g0,
    epoch: under(epoch),
    runs: wrote,
    saves: {},
  }
  const decision = recordDirty(stateOf(given), dirty, { isComplete, as, since: known?.since ?? null })
  const [event] = decision?.events ?? []
  if (event === undefined) return 'nothing'
  return event.type === 'MirrorDirtyRecorded' ? (event.data.covered ?? null) : event.type
}

/** s1 has lost its power while both were written; s2 serves, and was joined by nobody yet. */
const takenOver = (...before: readonly Given[]): readonly Given[] => [
  ...paired,
  ...before,
  [declaredDown('s1', 2), assigned('web', 's2', 'failover')],
  broken('s2', 's1', g1, 11 + before.length),
]
const handedOver: readonly Given[] = [...paired, stopping('web', 8, 'GROUPSTOP'), stopped('web', 8)]

describe('what the side that serves tells', () => {
  test('while both are written is known up to that moment', () => {
    expect(coveredBy(paired, 'paired')).toBe('open')
  })
  test('while it is alone is in its bitmap from there on', () => {
    expect(coveredBy(alone, 'alone')).toBe('by-bitmap')
  })
  test('is a part where an earlier process wrote under the same epoch, or nobody knows yet who has it', () => {
    expect(coveredBy(paired, 'paired', { isComplete: false })).toBeNull()
    expect(coveredBy(paired, 'between')).toBeNull()
  })
  test('before the log had a break or a join says nothing about what came with that', () => {
    expect(coveredBy(alone, 'paired', { knew: paired })).toBeNull()
    expect(coveredBy(alone, 'alone', { knew: paired })).toBeNull()
    const joined = [...alone, joinedAs('s1', 's2', g1, 8)]
    expect(coveredBy(joined, 'paired', { knew: alone })).toBeNull()
    expect(coveredBy(joined, 'paired')).toBe('open')
  })
  test('is all of it once the ownership is over, and not before', () => {
    expect(coveredBy(handedOver, 'over')).toBe('yes')
    expect(coveredBy(paired, 'over')).toBeNull()
  })
  test('is told again only where it says something new', () => {
    expect(coveredBy([...paired, written('s1', 8, runs, 'open')], 'paired', { wrote: [] })).toBe('nothing')
    expect(coveredBy(paired, 'paired', { wrote: [], isComplete: false })).toBe('nothing')
    expect(coveredBy(paired, 'paired', { wrote: [] })).toBe('open')
  })
  test('is recorded without what lies within a run that the log has already', () => {
    const known = { at: 0, length: 16_777_216 }
    const beyond = { at: 33_554_432, length: 1_048_576 }
    const scattered = Array.from({ length: 8 }, (_, n) => ({ at: n * 2_097_152, length: 1_048_576 }))
    const state = stateOf([...paired, written('s1', 8, [known], 'open')])
    const told = (wrote: readonly ByteRun[], saves: Record<string, number> = {}) => {
      const dirty = { mirror: name, server: asServer('s1'), generation: g0, epoch: under(8), runs: [...wrote], saves }
      return recordDirty(state, dirty, { isComplete: false, as: 'paired', since: null })?.events[0]?.data
    }
    expect(told(scattered)).toBeUndefined()
    expect(told([...scattered, beyond])).toMatchObject({ runs: [beyond] })
    // By the count of saves a backup from before what was written tells itself, so that goes to the log all the same.
    expect(told(scattered, { s1: 41 })).toMatchObject({ runs: [], saves: { s1: 41 } })
  })
})

describe('what the side that followed tells once it has taken over', () => {
  test('is the rest, where everything before was told since both were joined', () => {
    expect(coveredBy(takenOver(written('s1', 8, runs, 'open')), 'over', { by: 's2' })).toBe('yes')
  })
  test('is a part where it was not', () => {
    expect(coveredBy(takenOver(), 'over', { by: 's2' })).toBeNull()
  })
})

test('a join is recorded anew where more may have been written since the last word: its data plane may have been started anew', () => {
  const wish = { mirror: name, source: asServer('s1'), target: asServer('s2'), generation: g0, epoch: under(8) }
  expect(joinMirror(stateOf(paired), wish)).toMatchObject({ answer: 'so-already' })
  expect(joinMirror(stateOf([...paired, written('s1', 8, runs, 'open')]), wish)).toMatchObject({ answer: 'record' })
})
