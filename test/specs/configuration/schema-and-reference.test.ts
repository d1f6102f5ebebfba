import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { checkConfiguration } from '../../../src/decisions/check-configuration.ts'
import { configurationJsonSchema, type JsonSchema } from '../../../src/decisions/configuration-json-schema.ts'
import { configurationReference } from '../../../src/decisions/configuration-reference.ts'
import { lines, web } from './samples.ts'

const examples = join(import.meta.dirname, '../../../ops/examples')
const names = readdirSync(examples).filter((name) => name.endsWith('.yaml'))
const read = (name: string) => readFileSync(join(examples, name), 'utf8')

test.each(names)('the example %s is accepted without a warning', (name) => {
  expect(lines(checkConfiguration(read(name)))).toEqual([])
})

test('what an example takes from another part by << counts as written there', () => {
  const checked = checkConfiguration(read('n-plus-1.yaml'))
  expect(checked.ok && checked.configuration.groups['paint-control']?.resources.address).toMatchObject({
    address: '10.0.2.102/24',
  })
})

// A second reading of the JSON schema: what it says, not what it was made from.
const validator = z.fromJSONSchema(JSON.parse(JSON.stringify(configurationJsonSchema())))
const isValid = (text: string) => validator.safeParse(parse(text, { merge: true })).success

test.each(names)('the JSON schema accepts the example %s', (name) => {
  expect(isValid(read(name))).toBe(true)
})

test.each([
  ['an unknown key', `${web}hartbeat: {}`],
  ['a duration without a unit', `${web}heartbeat: { interval: 3 }`],
  ['a choice that is none', web.replace('exec', 'exex')],
  ['no servers', 'cluster: test'],
  ['a name that is none', web.replace('cluster: test', 'cluster: 1test')],
])('the JSON schema refuses %s', (_, text) => {
  expect(isValid(web)).toBe(true)
  expect(isValid(text)).toBe(false)
})

test('every key of the JSON schema has a description, for editors', () => {
  const bare = (schema: JsonSchema, path: string): readonly string[] => {
    const inner = Object.entries(schema.properties ?? {}).flatMap(([key, value]) => [
      // The file of a script is described with the script.
      ...(value.description || key === 'file' ? [] : [`${path}.${key}`]),
      ...bare(value, `${path}.${key}`),
    ])
    const rest = [schema.items, schema.additionalProperties, ...(schema.oneOf ?? []), ...(schema.anyOf ?? [])]
    return [...inner, ...rest.flatMap((other) => (typeof other === 'object' ? bare(other, `${path}.*`) : []))]
  }
  expect(bare(configurationJsonSchema(), '')).toEqual([])
})

test('docs/configuration.md is what the schema says (run vitest with -u to write it anew)', async () => {
  await expect(configurationReference()).toMatchFileSnapshot('../../../docs/configuration.md')
})
