import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Recorded } from '../../src/events/index.ts'
import { fold, foldInPlace, freshState, initialState, type State } from '../../src/projections/state.ts'
import { anyEvent, knownEvent, logOf } from './arbitraries.ts'

const anyLog = logOf(anyEvent)
const roundTrip = (state: State): State => JSON.parse(JSON.stringify(state)) as State

describe('the fold', () => {
  test('is total: no sequence of commits, in any order, makes it throw', () => {
    const shuffled = anyLog.chain((log) => fc.shuffledSubarray([...log], { minLength: log.length }))
    fc.assert(
      fc.property(shuffled, (log) => {
        fold(initialState, log)
      }),
    )
  })

  test('leaves every other object of the program alone, whatever names stand on the log', () => {
    const names = () => [Object.prototype, Object, Function.prototype].map((one) => Reflect.ownKeys(one).length)
    const before = names()
    fc.assert(
      fc.property(anyLog, (log) => {
        fold(initialState, log)
        foldInPlace(freshState(), log)
        expect(names()).toEqual(before)
      }),
    )
  })

  test('gives the same from a snapshot and the tail as from the beginning, at every cut', () => {
    fc.assert(
      fc.property(anyLog, (log) => {
        const whole = fold(initialState, log)
        let state: State = initialState
        for (const [cut, recorded] of log.entries()) {
          expect(fold(roundTrip(state), log.slice(cut))).toEqual(whole)
          state = fold(state, [recorded])
        }
        expect(roundTrip(whole)).toEqual(whole)
      }),
      { numRuns: 60 },
    )
  })

  test('in place equals the fold that copies', () => {
    fc.assert(
      fc.property(anyLog, (log) => {
        const own = freshState()
        foldInPlace(own, log)
        expect(own).toEqual(fold(initialState, log))
      }),
    )
  })

  test('changes neither the state nor the commits that it is given', () => {
    fc.assert(
      fc.property(anyLog, anyLog, (first, second) => {
        const state = fold(initialState, first)
        const written = JSON.stringify([state, second])
        fold(state, second)
        expect(JSON.stringify([state, second])).toBe(written)
      }),
    )
  })

  test('reaches the position and the time of the last commit', () => {
    fc.assert(
      fc.property(anyLog, (log) => {
        const { position, at } = fold(initialState, log)
        expect(position).toEqual(log.at(-1)?.position ?? initialState.position)
        expect(at).toBe(log.at(-1)?.commit.at ?? 0)
      }),
    )
  })

  test('watches from the first event of an unknown type on, for good', () => {
    fc.assert(
      fc.property(anyLog, (log) => {
        const first = log.find(({ commit }) => commit.events.some(({ type }) => type === 'UnknownEvent'))
        expect(fold(initialState, log).watching?.sequence).toBe(first?.position.sequence)
      }),
    )
  })
})

const epochsOf = ({ groups }: State): ReadonlyMap<string, number> =>
  new Map(
    Object.entries(groups).flatMap(([name, { ownership }]) =>
      ownership.status === 'assigned' ? [[name, ownership.epoch]] : [],
    ),
  )

test('epochs only grow', () => {
  fc.assert(
    fc.property(logOf(knownEvent), (log) => {
      const latest = new Map<string, number>()
      let state: State = initialState
      for (const recorded of log) {
        state = fold(state, [recorded])
        for (const [group, epoch] of epochsOf(state)) {
          expect(epoch).toBeGreaterThanOrEqual(latest.get(group) ?? 0)
          expect(epoch).toBeLessThanOrEqual(recorded.position.sequence)
          latest.set(group, epoch)
        }
      }
    }),
  )
})

test('lease generations only grow', () => {
  fc.assert(
    fc.property(logOf(knownEvent), (log) => {
      let before: State = initialState
      for (const recorded of log) {
        const after: State = fold(before, [recorded])
        for (const [name, { generation }] of Object.entries(after.servers.byName))
          expect(generation).toBeGreaterThanOrEqual(before.servers.byName[name]?.generation ?? 0)
        before = after
      }
    }),
  )
})

test('no list of a state grows with the log for ever', () => {
  const repeated = (log: readonly Recorded[]) => Array.from({ length: 150 }, () => log).flat()
  fc.assert(
    fc.property(fc.array(logOf(knownEvent), { maxLength: 1 }), ([log = []]) => {
      const { operations, anomalies, configuration, monitors, servers } = fold(initialState, repeated(log))
      expect(operations.length).toBeLessThanOrEqual(100)
      expect(anomalies.length).toBeLessThanOrEqual(20)
      expect(configuration.history.length).toBeLessThanOrEqual(50)
      for (const { suspendedOn, dummyOn } of Object.values(monitors))
        expect(Math.max(suspendedOn.length, dummyOn.length)).toBeLessThanOrEqual(4)
      for (const { lostPaths } of Object.values(servers.byName))
        for (const paths of Object.values(lostPaths)) expect(paths.length).toBeLessThanOrEqual(2)
    }),
    { numRuns: 10 },
  )
})
