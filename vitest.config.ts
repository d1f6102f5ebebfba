import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** A live test boots hosts, elects log leaders and waits for servers to be declared dead. */
const liveTestMs = 180_000
/** A host set-up creates namespaces, disks and databases. */
const liveHookMs = 120_000
/** Whole clusters for minutes of virtual time, over many seeds; beside live tests they have to wait for a processor. */
const simulationTestMs = 300_000

/** The rules in a model with chance: as long as simulations are. */
const liveness = 'test/properties/liveness/liveness.test.ts'

/** The longest file first: begun last, it runs alone for minutes. Without a cache the others are sorted by their size. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const isLongest = ({ moduleId }: TestSpecification): boolean => moduleId.endsWith('live/torture/mirror.test.ts')
    return [...sorted.filter(isLongest), ...sorted.filter((file) => !isLongest(file))]
  }
}

export default defineConfig({
  test: {
    watch: false,
    sequence: { sequencer: LongestFirst },
    teardownTimeout: liveHookMs,
    projects: [
      {
        // All files share a process a core: with one each, two thirds of the time went into loading the same modules anew.
        test: {
          name: 'specs',
          include: ['test/{specs,golden}/**/*.test.ts'],
          pool: 'forks',
          isolate: false,
          maxWorkers: '100%',
          testTimeout: 20_000,
        },
      },
      {
        // A process per file: a property that finds its way to Object.prototype must not fell the tests after it.
        test: {
          name: 'properties',
          include: ['test/properties/**/*.test.ts'],
          exclude: [liveness],
          pool: 'forks',
          maxWorkers: '100%',
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'simulation',
          include: ['test/sim/**/*.test.ts', liveness],
          pool: 'forks',
          // Every core has a process of its own: threads that collect garbage beside it only get in the way.
          execArgv: ['--single-threaded-gc', '--max-semi-space-size=32'],
          maxWorkers: '100%',
          testTimeout: simulationTestMs,
        },
      },
      {
        // Two files at a time, each in a process of its own: they wait most of the time, and their hosts share nothing.
        test: {
          name: 'live',
          include: ['test/live/**/*.test.ts'],
          pool: 'forks',
          maxWorkers: 2,
          sequence: { concurrent: false },
          testTimeout: liveTestMs,
          hookTimeout: liveHookMs,
        },
      },
    ],
  },
})
