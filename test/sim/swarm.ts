/** Every seed is a cluster, some of them pairs, some with a mirror disk, and a mix of faults of its own; whatever fails prints how to see it again. */
import { expect, test } from 'vitest'
import { runSeed } from '../../src/sim/seed.ts'
import { type RunWith, smallerReport } from '../../src/sim/shrink.ts'
import { scenarioOf } from '../../src/sim/swarm.ts'
import { againCommand } from './again.ts'

/** In a file: so that files share the cores of the machine. */
const seedsPerFile = 125
/** In a test: each has a limit of its own, and a name to be found by. */
const seedsPerTest = 5
/** Enough for a failed one to be made smaller: a test that runs out of time would not tell what failed. */
const limitMs = 240_000

/** `file` counts from 0. */
export const swarm = (file: number): void => {
  const end = (file + 1) * seedsPerFile
  for (let first = file * seedsPerFile + 1; first <= end; first += seedsPerTest) {
    test(
      `seeds ${first} to ${first + seedsPerTest - 1} keep every promise, and recover`,
      async () => {
        for (let seed = first; seed < first + seedsPerTest; seed++) {
          const failure = await failureOf(seed)
          expect(failure, failure ?? '').toBeNull()
        }
      },
      limitMs,
    )
  }
}

/** Both reports: of what was drawn, and of the smaller run. */
const failureOf = async (seed: number): Promise<string | null> => {
  const drawn = () => scenarioOf(seed, {}, { pairs: true, mirrors: true })
  const again = againCommand(drawn())
  const outcome = await runSeed(drawn(), again)
  if (outcome.failure === null) return null
  const runWith: RunWith = (strikes) => runSeed({ ...drawn(), strikes }, `${again} --shrink`)
  return [outcome.failure, await smallerReport(runWith, outcome)].filter(Boolean).join('\n\n')
}
