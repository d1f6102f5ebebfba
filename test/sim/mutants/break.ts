/** Loaded before anything else (`node --import`): puts the piece of source of the mutant named by BATON_MUTANT in place. */
import { registerHooks } from 'node:module'
import { mirrorMutants } from '../mirror/mutants.ts'
import type { Edit } from './mutant.ts'
import { mutants } from './mutants.ts'

const mutant = [...mutants, ...mirrorMutants].find(({ name }) => name === process.env.BATON_MUTANT)
if (mutant === undefined) throw new Error(`no mutant ${process.env.BATON_MUTANT}`)
const edits = [mutant, ...(mutant.also ?? [])]

registerHooks({
  load: (url, context, next) => {
    const loaded = next(url, context)
    const here = edits.filter(({ file }) => new URL(`../../../src/${file}`, import.meta.url).href === url)
    if (here.length === 0) return loaded
    const source = Buffer.from(loaded.source as Uint8Array).toString('utf8')
    return { ...loaded, source: here.reduce(edited, source) }
  },
})

const edited = (source: string, { file, find, instead }: Edit): string => {
  const parts = source.split(find)
  if (parts.length !== 2) throw new Error(`${file} has this ${parts.length - 1} times, not once: ${find}`)
  return parts.join(instead)
}
