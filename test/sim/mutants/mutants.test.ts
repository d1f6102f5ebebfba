/** The simulator can see: each rule, broken on purpose, is noticed within some seeds, by the invariant that is meant to. */
import { describe, expect, test } from 'vitest'
import { mutants } from './mutants.ts'
import { sceneFailure } from './scene.ts'
import { simulateBroken } from './simulate.ts'

const seeds = 100
const timeoutMs = 400_000
const program = new URL('run.ts', import.meta.url).pathname

describe('a broken rule is seen', () => {
  test.each(mutants)('$name ($rule)', { timeout: timeoutMs }, async ({ name, seenBy }) => {
    const { seen } = await simulateBroken(name, { program, seeds, timeoutMs })
    expect(seen, `${seeds} seeds, and nothing was seen`).not.toBeNull()
    expect(seen).toMatch(seenBy)
  })
})

test('a scene ends as it is expected to while no rule is broken', async () => {
  for (const mutant of mutants.filter(({ scene }) => scene !== undefined))
    expect(await sceneFailure(mutant), mutant.name).toBeNull()
})
