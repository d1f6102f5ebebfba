/** What people and neighbours on the machine may send: configurations, commands, the guardian's lines. */
import { strict as assert } from 'node:assert'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { commandRequest } from '../../../src/agents/control-protocol.ts'
import { lineReader, toGuardian } from '../../../src/agents/guardian/guardian-protocol.ts'
import { checkConfiguration, formatProblem } from '../../../src/decisions/check-configuration.ts'
import { damage, noise, type Target, target } from './target.ts'

const text = new TextDecoder()
const bytesOf = new TextEncoder()
const examples = join(import.meta.dirname, '../../../ops/examples')
const configurations = readdirSync(examples)
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => bytesOf.encode(readFileSync(join(examples, name), 'utf8')))

/** Accepted, or every problem has a place and words. */
const isChecked = (source: string): void => {
  const checked = checkConfiguration(source)
  if (checked.ok) return
  assert.ok(checked.problems.length > 0)
  for (const problem of checked.problems) assert.match(formatProblem(problem, 'c.yaml'), /^c\.yaml:\d+:\d+/)
}

const line = JSON.stringify({ say: 'lease', until: 123_456, graceMs: 75 })

/** A reader that has met anything at all still hears the next good line. */
const isHeardAfter = (bytes: Uint8Array): void => {
  let heard = 0
  const read = lineReader(toGuardian, () => {
    heard += 1
  })
  read(text.decode(bytes))
  const before = heard
  read(`\n${line}\n`)
  assert.ok(heard > before)
}

export const orderTargets: readonly Target[] = [
  target('configuration: any text', noise, (bytes) => isChecked(text.decode(bytes))),
  target('configuration: damaged', fc.tuple(fc.constantFrom(...configurations), damage), ([source, harm]) =>
    isChecked(text.decode(harm(source))),
  ),
  target('commands: any JSON', fc.jsonValue(), (value) => {
    commandRequest.safeParse(value)
  }),
  target("the guardian's lines: any bytes", noise, isHeardAfter),
  target("the guardian's lines: damaged", damage, (harm) => isHeardAfter(harm(bytesOf.encode(`${line}\n`)))),
]
