import { describe, expect, test } from 'vitest'
import { type Evidence, resolvePartition } from '../../../src/decisions/resolve-partition.ts'
import { instant } from '../../../src/events/index.ts'
import { configurationOf, web } from '../configuration/samples.ts'

const now = instant(100_000)
const nothingKnown: Evidence = {
  now,
  ping: null,
  http: null,
  voters: { heard: 1, majority: 2 },
  com: 'unknown',
  disk: 'unknown',
  asOf: { majority: instant(now - 300), com: instant(now - 400), disk: instant(now - 500), bmc: instant(now - 600) },
}
const round = (...answered: readonly string[]) => ({ at: instant(now - 700), answered })
const resolve = (written: string, evidence: Partial<Evidence>) =>
  resolvePartition({ ...nothingKnown, ...evidence }, configurationOf(`${web}npResolution: ${written}`).npResolution)
const verdict = (written: string, evidence: Partial<Evidence>) => resolve(written, evidence).verdict

const gateways = '{ ping: { targets: [10.9.0.1, 10.9.0.2] } }'
const sites = '{ ping: { groups: [[10.9.0.1, 10.9.0.2], [10.9.1.1]], rule: all } }'
const site = 'http://status.example/'

test('without a method nothing is known', () => {
  expect(resolve('{}', {})).toEqual({ verdict: 'unknown', reasons: ['no method is configured'], asOf: null })
})

describe('ping', () => {
  test.each([
    ['any target of the group is enough', gateways, ['10.9.0.2'], 'connected'],
    ['nobody answers: cut off', gateways, [], 'cut-off'],
    ['any of the groups is enough', sites.replace('all', 'any'), ['10.9.1.1'], 'connected'],
    ['all groups are asked for, and one is silent', sites, ['10.9.0.1', '10.9.0.2'], 'cut-off'],
    ['all groups are asked for, and one of each answers', sites, ['10.9.0.2', '10.9.1.1'], 'connected'],
    ['who answers without being asked counts for nothing', gateways, ['10.9.9.9'], 'cut-off'],
  ] as const)('%s', (_, written, answered, expected) => {
    expect(verdict(written, { ping: round(...answered) })).toBe(expected)
  })

  test('nobody could be asked: that is not the same as nobody answering', () => {
    expect(verdict(gateways, { ping: null })).toBe('unknown')
  })

  test('an old answer is none', () => {
    expect(verdict(gateways, { ping: { at: instant(now - 5000), answered: ['10.9.0.1'] } })).toBe('unknown')
  })
})

test.each([
  ['any', ['http://a/'], 'connected'],
  ['all', ['http://a/'], 'cut-off'],
  ['all', ['http://a/', 'http://b/'], 'connected'],
  ['any', [], 'cut-off'],
] as const)('http: %s of two servers, %j answer: %s', (rule, answered, expected) => {
  const written = `{ http: { urls: ["http://a/", "http://b/"], rule: ${rule} } }`
  expect(verdict(written, { http: round(...answered) })).toBe(expected)
})

test.each([
  [2, 'connected'],
  [1, 'cut-off'],
] as const)('majority: %d of three voters heard: %s', (heard, expected) => {
  expect(verdict('{ majority: true }', { voters: { heard, majority: 2 } })).toBe(expected)
})

test.each([
  ['hears', 'connected'],
  ['silent', 'connected'],
  ['broken', 'cut-off'],
  ['unknown', 'unknown'],
] as const)('disk: %s: %s, since whoever writes no more on a disk that works has stopped', (disk, expected) => {
  expect(verdict('{ disk: true }', { disk })).toBe(expected)
})

test.each([
  ['hears', 'connected'],
  ['silent', 'unknown'],
  ['broken', 'unknown'],
] as const)('com: %s: %s, since a silent cable may be a broken one', (com, expected) => {
  expect(verdict('{ com: true }', { com })).toBe(expected)
})

test.each([
  ['answers', 'connected'],
  ['silent', 'unknown'],
  ['unknown', 'unknown'],
] as const)('bmc: %s: %s, since a silent controller may be without power, or out of reach', (bmc, expected) => {
  expect(verdict('{ bmc: true }', { bmc })).toBe(expected)
})

test('bmc: what a controller answers is so as of the question', () => {
  expect(resolve('{ bmc: true }', { bmc: 'answers' }).asOf).toBe(now - 600)
})

describe('several methods', () => {
  const both = (rule: string) => `{ rule: ${rule}, ping: { targets: [10.9.0.1] }, http: { urls: ["${site}"] } }`
  test.each([
    ['any', ['10.9.0.1'], [], 'connected'],
    ['any', [], [site], 'connected'],
    ['any', [], [], 'cut-off'],
    ['any', [], null, 'unknown'],
    ['any', ['10.9.0.1'], null, 'connected'],
    ['all', ['10.9.0.1'], [], 'cut-off'],
    ['all', ['10.9.0.1'], [site], 'connected'],
    ['all', ['10.9.0.1'], null, 'unknown'],
    ['all', [], null, 'cut-off'],
  ] as const)('rule %s: pings %j, web servers %j: %s', (rule, pings, sites_, expected) => {
    const http = sites_ === null ? null : round(...sites_)
    expect(verdict(both(rule), { ping: round(...pings), http })).toBe(expected)
  })

  test('every method says why', () => {
    expect(resolve(both('any'), { ping: round('10.9.0.1'), http: round() }).reasons).toEqual([
      'ping: its group answers (10.9.0.1)',
      'http: no server answers',
    ])
  })
})

describe('what a verdict rests on was asked', () => {
  const both = (rule: string) => `{ rule: ${rule}, ping: { targets: [10.9.0.1] }, http: { urls: ["${site}"] } }`
  const ping = { at: instant(now - 100), answered: ['10.9.0.1'] }
  const http = { at: instant(now - 900), answered: [site] }

  test('as late as the newest, where one is enough', () => {
    expect(resolve(both('any'), { ping, http }).asOf).toBe(now - 100)
  })

  test('as early as the oldest, where all are needed', () => {
    expect(resolve(both('all'), { ping, http }).asOf).toBe(now - 900)
    const silent = { ping: { ...ping, answered: [] }, http: { ...http, answered: [] } }
    expect(resolve(both('any'), silent).asOf).toBe(now - 900)
  })
})

describe('what is so for a while after it has ended', () => {
  test('is known only as of when it was seen', () => {
    expect(resolve('{ com: true }', { com: 'hears' }).asOf).toBe(now - 400)
    expect(resolve('{ disk: true }', { disk: 'silent' }).asOf).toBe(now - 500)
    expect(resolve('{ majority: true }', { voters: { heard: 2, majority: 2 } }).asOf).toBe(now - 300)
  })
  test('is not known at all where nobody can say when', () => {
    const asOf = { majority: null, com: null, disk: null, bmc: null }
    expect(resolve('{ disk: true }', { disk: 'silent', asOf })).toMatchObject({ verdict: 'connected', asOf: null })
  })
})
