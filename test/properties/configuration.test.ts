import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { type Checked, checkConfiguration, formatProblem } from '../../src/decisions/check-configuration.ts'
import { inequalityOf, nearestSafe } from '../../src/decisions/configuration-liveness-rule.ts'
import { diffConfiguration } from '../../src/decisions/diff-configuration.ts'
import { ipKey, parseIp } from '../../src/decisions/ip-address.ts'
import { type Configuration, formatDuration, parseDuration, storedConfiguration } from '../../src/events/index.ts'

const examples = join(import.meta.dirname, '../../ops/examples')
const texts = readdirSync(examples)
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => readFileSync(join(examples, name), 'utf8'))

const all = (checked: Checked) => [...(checked.ok ? [] : checked.problems), ...checked.warnings]

/** Every problem points into the text, and what is accepted is a fixpoint of the stored form. */
const isSound = (text: string): void => {
  const checked = checkConfiguration(text, (path) => (path === 'there' ? 'exec it' : null))
  const rows = text.split('\n')
  for (const problem of all(checked)) {
    expect(problem.line).toBeGreaterThanOrEqual(1)
    expect(problem.line).toBeLessThanOrEqual(rows.length)
    expect(problem.column).toBeGreaterThanOrEqual(1)
    expect(problem.column).toBeLessThanOrEqual((rows[problem.line - 1] ?? '').length + 1)
    expect(formatProblem(problem, 'c.yaml')).toMatch(/^c\.yaml:\d+:\d+/)
  }
  if (checked.ok)
    expect(storedConfiguration.parse(JSON.parse(JSON.stringify(checked.configuration)))).toEqual(checked.configuration)
  else expect(checked.problems.length).toBeGreaterThan(0)
}

test('no text whatever makes the checker throw', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), isSound), { numRuns: 300 })
  const yaml = fc.array(
    fc.constantFrom(...'{}[]:,-?&*!|>#\'"%@`<\n\t 0a'.split(''), 'groups', '<<: ', '&a ', '*a ', '  '),
  )
  fc.assert(
    fc.property(
      yaml.map((parts) => parts.join('')),
      isSound,
    ),
    { numRuns: 300 },
  )
})

const key = fc.constantFrom(
  ...['cluster', 'servers', 'witness', 'voters', 'groups', 'monitors', 'heartbeat', 'resources', 'name', 'addresses'],
  ...['type', 'start', 'after', 'target', 'group', 'interval', 'timeout', 'alpha', 'constructor', '__proto__', 'x y'],
)
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: 'medium' },
    fc.constantFrom<unknown>('alpha', '3s', '10.0.0.1', 'exec', 'pidw', 'auto', null, true, 0, -1, 1.5, 1e300, ''),
    fc.dictionary(key, tie('any'), { maxKeys: 6 }),
    fc.array(tie('any'), { maxLength: 4 }),
    fc.record({ file: fc.constantFrom('there', 'nowhere') }),
  ),
})).any

test('no tree of values makes the checker throw', () => {
  fc.assert(
    fc.property(fc.dictionary(key, value), (tree) => isSound(stringify(tree))),
    { numRuns: 300 },
  )
})

test('an example with one slip in it is judged soundly', () => {
  const slip = fc.record({
    text: fc.constantFrom(...texts),
    at: fc.nat(),
    length: fc.nat(12),
    by: fc.constantFrom('', ' ', 'x', ':', '\n', '0', '[', '-', 'alpha', '10.0.0.1'),
  })
  const apply = ({ text, at, length, by }: { text: string; at: number; length: number; by: string }) =>
    text.slice(0, at % text.length) + by + text.slice((at % text.length) + length)
  fc.assert(
    fc.property(slip, (one) => isSound(apply(one))),
    { numRuns: 300 },
  )
})

const configurations: readonly Configuration[] = texts.flatMap((text) => {
  const checked = checkConfiguration(text)
  return checked.ok ? [checked.configuration] : []
})

type Tree = Record<string, unknown>

/** What a person with the list of changes alone would do. */
const applied = (before: Configuration, changes: ReturnType<typeof diffConfiguration>['changes']): unknown => {
  const tree: Tree = structuredClone({
    ...before,
    servers: Object.fromEntries(before.servers.map((server) => [server.name, server])),
    serverOrder: before.servers.map(({ name }) => name),
  })
  for (const { path, after } of changes) {
    const steps = path.split('.')
    const last = steps.pop() ?? ''
    const parent = steps.reduce<Tree>((at, step) => at[step] as Tree, tree)
    if (after === null) delete parent[last]
    else parent[last] = structuredClone(after)
  }
  const { serverOrder, servers, ...rest } = tree as Tree & { serverOrder: string[]; servers: Tree }
  return { ...rest, servers: serverOrder.map((name) => servers[name]) }
}

test('a difference says everything that is needed to get from one configuration to the other', () => {
  const one = fc.constantFrom(...configurations)
  // A mixture, so that parts are equal, changed, added and removed.
  const mixed = fc.tuple(one, one, fc.array(fc.boolean(), { minLength: 14, maxLength: 14 })).map(([a, b, take]) => {
    const parts = Object.entries(b).filter((_, index) => take[index])
    return { ...a, ...Object.fromEntries(parts) }
  })
  fc.assert(
    fc.property(mixed, mixed, (before, after) => {
      const { changes } = diffConfiguration(before, after)
      expect(applied(before, changes)).toEqual(after)
      for (const change of changes) expect(change.before).not.toEqual(change.after)
    }),
  )
})

test('there is no difference between a configuration and itself', () => {
  for (const one of configurations) {
    expect(diffConfiguration(one, structuredClone(one))).toEqual({ changes: [], restarts: [], stops: [], refused: [] })
  }
})

test('the values that are proposed satisfy the inequality, and never shorten what was asked for', () => {
  const ms = (max: number) => fc.nat(max)
  const heartbeat = fc.record({
    interval: fc.integer({ min: 10, max: 60_000 }),
    timeout: fc.integer({ min: 100, max: 3_600_000 }),
    release: fc.integer({ min: 10, max: 3_600_000 }),
    stop: ms(3_600_000),
    clockRateError: fc.double({ min: 0, max: 20, noNaN: true }),
    delay: ms(10_000),
    stall: ms(600_000),
    lostBeats: ms(1000),
  })
  fc.assert(
    fc.property(heartbeat, (given) => {
      const safe = nearestSafe(given)
      expect(inequalityOf({ ...given, ...safe }).holds).toBe(true)
      expect(safe.timeout).toBeGreaterThanOrEqual(given.timeout)
      expect(safe.release).toBeGreaterThanOrEqual(given.release)
      if (inequalityOf(given).holds) expect(safe).toEqual({ timeout: given.timeout, release: given.release })
    }),
  )
})

test('a duration that is written is read as the same', () => {
  fc.assert(
    fc.property(fc.nat(24 * 86_400_000), (ms) => {
      expect(parseDuration(formatDuration(ms))).toBe(ms)
    }),
  )
})

test('an address is the same however it is written', () => {
  fc.assert(
    fc.property(fc.ipV6(), fc.ipV4(), (six, four) => {
      expect(parseIp(six)).not.toBeNull()
      expect(ipKey(six.toUpperCase())).toBe(ipKey(six))
      expect(ipKey(`::ffff:${four}`)).toBe(ipKey(four))
    }),
  )
})
