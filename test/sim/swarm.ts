/** Every seed is a cluster, some of them pairs, some with a mirror disk, and a mix of faults of its own; whatever fails prints how to see it again. */
import { expect, test } from 'vitest'
import { runSeed } from '../../src/sim/seed.ts'
import { scenarioOf } from '../../src/sim/swarm.ts'

/** In a file: so that files share the cores of the machine. */
const seedsPerFile = 125
/** In a test: each has a limit of its own, and a name to be found by. */
const seedsPerTest = 5

/** `file` counts from 0. */
export const swarm = (file: number): void => {
  const end = (file + 1) * seedsPerFile
  for (let first = file * seedsPerFile + 1; first <= end; first += seedsPerTest) {
    test(`seeds ${first} to ${first + seedsPerTest - 1} keep every promise, and recover`, async () => {
      for (let seed = first; seed < first + seedsPerTest; seed++) {
        const { failure } = await runSeed(scenarioOf(seed, {}, { pairs: true, mirrors: true }))
        expect(failure, failure ?? '').toBeNull()
      }
    })
  }
}
