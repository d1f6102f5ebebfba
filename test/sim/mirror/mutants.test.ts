/** Joint simulations can see: rules of a mirror, broken on purpose, are noticed within some seeds, or in their scene. */
import { describe, expect, test } from 'vitest'
import { simulateBroken } from '../mutants/simulate.ts'
import { mirrorMutants } from './mutants.ts'

const seeds = 20
const timeoutMs = 300_000
const program = new URL('run-broken.ts', import.meta.url).pathname

describe('a broken rule of a mirror is seen', () => {
  test.each(mirrorMutants)('$name ($rule)', { timeout: timeoutMs }, async ({ name, seenBy, scene }) => {
    const { seen } = await simulateBroken(name, { program, seeds, timeoutMs })
    expect(seen, `${scene ?? `${seeds} seeds`}, and nothing was seen`).not.toBeNull()
    expect(seen).toMatch(seenBy)
  })
})
