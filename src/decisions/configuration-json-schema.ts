/** The written form as a JSON schema: for editors, for the reference, and to look up which keys there are. */
import { z } from 'zod'
import { writtenConfiguration } from '../events/configuration.ts'

/** What this project reads of a JSON schema; editors read the rest. */
export type JsonSchema = {
  readonly [key: string]: unknown
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly pattern?: string
  readonly format?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: boolean | JsonSchema
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
}

let known: JsonSchema | null = null

/** JSON schema (draft 2020-12) of a configuration file, with descriptions and defaults. Durations are texts (`3s`). */
export const configurationJsonSchema = (): JsonSchema => {
  // cast: the library types a schema as what any draft may hold; this is the part read here.
  known ??= {
    $id: 'https://baton.invalid/configuration.schema.json',
    title: 'Configuration of a Baton cluster',
    ...z.toJSONSchema(writtenConfiguration.unwrap(), { io: 'input' }),
  } as JsonSchema
  return known
}

/**
 * The keys that may stand at `path` of a file that holds `value`: which ones depends on the `type` that is written
 * there. Empty where any name may stand, or none.
 */
export const keysAt = (value: unknown, path: readonly (string | number)[]): readonly string[] =>
  Object.keys(schemaAt(configurationJsonSchema(), value, path)?.properties ?? {})

const field = (value: unknown, step: string | number): unknown =>
  value !== null && typeof value === 'object' ? Reflect.get(value, step) : undefined

const schemaAt = (
  from: JsonSchema | undefined,
  value: unknown,
  [step, ...rest]: readonly (string | number)[],
): JsonSchema | undefined => {
  const type = field(value, 'type')
  const here = from?.oneOf ? from.oneOf.find((option) => option.properties?.type?.const === type) : from
  if (step === undefined || here === undefined) return here
  const { additionalProperties: others } = here
  const named = Object.hasOwn(here.properties ?? {}, step) ? here.properties?.[step] : undefined
  const next = typeof step === 'number' ? here.items : (named ?? (typeof others === 'object' ? others : undefined))
  return schemaAt(next, field(value, step), rest)
}
