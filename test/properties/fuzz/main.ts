/** Feeds bad input to everything that takes input, for as long as one likes. */
import fc from 'fast-check'
import { flagsOf, misused, wholeNumber } from '../../flags.ts'
import { targets } from './targets.ts'

const usage = `npm run fuzz -- [--inputs N] [--seed S] [NAME…]
  --inputs N  so many, shared among the targets; 1000000
  --seed S    gives the same inputs again
NAME chooses the targets whose names contain it. A failure prints the input, made small, and its seed.
The targets:
${targets.map(({ name }) => `  ${name}`).join('\n')}`

const { values: flags, positionals } = flagsOf(usage, {
  allowPositionals: true,
  options: {
    inputs: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
  },
})
const inputs = wholeNumber(usage, flags, 'inputs', 1)
const seed = wholeNumber(usage, flags, 'seed')
const chosen = targets.filter(({ name }) => positionals.length === 0 || positionals.some((part) => name.includes(part)))
if (chosen.length === 0) misused(`no target has ${positionals.join(' or ')} in its name`, usage)

const each = Math.ceil(inputs / chosen.length)
/** So many under one seed; the next part has one that is larger by as many. */
const partInputs = 1000
let tried = 0
let failures = 0
const began = performance.now()
for (const { name, property } of chosen) {
  const at = performance.now()
  let here = 0
  let failure: string | null = null
  while (here < each && failure === null) {
    // What a part leaves behind is collected only when the loop has a turn.
    await new Promise(setImmediate)
    const partSeed = seed + here
    const found = fc.check(property, { numRuns: Math.min(partInputs, each - here), seed: partSeed, verbose: 0 })
    here += found.numRuns
    if (found.failed)
      failure = `seed ${partSeed}, input ${fc.stringify(found.counterexample)}\n        ${found.errorInstance ?? ''}`
  }
  tried += here
  const perSecond = Math.round(here / ((performance.now() - at) / 1000))
  console.log(`${failure === null ? 'ok    ' : 'FAILED'}  ${name}: ${here} inputs, ${perSecond} a second`)
  if (failure === null) continue
  failures += 1
  console.log(`        ${failure}`)
}
console.log(`${tried} inputs in ${((performance.now() - began) / 1000).toFixed(0)} s, seed ${seed}: ${failures} failed`)
process.exit(failures === 0 ? 0 : 1)
