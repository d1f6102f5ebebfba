/** `node --import ../mutants/break.ts run-broken.ts [FIRST [COUNT]]`: seeds until the broken rule is seen; says how many, and what was seen. */
import { mirrorMutants } from './mutants.ts'
import { runJoint } from './seed.ts'

const mutant = mirrorMutants.find(({ name }) => name === process.env.BATON_MUTANT)
const [from = 1, count = 60] = process.argv.slice(2).map(Number)
const first = from - 1 + (mutant?.from ?? 1)
let seen: string | null = null
let seed = first
for (; seed < first + count && seen === null; seed++) seen = (await runJoint(seed, mutant)).failure
console.log(JSON.stringify({ seeds: seed - first, seen }))
process.exit(seen === null ? 1 : 0)
