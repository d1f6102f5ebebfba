/** Values that a zod schema accepts, as a fast-check arbitrary: new event types are covered as soon as they exist. */
import fc from 'fast-check'
import type { z } from 'zod'

/** Values for the keys of records and for fields by their name, where any string would do but few meet each other. */
export type Pools = Readonly<Record<string, fc.Arbitrary<unknown>>>

type Definition = {
  readonly type: string
  readonly shape?: Readonly<Record<string, z.ZodType>>
  readonly element?: z.ZodType
  readonly keyType?: z.ZodType
  readonly valueType?: z.ZodType
  readonly innerType?: z.ZodType
  readonly getter?: () => z.ZodType
  readonly options?: readonly z.ZodType[]
  readonly entries?: Readonly<Record<string, string>>
  readonly values?: readonly unknown[]
}

/** What the checks of a schema allow beside its type. */
type Limits = {
  readonly minimum: number
  readonly maximum: number
  readonly isInteger: boolean
  readonly pattern: RegExp | undefined
}
type Check = {
  readonly check: string
  readonly minimum?: number
  readonly maximum?: number
  readonly value?: number
  readonly format?: string
  readonly pattern?: RegExp
}

const definitionOf = (schema: z.ZodType): Definition => (schema as unknown as { _zod: { def: Definition } })._zod.def
const limitsOf = (schema: z.ZodType): Limits => {
  const own = definitionOf(schema) as unknown as Check & { readonly checks?: readonly { _zod: { def: Check } }[] }
  const checks = [own, ...(own.checks ?? []).map((check) => check._zod.def)]
  const sizes = (name: string) => checks.filter(({ check }) => check === name).map((one) => one.value ?? 0)
  return {
    minimum: Math.max(...sizes('greater_than'), ...checks.map(({ minimum }) => minimum ?? -1000)),
    maximum: Math.min(...sizes('less_than'), ...checks.map(({ maximum }) => maximum ?? 100_000)),
    isInteger: checks.some(({ format }) => format === 'safeint'),
    pattern: checks.find(({ pattern }) => pattern !== undefined)?.pattern,
  }
}

/** Few, so that a list and its parts stay readable in a counterexample. */
const longestList = 3

/** @param field name of the field or record that the value belongs to. */
export const arbitraryOf = (schema: z.ZodType, pools: Pools, field = ''): fc.Arbitrary<unknown> => {
  const definition = definitionOf(schema)
  const inner = () => arbitraryOf(given(definition.innerType), pools, field)
  switch (definition.type) {
    case 'object':
      return objectOf(given(definition.shape), pools)
    case 'array': {
      const minimum = Math.max(0, limitsOf(schema).minimum)
      const element = arbitraryOf(given(definition.element), pools, singular(field))
      return fc.array(element, { minLength: minimum, maxLength: Math.max(minimum, longestList) })
    }
    case 'record': {
      const keys = pools[singular(field)] ?? arbitraryOf(given(definition.keyType), pools)
      const key = keys as fc.Arbitrary<string>
      const value = arbitraryOf(given(definition.valueType), pools, `${field}.value`)
      return fc
        .uniqueArray(fc.tuple(key, value), { selector: ([name]) => name, maxLength: longestList })
        .map((entries) => Object.fromEntries(entries))
    }
    case 'string':
      return pools[field] ?? stringOf(limitsOf(schema))
    case 'number':
      return pools[field] ?? numberOf(limitsOf(schema))
    case 'boolean':
      return fc.boolean()
    case 'enum':
      return fc.constantFrom(...Object.values(given(definition.entries)))
    case 'literal':
      return fc.constantFrom(...given(definition.values))
    case 'union':
      return fc.oneof(...given(definition.options).map((option) => arbitraryOf(option, pools, field)))
    case 'nullable':
      return fc.option(inner(), { nil: null })
    // As it stands after decoding: every default filled in.
    case 'default':
    case 'prefault':
      return inner()
    case 'lazy':
      return arbitraryOf(given(definition.getter)(), pools, field)
    case 'unknown':
      return fc.jsonValue()
    default:
      throw new Error(`a schema of type ${definition.type} at "${field}": teach arbitraryOf about it`)
  }
}

const objectOf = (shape: Readonly<Record<string, z.ZodType>>, pools: Pools): fc.Arbitrary<unknown> => {
  const fields = Object.entries(shape).map(([name, schema]) => {
    const definition = definitionOf(schema)
    const isOptional = definition.type === 'optional'
    return { name, isOptional, value: arbitraryOf(isOptional ? given(definition.innerType) : schema, pools, name) }
  })
  return fc.record(Object.fromEntries(fields.map(({ name, value }) => [name, value])), {
    requiredKeys: fields.filter(({ isOptional }) => !isOptional).map(({ name }) => name),
    noNullPrototype: true,
  })
}

const stringOf = ({ minimum, maximum, pattern }: Limits) =>
  pattern
    ? fc.stringMatching(pattern, { maxLength: 12 })
    : fc.string({ unit: 'binary', minLength: Math.max(0, minimum), maxLength: Math.min(maximum, 12) })

const numberOf = ({ minimum, maximum, isInteger }: Limits) =>
  isInteger
    ? fc.integer({ min: minimum, max: maximum })
    : // Minus zero is lost in JSON, and nobody measures it.
      fc.double({ min: minimum, max: maximum, noNaN: true }).map((n) => (n === 0 ? 0 : n))

/** `servers` holds a `server`. */
const singular = (field: string): string => field.replace(/s$/, '')

const given = <T>(part: T | undefined): T => {
  if (part === undefined) throw new Error('a schema without the part its type must have')
  return part
}
