/** The simulator can see: each rule, broken on purpose, is noticed within some seeds, by the invariant that is meant to. */
import { describe, expect, test } from 'vitest'
import { mutants } from './mutants.ts'
import { simulateBroken } from './simulate.ts'

const seeds = 100
const timeoutMs = 400_000
const program = new URL('run.ts', import.meta.url).pathname

/** So many files share them: each file runs in a process of its own. */
const files = 3

/** Those of the file with this number. */
export const brokenRulesAreSeen = (file: 1 | 2 | 3): void => {
  const own = mutants.filter((_, index) => index % files === file - 1)
  describe('a broken rule is seen', () => {
    test.each(own)('$name ($rule)', { timeout: timeoutMs }, async ({ name, seenBy }) => {
      const { seen } = await simulateBroken(name, { program, seeds, timeoutMs })
      expect(seen, `${seeds} seeds, and nothing was seen`).not.toBeNull()
      expect(seen).toMatch(seenBy)
    })
  })
}
