import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { inequalityOf } from '../../../src/decisions/configuration-liveness-rule.ts'
import {
  budgetMs,
  mayFeed,
  mutualWatch,
  releaseBudget,
  watchdogRange,
  watchdogTimeoutMs,
} from '../../../src/decisions/release-budget.ts'

const defaults = {
  interval: 300,
  timeout: 3000,
  release: 1000,
  stop: 800,
  clockRateError: 2,
  delay: 20,
  stall: 200,
  lostBeats: 2,
}
const quick = { ...defaults, interval: 80, timeout: 1000, release: 400, stop: 300, delay: 10, stall: 150 }

const heartbeats = fc
  .record({
    interval: fc.integer({ min: 10, max: 60_000 }),
    timeout: fc.integer({ min: 100, max: 3_600_000 }),
    release: fc.integer({ min: 10, max: 3_600_000 }),
    stop: fc.double({ min: 1, max: 3_600_000, noNaN: true }),
    clockRateError: fc.double({ min: 0, max: 20, noNaN: true }),
    delay: fc.integer({ min: 0, max: 10_000 }),
    stall: fc.integer({ min: 0, max: 600_000 }),
    lostBeats: fc.integer({ min: 0, max: 1000 }),
  })
  .filter((heartbeat) => inequalityOf(heartbeat).holds)

describe('the shares of D', () => {
  test('are the agent’s, the guardian’s and the reset’s', () => {
    expect(releaseBudget({ stop: 800 })).toEqual({ agentMs: 200, guardianMs: 400, resetMs: 200 })
  })

  test('are never more than D together, which is never more than R', () => {
    fc.assert(
      fc.property(heartbeats, (heartbeat) => {
        const budget = releaseBudget(heartbeat)
        expect(budgetMs(budget)).toBeLessThanOrEqual(heartbeat.stop)
        expect(heartbeat.stop).toBeLessThanOrEqual(heartbeat.release)
        expect(budgetMs(budget)).toBeGreaterThan(heartbeat.stop - 3)
        for (const share of Object.values(budget)) expect(share).toBeGreaterThanOrEqual(0)
      }),
    )
  })
})

describe('a watchdog', () => {
  test('gets the shortest time-out in whole seconds that lost beats and stalls leave it', () => {
    expect(watchdogRange(defaults)).toEqual({ leastMs: 1400, mostMs: 2760 })
    expect(watchdogTimeoutMs(defaults)).toBe(2000)
  })

  test('cannot be used where the lease is shorter than any it knows', () => {
    expect(watchdogTimeoutMs(quick)).toBeNull()
  })

  test('is always fed while nothing runs', () => {
    expect(mayFeed(1e9, { until: 0, budget: releaseBudget(defaults) }, 2000)).toBe(true)
  })

  test('that is fed whenever it may be has fired by the end of the lease and D', () => {
    fc.assert(
      fc.property(heartbeats, fc.integer({ min: 0, max: 10_000_000 }), (heartbeat, now) => {
        const timeoutMs = watchdogTimeoutMs(heartbeat)
        fc.pre(timeoutMs !== null)
        const until = 5_000_000
        const isFed = mayFeed(now, { until, budget: releaseBudget(heartbeat) }, timeoutMs)
        if (isFed) expect(now + timeoutMs).toBeLessThanOrEqual(until + heartbeat.stop)
      }),
    )
  })

  test('may be fed under every fresh lease', () => {
    fc.assert(
      fc.property(heartbeats, (heartbeat) => {
        const timeoutMs = watchdogTimeoutMs(heartbeat)
        fc.pre(timeoutMs !== null)
        const { timeout, release, delay } = heartbeat
        const until = 1 + timeout - release - 2 * delay
        expect(mayFeed(1, { until, budget: releaseBudget(heartbeat) }, timeoutMs)).toBe(true)
      }),
    )
  })
})

test('a guardian is replaced before its silence costs the lease', () => {
  fc.assert(
    fc.property(heartbeats, (heartbeat) => {
      const { silentMs, unguardedMs } = mutualWatch(heartbeat)
      expect(silentMs).toBeLessThan(unguardedMs)
    }),
  )
})
