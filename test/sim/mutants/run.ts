/** `node --import break.ts run.ts [FIRST [COUNT]]`: seeds until the broken rule is seen; says how many, and what was seen. */
import { allFaults, Peace } from '../../../src/sim/faults.ts'
import { runSeed } from '../../../src/sim/seed.ts'
import { type Scenario, scenarioOf } from '../../../src/sim/swarm.ts'
import { mutants } from './mutants.ts'

const mutant = mutants.find(({ name }) => name === process.env.BATON_MUTANT)
const [first = 1, count = 100] = process.argv.slice(2).map(Number)

const brokenScenario = (seed: number): Scenario => {
  const drawn = scenarioOf(seed, mutant?.plan)
  const wanted = mutant?.faults
  if (wanted === undefined) return drawn
  const faults = allFaults(new Peace()).filter(({ name }) => wanted.test(name))
  return { ...drawn, faults, everyMs: drawn.plan.timeoutMs / 2 }
}

let seen: string | null = null
let seed = first
for (; seed < first + count && seen === null; seed++) {
  const { failure } = await runSeed(brokenScenario(seed))
  if (failure !== null) seen = failure.split('\n')[0] ?? ''
}
console.log(JSON.stringify({ seeds: seed - first, seen }))
process.exit(seen === null ? 1 : 0)
