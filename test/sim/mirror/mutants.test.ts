/** Joint simulations can see: rules of a mirror, broken on purpose, are noticed within some seeds. */
import { execFile } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { mirrorMutants } from './mutants.ts'

const seeds = 20
const timeoutMs = 300_000
const places = {
  broken: new URL('../mutants/break.ts', import.meta.url).pathname,
  run: new URL('run-broken.ts', import.meta.url).pathname,
}

/** In a process of its own: a module is loaded once. */
const simulate = (name: string): Promise<{ readonly seeds: number; readonly seen: string | null }> =>
  new Promise((resolve, reject) => {
    const argv = ['--import', places.broken, places.run, '1', String(seeds)]
    const options = { env: { ...process.env, BATON_MUTANT: name }, timeout: timeoutMs }
    execFile(process.execPath, argv, options, (error, stdout, stderr) => {
      const line = stdout.trim().split('\n').at(-1) ?? ''
      if (line.startsWith('{')) resolve(JSON.parse(line))
      else reject(new Error(`${stderr}${stdout}`, { cause: error }))
    })
  })

describe('a broken rule of a mirror is seen', () => {
  test.each(mirrorMutants)('$name ($rule)', { timeout: timeoutMs }, async ({ name, seenBy }) => {
    const { seen } = await simulate(name)
    expect(seen, `${seeds} seeds, and nothing was seen`).not.toBeNull()
    expect(seen).toMatch(seenBy)
  })
})
