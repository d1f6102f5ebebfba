import { describe, expect, test } from 'vitest'
import { changeoverFault } from '../../../src/decisions/configuration-liveness-rule.ts'
import { timingOf } from '../../../src/decisions/membership.ts'
import { operate } from '../../../src/decisions/operate.ts'
import { endStretch } from '../../../src/decisions/stretch-timeout.ts'
import type { Command } from '../../../src/events/index.ts'
import type { State } from '../../../src/projections/state.ts'
import { spec } from '../spec.ts'
import { ask, configuredAs, knows, s1, that } from './demo.ts'

const asked = (command: Command) => (state: State) => operate(state, ask(command), knows(s1))
const stretch = (ratio: number): Command => ({ do: 'stretch-timeout', ratio, forMs: 60_000 })
const configured = spec.given(configuredAs({}))
const stretched = configured.after(asked(stretch(40)))

describe('timeout-ratio', () => {
  test('stretches T, and R by what clocks may drift apart meanwhile', () => {
    configured.when(asked(stretch(40))).thenFollows(that('OperationRequested'), that('TimeoutStretched', { ratio: 40 }))
    expect(timingOf(configured.state())).toEqual({ timeoutMs: 3000, releaseMs: 1000, clockRate: 0.02 })
    const timing = timingOf(stretched.state())
    expect(timing?.timeoutMs).toBe(120_000)
    expect(timing?.releaseMs).toBeGreaterThanOrEqual(800 + (0.04 / 1.02) * 120_000)
    expect(stretched.state().configuration.longestMs).toBe(120_000)
  })
  test('ends by itself, or by order, and once', () => {
    stretched.when((state) => endStretch(state, 59_999)).thenNothing()
    stretched.when((state) => endStretch(state, 60_000)).thenFollows(that('TimeoutStretchEnded'))
    const over = stretched.after((state) => endStretch(state, 60_000))
    over.when((state) => endStretch(state, 60_000)).thenNothing()
    expect(timingOf(over.state())?.timeoutMs).toBe(3000)
    expect(over.state().configuration.longestMs).toBe(120_000)
    over.when(asked({ do: 'restore-timeout' })).thenSettled('as configured')
  })
  test('is refused beyond a day: nobody would notice a crash', () => {
    configured.when(asked(stretch(30_000 / 3))).thenAccepted(that('TimeoutStretched'))
    const slow = spec.given(configuredAs({ cluster: { heartbeat: { timeout: 3_600_000, release: 200_000 } } }))
    slow.when(asked(stretch(25))).thenRefused('more than a day', 'at most 24')
  })
})

describe('a change of time-outs on a living cluster', () => {
  const heartbeat = configured.state().configuration.current?.heartbeat
  if (!heartbeat) throw new Error('no configuration')

  test('may be large in either direction, as R counts for the T that it is counted with', () => {
    const long = { ...heartbeat, timeout: 120_000, release: 5510 }
    expect(changeoverFault(heartbeat, long)).toBeNull()
    expect(changeoverFault(long, heartbeat)).toBeNull()
  })
  test('is refused where leases would be too short from beat to beat meanwhile', () => {
    expect(changeoverFault(heartbeat, { ...heartbeat, timeout: 30_000, release: 4000, stop: 2500 })).toMatch(
      /would last/,
    )
    expect(changeoverFault(heartbeat, { ...heartbeat, timeout: 30_000, interval: 5000 })).toMatch(/would last/)
  })
})
