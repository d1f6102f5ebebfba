/** `node test/sim/mutants/main.ts [PATTERN [SEEDS]]`: the table of docs/simulation-proof.md: each broken rule whose name fits, and who saw it. */
import { mutants } from './mutants.ts'
import { simulateBroken } from './simulate.ts'

const [pattern = '', seeds = '100'] = process.argv.slice(2)
const program = new URL('run.ts', import.meta.url).pathname
const timeoutMs = 400_000

console.log('| rule | broken so | seen by | after seeds |\n|---|---|---|---|')
for (const { name, rule, scene } of mutants.filter((one) => new RegExp(pattern).test(one.name))) {
  const { seen, seeds: tried } = await simulateBroken(name, { program, seeds: Number(seeds), timeoutMs })
  console.log(`| ${rule} | ${name} | ${seen?.split(': ')[0] ?? 'nobody'} | ${scene ? 'a scene' : tried} |`)
}
