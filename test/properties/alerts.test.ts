import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Recorded } from '../../src/events/index.ts'
import { catalogue, longestMessage } from '../../src/projections/alert-catalogue.ts'
import { type Alert, alertsOf } from '../../src/projections/alerts.ts'
import { fold, foldInPlace, freshState, initialState, type State } from '../../src/projections/state.ts'
import { asRead } from '../recorded-log.ts'
import { anyEvent, knownEvent, logOf } from './arbitraries.ts'

const alertsOfAll = (log: readonly Recorded[]): readonly Alert[] => {
  let state: State = initialState
  return log.flatMap((recorded) => {
    const alerts = alertsOf(recorded, state)
    state = fold(state, [recorded])
    return alerts
  })
}

test('alerts never throw, whatever stands on the log', () => {
  fc.assert(
    fc.property(logOf(anyEvent), (log) => {
      for (const { message } of alertsOfAll(log)) {
        expect(message.length).toBeLessThanOrEqual(longestMessage)
        expect(message).not.toMatch(/[\n\r]/)
      }
    }),
    { numRuns: 300 },
  )
})

test('alerts of a log are the same for whoever reads it, and however often', () => {
  fc.assert(
    fc.property(logOf(knownEvent), (log) => {
      const alerts = alertsOfAll(log)
      expect(alertsOfAll(asRead(log))).toEqual(alerts)
    }),
  )
})

test('every alert is one of the catalogue and has all its values', () => {
  const known = new Set(Object.values(catalogue).map(({ module, id, severity }) => `${module}/${id} ${severity}`))
  fc.assert(
    fc.property(logOf(knownEvent), (log) => {
      for (const { module, id, severity, sequence } of alertsOfAll(log)) {
        expect(known).toContain(`${module}/${id} ${severity}`)
        expect(log.map(({ position }) => position.sequence)).toContain(sequence)
      }
    }),
  )
})

test('telling alerts of a state changes and freezes nothing of it', () => {
  fc.assert(
    fc.property(logOf(anyEvent), (log) => {
      const own = freshState()
      for (const recorded of log) {
        const written = JSON.stringify([own, recorded])
        alertsOf(recorded, own)
        expect(JSON.stringify([own, recorded])).toBe(written)
        foldInPlace(own, [recorded])
      }
    }),
  )
})
