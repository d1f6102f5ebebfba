/** What the simulator's eye for refusals sees: whatever else a refused command would leave behind. */
import { expect, test } from 'vitest'
import type { Event } from '../../../src/events/index.ts'
import { fold, initialState, type State } from '../../../src/projections/state.ts'
import { changedParts } from '../../../src/sim/invariants/harmless-refusals.ts'
import { fact, storyOf } from '../../recorded-log.ts'
import { cluster } from '../decisions/demo.ts'
import { g0, mirror, paired } from '../decisions/mirror-demo.ts'
import { stateOf } from '../spec.ts'

const refused: readonly [Event, ...Event[]] = [
  fact('OperationRequested', { operation: 'o1', command: { do: 'skip-start-sync' }, from: 's1' }),
  fact('OperationRefused', { operation: 'o1', because: 'no', possible: '' }),
]
const leftBy = (before: State, ...more: readonly Event[]) =>
  changedParts(before, fold(before, storyOf([[...refused, ...more]])))

test('a refused command changes no part of the state', () => {
  expect(leftBy(stateOf(cluster()))).toEqual([])
})

test('of everything that it changes beside, the part is named', () => {
  const before = stateOf(paired)
  const from = { server: 's1', generation: 2 }
  const requested = { ...from, groups: ['web'], executor: 's2', because: '' }
  expect(leftBy(before, fact('FencingRequested', requested))).toEqual(['fencing'])
  expect(leftBy(before, fact('MirrorSplit', { mirror, server: 's2', generation: g0, epoch: 8 }))).toEqual(['mirrors'])
  expect(leftBy(before, fact('ClusterSuspended'))).toEqual(['cluster'])
})

test('every part of the state is looked at but the place in the log, its time, and the record of operations', () => {
  const parts = Object.keys(initialState)
  const others = Object.fromEntries(parts.map((part) => [part, {}])) as unknown as State // cast: nothing looks into it
  const own = ['position', 'at', 'operations']
  expect(changedParts(initialState, others)).toEqual(parts.filter((part) => !own.includes(part)))
})
