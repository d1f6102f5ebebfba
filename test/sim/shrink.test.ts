/** Frozen machines without watchdog and fencing double up (GUARANTEES.md): a failure that can be had, to be made small. */
import { expect, test } from 'vitest'
import { allFaults, Peace } from '../../src/sim/faults.ts'
import { runSeed } from '../../src/sim/seed.ts'
import { type RunWith, shrink, shrunkLines, smallerReport } from '../../src/sim/shrink.ts'
import { type Scenario, scenarioOf } from '../../src/sim/swarm.ts'
import { usualPlan } from './clusters.ts'

const unprotected = (seed: number): Scenario => ({
  ...scenarioOf(seed),
  plan: { ...usualPlan, hasWatchdog: false },
  faults: allFaults(new Peace()).filter(({ name }) => /freeze|wall clock|disk stall|moody|resource dies/.test(name)),
  everyMs: 1500,
  faultsMs: 60_000,
})

test('a failing run is shrunk to the few faults that make it fail, and fails in the same way again', async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const failed = await runSeed(unprotected(seed), 'play it again')
    if (failed.failure === null || failed.strikes.length < 6) continue
    expect(failed.failure).toContain('\nagain:   play it again\n')
    const runWith: RunWith = (strikes) => runSeed({ ...unprotected(seed), strikes }, 'and smaller')
    const { outcome, struck } = await shrink(runWith, failed)
    expect(outcome.strikes.length).toBeLessThan(struck)
    const again = await runSeed({ ...unprotected(seed), strikes: outcome.strikes })
    expect(again.trace).toBe(outcome.trace)
    expect(again.failure).toBe(outcome.failure?.replace('again:   and smaller\n', ''))
    const report = await smallerReport(runWith, failed)
    expect(report).toContain('\nagain:   and smaller\n')
    expect(report).toMatch(/\nsmaller: \d+ of \d+ faults/)
    expect(shrunkLines({ outcome, struck, tries: 1 }).join('\n')).toMatch(/freeze/)
    return
  }
  expect.fail('no run without a watchdog failed')
})
