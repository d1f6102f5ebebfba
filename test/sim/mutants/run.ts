/** `node --import break.ts run.ts [FIRST [COUNT]]`: seeds until the broken rule is seen; says how many, and what was seen. */
import { deviceFaults } from '../../../src/sim/device-faults.ts'
import { allFaults, managementFaults, Peace, unheardDeath } from '../../../src/sim/faults.ts'
import { mirrorFaults } from '../../../src/sim/mirror-faults.ts'
import { pairFaults } from '../../../src/sim/pair-faults.ts'
import { rareFaults } from '../../../src/sim/rare-faults.ts'
import { runSeed } from '../../../src/sim/seed.ts'
import { type Scenario, scenarioOf } from '../../../src/sim/swarm.ts'
import { mutants } from './mutants.ts'
import { sceneFailure } from './scene.ts'

const mutant = mutants.find(({ name }) => name === process.env.BATON_MUTANT)
const [from = 1, count = 100] = process.argv.slice(2).map(Number)
const first = from - 1 + (mutant?.from ?? 1)

const brokenScenario = (seed: number): Scenario => {
  const drawn = scenarioOf(seed, mutant?.plan)
  const wanted = mutant?.faults
  if (wanted === undefined) return drawn
  const { plan } = drawn
  const all = allFaults(new Peace())
  const general = plan.pair ? pairFaults(all, { plan }) : all
  const special = [...deviceFaults({ plan }), ...managementFaults({ plan }), ...mirrorFaults(plan), ...rareFaults(plan)]
  const striking = [...general, unheardDeath, ...special]
  const faults = striking.filter(({ name }) => wanted.test(name))
  return { ...drawn, faults, everyMs: drawn.plan.timeoutMs / 2 }
}

/** What a report says that went wrong, without the seed and the time. */
const reason = /[^\n]*? of virtual time: ([^\n]*)/

const firstSeen = async (): Promise<{ readonly seeds: number; readonly seen: string | null }> => {
  if (mutant?.scene !== undefined) return { seeds: 1, seen: await sceneFailure(mutant) }
  for (let seed = first; seed < first + count; seed++) {
    const { failure } = await runSeed(brokenScenario(seed))
    if (failure !== null) return { seeds: seed - first + 1, seen: reason.exec(failure)?.[1] ?? failure }
  }
  return { seeds: count, seen: null }
}

const outcome = await firstSeen()
console.log(JSON.stringify(outcome))
process.exit(outcome.seen === null ? 1 : 0)
