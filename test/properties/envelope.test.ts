import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeEnvelope, isEnvelope, UnreadableCommit } from '../../src/events/commit.ts'

const good = fc.record({
  id: fc.string({ minLength: 1, maxLength: 64 }),
  by: fc.constantFrom('server:s1', 'operator:root', 'operator:a b'),
  at: fc.nat(),
  causedBy: fc.option(fc.nat(), { nil: null }),
  because: fc.dictionary(fc.string(), fc.jsonValue()),
  previous: fc.string(),
  events: fc.array(
    fc.record({ type: fc.string(), v: fc.nat(), data: fc.jsonValue() }, { requiredKeys: ['type', 'data'] }),
    { minLength: 1 },
  ),
})
/** Values that tend to be on the edge of what a field may be. */
const odd = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>(
    '',
    'server:',
    'operator:',
    'server:\n',
    'x'.repeat(64),
    'x'.repeat(65),
    -1,
    0.5,
    1e300,
    2 ** 53,
  ),
  fc.constantFrom<unknown>([], {}, [{}], [{ type: 'X' }], [{ type: 'X', data: 1, v: 0.5 }], [{ type: 1, data: 1 }]),
)
/** An envelope with one field replaced, left out, or added. */
const bent = fc.tuple(good, fc.constantFrom('id', 'by', 'at', 'causedBy', 'because', 'previous', 'events', 'more'), odd)

/** As it comes from the log. */
const throughJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

const bySchema = (raw: unknown): unknown => {
  try {
    return decodeEnvelope(raw)
  } catch (error) {
    if (error instanceof UnreadableCommit) return null
    throw error
  }
}

const agrees = (value: unknown) => {
  const raw = throughJson(value)
  if (!isEnvelope(raw)) return
  const { id, by, at, causedBy, because, previous } = raw
  const decoded = bySchema(raw)
  expect(decoded).toMatchObject({ id, by, at, causedBy, previous })
  expect(decoded).toHaveProperty('because', because)
  expect(decoded).toHaveProperty(
    'events',
    raw.events.map(({ type, v, data }) => (v === undefined ? { type, data } : { type, v, data })),
  )
}

test('every envelope that the fast look accepts, the schema accepts with the same fields', () => {
  fc.assert(fc.property(good, agrees))
  fc.assert(
    fc.property(bent, ([envelope, field, value]) => {
      agrees({ ...envelope, [field]: value })
      agrees(Object.fromEntries(Object.entries(envelope).filter(([key]) => key !== field)))
    }),
    { numRuns: 1000 },
  )
  fc.assert(fc.property(fc.jsonValue(), agrees))
})

test('the fast look accepts every ordinary envelope, so that replay stays fast', () => {
  const ordinary = good.filter((envelope) => !Object.hasOwn(envelope.because, '__proto__'))
  fc.assert(fc.property(ordinary, (envelope) => isEnvelope(throughJson(envelope))))
})
