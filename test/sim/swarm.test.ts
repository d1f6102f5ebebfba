/** Every seed is a cluster and a mix of faults of its own; whatever fails prints how to see it again. */
import { expect, test } from 'vitest'
import { runSeed } from '../../src/sim/seed.ts'
import { scenarioOf } from '../../src/sim/swarm.ts'

const seeds = 40
const atOnce = 5

for (let first = 1; first <= seeds; first += atOnce) {
  test(`seeds ${first} to ${first + atOnce - 1} keep every promise, and recover`, async () => {
    for (let seed = first; seed < first + atOnce; seed++) {
      const { failure } = await runSeed(scenarioOf(seed))
      expect(failure, failure ?? '').toBeNull()
    }
  })
}

test('the same seed gives the same run', async () => {
  const traces = [await runSeed(scenarioOf(6)), await runSeed(scenarioOf(6))].map(
    ({ trace, steps }) => `${trace} ${steps}`,
  )
  expect(traces[0]).toBe(traces[1])
})
