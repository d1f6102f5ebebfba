import { expect, test } from 'vitest'
import { mutants } from './mutants.ts'
import { sceneFailure } from './scene.ts'

test('a scene ends as it is expected to while no rule is broken', async () => {
  for (const mutant of mutants.filter(({ scene }) => scene !== undefined))
    expect(await sceneFailure(mutant), mutant.name).toBeNull()
})
