/** The scenarios that operators find as examples: each goes as it says; and one that is wrong is found out. */
import { readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { checkFile } from '../../src/cli/config-file.ts'
import { type Played, play } from '../../src/sim/scenario/play.ts'
import { readScenario } from '../../src/sim/scenario/read.ts'
import { vocabularyOf } from '../../src/sim/scenario/sentences.ts'
import { runCli } from '../golden/command-line.ts'

const directory = resolve(import.meta.dirname, '../../ops/examples/scenarios')

const played = async (text: string): Promise<Played> => {
  const read = readScenario(text)
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  const { configuration, source } = await checkFile(resolve(directory, read.value.config ?? ''))
  const script = read.value.inWordsOf(vocabularyOf(configuration))
  if (!script.ok) throw new Error(JSON.stringify(script.problems))
  return await play({ script: script.value, configuration, source, seed: 1 })
}

describe('the examples', () => {
  for (const name of readdirSync(directory))
    test(`${name} goes as it says`, async () => {
      const { failures } = await played(readFileSync(resolve(directory, name), 'utf8'))
      expect(failures).toEqual([])
    })
})

const wrong = `
config: ../active-standby.yaml
steps:
  - do: power off alpha
    expect: database online on alpha within 5s
`

test('an expectation that does not come true fails, with its line and what is so instead', async () => {
  const { ok, failures } = await played(wrong)
  expect(ok).toBe(false)
  expect(failures).toEqual(['line 4: expected: database online on alpha within 5s; but database is online on beta'])
})

test('two servers that run a group are found, whatever is expected', async () => {
  // Without a watchdog nothing ends a machine that stands still; GUARANTEES.md says so.
  const { failures } = await played(`
config: ../active-standby.yaml
steps:
  - do: freeze alpha for 20s
    expect: database online on beta within 15s
`)
  expect(failures.join()).toMatch(/what must never be: one server runs a group: beta starts database/)
})

test('baton sim plays, prints and ends with the code that scripts need', async () => {
  const file = resolve(directory, 'cut-off.yaml')
  const good = await runCli(['sim', file])
  expect(good.code).toBe(0)
  expect(good.out).toMatch(/fault {3}isolate alpha[\s\S]*yes: database online on beta[\s\S]*as expected \(seed 1\)/)
  const json = await runCli(['sim', file, '--json', '--seed', '5'])
  expect(JSON.parse(json.out)).toMatchObject({ ok: true, scenarios: [{ seed: 5, ok: true, failures: [] }] })
  const bad = await runCli(['sim', resolve(directory, '../minimal.yaml')])
  expect(bad.code).toBe(2)
  expect(bad.err).toContain('"cluster" is not a key here')
  expect((await runCli(['sim'])).code).toBe(2)
})

test('baton sim --seeds draws faults for a configuration of one’s own', async () => {
  const drawn = await runCli(['sim', '--seeds', '1', '--config', resolve(directory, '../active-standby.yaml')])
  expect(drawn.err).toBe('')
  expect(drawn.code).toBe(0)
  expect(drawn.out).toMatch(/^1 run, .* cluster hours, 0 failed\n$/)
})
