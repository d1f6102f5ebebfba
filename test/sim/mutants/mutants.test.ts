/** The simulator can see: each rule, broken on purpose, is noticed within some seeds, by the invariant that is meant to. */
import { execFile } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { mutants } from './mutants.ts'

const seeds = 100
const timeoutMs = 400_000
const places = {
  broken: new URL('break.ts', import.meta.url).pathname,
  run: new URL('run.ts', import.meta.url).pathname,
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

describe('a broken rule is seen', () => {
  test.each(mutants)('$name ($rule)', { timeout: timeoutMs }, async ({ name, seenBy }) => {
    const { seen } = await simulate(name)
    expect(seen, `${seeds} seeds, and nothing was seen`).not.toBeNull()
    expect(seen).toMatch(seenBy)
  })
})
