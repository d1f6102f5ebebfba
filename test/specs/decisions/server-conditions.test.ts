import { describe, expect, test } from 'vitest'
import { type ClockReading, rateErrorPercent, withReading } from '../../../src/decisions/clock-rate.ts'
import { type ConditionFacts, conditionsOf, reportConditions } from '../../../src/decisions/server-conditions.ts'
import { type Given, spec } from '../spec.ts'
import { configuredAs, joined, s1 } from './demo.ts'

const { given } = spec
const calm: ConditionFacts = { watchdog: null, rateErrorPercent: null, certificateDays: 400 }
const unarmed = { armed: false, because: 'no driver is loaded' }
const with_ = (watchdog: object): readonly Given[] => [configuredAs({ cluster: { watchdog } }), joined('s1')]
const plain = with_({})
const report = (facts: Partial<ConditionFacts>) => (state: Parameters<typeof reportConditions>[0]) =>
  reportConditions(state, s1, { ...calm, ...facts })
const found = (condition: string, level: string) => ({
  type: 'ServerConditionFound' as const,
  data: { server: s1, condition, level },
})

describe('a watchdog that is not armed', () => {
  const configured = with_({ device: '/dev/watchdog' })

  test('is recorded where one is configured, once, and its end too', () => {
    const story = given(...configured)
    story.when(report({ watchdog: unarmed })).thenFollows(found('watchdog', 'none'))
    const known = story.after(report({ watchdog: unarmed }))
    known.when(report({ watchdog: { ...unarmed, because: 'in other words' } })).thenNothing()
    known
      .when(report({ watchdog: { armed: true, because: '' } }))
      .thenFollows({ type: 'ServerConditionEnded', data: { server: s1, condition: 'watchdog' } })
  })

  test('is not over as long as nobody knows', () => {
    given(...configured)
      .after(report({ watchdog: unarmed }))
      .when(report({ watchdog: null }))
      .thenNothing()
  })

  test('is nothing where none is configured', () => {
    given(...plain)
      .when(report({ watchdog: unarmed }))
      .thenNothing()
  })
})

describe('the rate of a clock', () => {
  test('is recorded when it is more than the configuration allows', () => {
    given(...plain)
      .when(report({ rateErrorPercent: 2 }))
      .thenNothing()
    given(...plain)
      .when(report({ rateErrorPercent: 2.01 }))
      .thenFollows(found('clock-rate', 'exceeded'))
  })

  const readings = (...pairs: readonly (readonly [number, number])[]) =>
    pairs
      .map(([monotonic, raw]): ClockReading => ({ monotonic, raw }))
      .reduce<readonly ClockReading[]>((all, reading) => withReading(all, reading), [])

  test('is not known before some seconds have passed', () => {
    expect(rateErrorPercent(readings([0, 0], [4000, 4000]))).toBeNull()
  })

  test('is the worst between any two readings, in percent, fast or slow', () => {
    expect(rateErrorPercent(readings([0, 0], [10_000, 10_000], [19_700, 20_000], [29_700, 30_000]))).toBeCloseTo(3)
    expect(rateErrorPercent(readings([0, 0], [10_100, 10_000]))).toBeCloseTo(1)
  })

  test('is forgotten after minutes', () => {
    const old = readings([0, 0], [11_000, 10_000])
    const later = Array.from({ length: 14 }, (_, index) => (index + 2) * 10_000)
    const all = later.reduce((sum, raw) => withReading(sum, { monotonic: raw + 1000, raw }), old)
    expect(rateErrorPercent(all)).toBeCloseTo(0)
  })
})

describe('a certificate that ends', () => {
  test.each([
    [91, undefined],
    [90, '90'],
    [31, '90'],
    [30, '30'],
    [13, '14'],
    [1, '1'],
    [0, '0'],
    [-5, '0'],
  ])('in %d days is at level %s', (days, level) => {
    const { certificate } = conditionsOf(given(...plain).state(), s1, { ...calm, certificateDays: days })
    expect(certificate?.level).toBe(level)
  })

  test('is recorded again when it is worse', () => {
    given(...plain)
      .after(report({ certificateDays: 80 }))
      .when(report({ certificateDays: 20 }))
      .thenFollows(found('certificate', '30'))
  })
})
