/** What the engine of a mirror is answered, when the log takes its question, refuses it, or cannot be written. */
import { describe, expect, test } from 'vitest'
import { logAuthority } from '../../../src/agents/mirror/authority.ts'
import { mirrorName } from '../../../src/events/index.ts'
import { dataGeneration } from '../../../src/mirror/generations.ts'
import { alone, g1, paired } from '../decisions/mirror-demo.ts'
import type { Given } from '../spec.ts'
import { recorderOf } from './recorder-of.ts'

const wish = { current: 's1', stale: 's2', generation: dataGeneration(g1), epoch: 8, because: 's2 is gone' }
const authorityOf = (given: readonly Given[], isAway = false, said: (because: string) => void = () => undefined) =>
  logAuthority(recorderOf(given, isAway), mirrorName('web', 'data'), said)

describe('a break', () => {
  test('is recorded; asked again, it is so already', async () => {
    const authority = authorityOf(paired)
    expect(await authority.breakMirror(wish)).toBe('recorded')
    expect(await authority.breakMirror(wish)).toBe('recorded')
  })

  test('that the log refuses ends the engine, and the reason is said', async () => {
    const reasons: string[] = []
    const authority = authorityOf(paired, false, (because) => reasons.push(because))
    expect(await authority.breakMirror({ ...wish, epoch: 7 })).toBe('refused')
    expect(reasons).toEqual([expect.stringMatching(/epoch 7 is over/)])
  })

  test('that cannot be recorded is not known: the engine holds, and asks the same again', async () => {
    await expect(authorityOf(paired, true).breakMirror(wish)).rejects.toThrow('the log could not be written')
  })
})

test('a join is recorded, and a late one refused', async () => {
  const join = { source: 's1', target: 's2', generation: dataGeneration(g1), epoch: 8 }
  expect(await authorityOf(alone).joinMirror(join)).toBe('recorded')
  expect(await authorityOf(paired).joinMirror(join)).toBe('refused')
})
