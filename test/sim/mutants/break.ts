/** Loaded before anything else (`node --import`): puts the piece of source of the mutant named by BATON_MUTANT in place. */
import { registerHooks } from 'node:module'
import { mirrorMutants } from '../mirror/mutants.ts'
import { mutants } from './mutants.ts'

const mutant = [...mutants, ...mirrorMutants].find(({ name }) => name === process.env.BATON_MUTANT)
if (mutant === undefined) throw new Error(`no mutant ${process.env.BATON_MUTANT}`)
const { file, find, instead } = mutant
const place = new URL(`../../../src/${file}`, import.meta.url).href

registerHooks({
  load: (url, context, next) => {
    const loaded = next(url, context)
    if (url !== place) return loaded
    const source = Buffer.from(loaded.source as Uint8Array).toString('utf8')
    const parts = source.split(find)
    if (parts.length !== 2) throw new Error(`${file} has this ${parts.length - 1} times, not once: ${find}`)
    return { ...loaded, source: parts.join(instead) }
  },
})
