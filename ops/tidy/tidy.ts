import { ambient } from './rules/ambient.ts'
import { changelog } from './rules/changelog.ts'
import { layers } from './rules/layers.ts'
import { names } from './rules/names.ts'
import { sizes } from './rules/sizes.ts'
import { tests } from './rules/tests.ts'
import { types } from './rules/types.ts'
import { wordsOfMachines } from './rules/words.ts'
import { type Finding, parse, type Rule } from './source.ts'

const rules: readonly Rule[] = [ambient, layers, names, sizes, tests, types, wordsOfMachines]

/** All findings in a project, given as path → text, in the order of its files. */
export const tidy = (files: ReadonlyMap<string, string>): readonly Finding[] => {
  const findings = [...files].flatMap(([path, text]) => {
    const source = parse(path, text)
    return rules.flatMap((rule) => rule(source))
  })
  return [...findings, ...changelog(files)]
}
