import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { mutants } from '../../sim/mutants/mutants.ts'

/** Whoever changes the line that a mutant breaks is told at once, and not by the simulation minutes later. */
test.each(mutants)('what the mutant "$name" breaks stands where it looks for it, once', ({ file, find }) => {
  const source = readFileSync(new URL(`../../../src/${file}`, import.meta.url), 'utf8')
  expect(source.split(find).length - 1).toBe(1)
})
