/**
 * `node --import ../mutants/break.ts run-broken.ts [FIRST [COUNT]]`: seeds, or the scene, until the broken rule is seen; says how
 * many, and what was seen.
 */
import { mirrorMutants } from './mutants.ts'
import { playScene } from './scenes.ts'
import { runJoint } from './seed.ts'

const mutant = mirrorMutants.find(({ name }) => name === process.env.BATON_MUTANT)
const [from = 1, count = 60] = process.argv.slice(2).map(Number)

const inSeeds = async (): Promise<{ seeds: number; seen: string | null }> => {
  const first = from - 1 + (mutant?.from ?? 1)
  let seen: string | null = null
  let seed = first
  for (; seed < first + count && seen === null; seed++) seen = (await runJoint(seed, mutant)).failure
  return { seeds: seed - first, seen }
}

const found = mutant?.scene ? { seeds: 0, seen: (await playScene(mutant.scene)).failure } : await inSeeds()
console.log(JSON.stringify(found))
process.exit(found.seen === null ? 1 : 0)
