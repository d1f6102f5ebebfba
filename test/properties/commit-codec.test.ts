import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeCommit, encodeCommit, hash, start, UnreadableCommit } from '../../src/events/index.ts'
import { commitOf, knownEvent } from './arbitraries.ts'

const someCommit = commitOf(knownEvent)

test('what was encoded decodes to the same commit', () => {
  fc.assert(
    fc.property(someCommit, fc.constantFrom(start.hash, hash('abc')), (commit, previous) => {
      expect(decodeCommit(encodeCommit(commit, previous))).toEqual({ commit, previous })
    }),
  )
})

const readable = (bytes: string): void => {
  try {
    decodeCommit(bytes)
  } catch (error) {
    expect(error).toBeInstanceOf(UnreadableCommit)
  }
}

test('any bytes are a commit or unreadable', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), readable))
  fc.assert(fc.property(fc.json(), readable))
})

test('a damaged commit is a commit or unreadable', () => {
  const damage = fc.record({
    at: fc.nat(2000),
    length: fc.nat(20),
    instead: fc.string({ unit: 'binary', maxLength: 5 }),
  })
  fc.assert(
    fc.property(someCommit, damage, (commit, { at, length, instead }) => {
      const bytes = encodeCommit(commit, start.hash)
      const from = at % bytes.length
      readable(bytes.slice(0, from) + instead + bytes.slice(from + length))
    }),
    { numRuns: 300 },
  )
})

/** Replaces one value somewhere inside by another. */
const exchanged = (value: unknown, path: readonly number[], instead: unknown): unknown => {
  if (typeof value !== 'object' || value === null || Object.keys(value).length === 0) return instead
  const keys = Object.keys(value)
  const [here = 0, ...deeper] = path
  const key = keys[here % keys.length] ?? ''
  const copy = (Array.isArray(value) ? [...value] : { ...value }) as Record<string, unknown>
  copy[key] = deeper.length === 0 ? instead : exchanged(copy[key], deeper, instead)
  return copy
}

test('a commit with any value in any place is a commit or unreadable', () => {
  fc.assert(
    fc.property(someCommit, fc.array(fc.nat(9), { maxLength: 5 }), fc.jsonValue(), (commit, path, instead) => {
      const raw: unknown = JSON.parse(encodeCommit(commit, start.hash))
      readable(JSON.stringify(exchanged(raw, path, instead)))
    }),
    { numRuns: 300 },
  )
})

test('an event type that nobody knows, or a later version of one, is an unknown event', () => {
  const event = fc.oneof(
    fc.record({ type: fc.constantFrom('KettleBoiled', 'toString', '__proto__'), data: fc.jsonValue() }),
    fc.record({ type: fc.constant('GroupOnline'), v: fc.integer({ min: 2 }), data: fc.jsonValue() }),
  )
  fc.assert(
    fc.property(someCommit, event, (commit, raw) => {
      const bytes = JSON.stringify({ ...commit, previous: '', events: [raw] })
      expect(decodeCommit(bytes).commit.events[0]).toMatchObject({ type: 'UnknownEvent', data: { was: raw.type } })
    }),
  )
})
