import { expect, test } from 'vitest'
import { checkConfiguration } from '../../../src/decisions/check-configuration.ts'
import { storedConfiguration } from '../../../src/events/index.ts'
import { configurationOf, group, lines, problemsOf, two, web } from './samples.ts'

test('a small configuration is accepted without a warning, with every default filled in', () => {
  const checked = checkConfiguration(web)
  expect(checked).toMatchObject({ ok: true, warnings: [] })
  expect(configurationOf(web).heartbeat).toMatchObject({ interval: 300, timeout: 3000, release: 1000 })
  expect(configurationOf(web).groups.web?.resources.app).toMatchObject({
    activation: { timeout: 1_800_000, retries: 0 },
    mode: 'resident',
  })
})

test('a value that is not among the choices is answered with the one that was meant', () => {
  expect(problemsOf(web.replace('servers: [alpha, beta]', 'servers: [alpha, beta]\n    failover: autmatic'))).toEqual([
    'c.yaml:9:15 groups.web.failover: "autmatic" is not one of auto, dynamic, manual; did you mean "auto"?',
  ])
})

test('a misspelt key is one problem, at the key, even where it leaves another one missing', () => {
  expect(problemsOf(web.replace('beta, addresses', 'beta, adresses'))).toEqual([
    'c.yaml:4:19 servers[1].adresses: "adresses" is not a key here; did you mean "addresses"?',
  ])
})

test('a misspelt key of a resource is known by the type of the resource', () => {
  expect(problemsOf(two + group('app: { type: fip, adress: 10.0.0.100 }'))).toEqual([
    'c.yaml:10:25 groups.web.resources.app.adress: "adress" is not a key here; did you mean "address"?',
  ])
})

test('a missing key is reported at its parent', () => {
  expect(problemsOf(two + group('app: { type: exec }'))).toEqual([
    'c.yaml:10:7 groups.web.resources.app.start: is missing; add it',
  ])
})

test.each([
  ['heartbeat: { interval: 3 }', 'heartbeat.interval: 3 is not a duration with a unit'],
  ['heartbeat: { interval: 0s }', 'heartbeat.interval: "0s" is not a duration with a unit, from 10ms'],
  ['heartbeat: { interval: 010ms }', 'heartbeat.interval: "010ms" is not a duration with a unit'],
  ['heartbeat: { lostBeats: 010 }', 'heartbeat.lostBeats: 010 begins with a zero'],
  ['heartbeat: { lostBeats: 1.5 }', 'heartbeat.lostBeats: 1.5 is not a whole number'],
  ['heartbeat: { clockRateError: 50 }', 'heartbeat.clockRateError: 50 is out of range, the most is 20'],
  ['ports: { log: 70000 }', 'ports.log: 70000 is out of range, the most is 65535'],
  ['startSync: 30d', 'startSync: "30d" is not a duration with a unit, from 0s to 1h'],
  ['suppressRecovery: yes', 'suppressRecovery: "yes" is not true or false; did you mean true?'],
  ['voters: alpha', 'voters: "alpha" is not a list; write [alpha]'],
  ['voters:', 'voters: is empty; give it a value, or remove the key'],
  ['voters: [1, 2', ''],
  ['groups: { constructor: 3 }', 'groups.constructor: "constructor" is not a name that can be used'],
  ['groups: { 1x: 3 }', 'groups.1x: "1x" is not a name (a letter'],
  ['groups: { __proto__: 3 }', 'groups: this key is not a name'],
  ['cluster: again', 'cluster: the key cluster stands here for the second time; remove one of the two'],
])('%s is refused', (line, message) => {
  const problems = problemsOf(two + line)
  expect(problems).not.toEqual([])
  expect(problems.join('\n')).toContain(message)
})

test.each(['', '# nothing', '[]', 'x', '%YAML 1.1\n---\ncluster: c', '\t', '{', '? [a]\n: b', 'a: *b', '--- a\n--- b'])(
  'a text that is no configuration is refused: %j',
  (text) => expect(checkConfiguration(text).ok).toBe(false),
)

test('nesting without end and aliases without end are problems, not crashes', () => {
  expect(checkConfiguration('['.repeat(100_000)).ok).toBe(false)
  expect(checkConfiguration('a: &a { b: *a }').ok).toBe(false)
  const bomb = Array.from({ length: 12 }, (_, i) => `l${i + 1}: &l${i + 1} [${`*l${i},`.repeat(9)}]`)
  expect(checkConfiguration(['l0: &l0 x', ...bomb].join('\n')).ok).toBe(false)
})

test('nesting that ends nowhere is one problem, whatever the library makes of it', () => {
  const tooDeep = 'c.yaml:1:1: the file is nested too deeply to be read; 40 levels are possible'
  for (const text of ['['.repeat(20_000), '{a: '.repeat(20_000)]) expect(problemsOf(text)).toEqual([tooDeep])
})

test('everything wrong is reported at once, sorted by position', () => {
  const text = web.replace('alpha, beta]', 'alfa, beta]\n    failback: yes').replace('cluster: test', 'cluster: 9')
  expect(problemsOf(text)).toEqual(
    [
      'c.yaml:1:10 cluster: 9 is not a name (a letter, then at most 30 letters, digits, - or _)',
      'c.yaml:8:15 groups.web.servers[0]: there is no server alfa; did you mean "alpha"?',
      'c.yaml:9:15 groups.web.failback: "yes" is not one of manual, auto',
    ].map((line) => expect.stringContaining(line)),
  )
})

test('what follows from a problem is not reported a second time', () => {
  const text = `${two}${group('app: { type: exec }')}monitors:
  process: { type: pidw, target: { group: web, resource: app } }`
  expect(problemsOf(text)).toHaveLength(1)
})

test('a script can be kept in a file, and is embedded', () => {
  const text = two + group('app: { type: exec, start: { file: scripts/start.sh } }')
  const files = (path: string) => (path === 'scripts/start.sh' ? '#!/bin/sh\nexec app\n' : null)
  const checked = checkConfiguration(text, files)
  expect(checked.ok && checked.configuration.groups.web?.resources.app).toMatchObject({
    start: '#!/bin/sh\nexec app\n',
  })
})

test('a script file that is missing, empty, too large or cannot be read from here is a problem', () => {
  const text = two + group('app: { type: exec, start: { file: start.sh } }')
  const say = (files?: (path: string) => string | null) => lines(checkConfiguration(text, files)).join()
  const at = 'c.yaml:10:41 groups.web.resources.app.start.file: '
  expect(say()).toBe(`${at}"start.sh" cannot be read from here; write the text of the script instead`)
  expect(say(() => null)).toBe(`${at}there is no file "start.sh"; its name counts from this file`)
  expect(say(() => '')).toBe(`${at}"start.sh" is empty`)
  expect(say(() => 'é'.repeat(32_769))).toContain('has 65538 bytes, at most 65536 are possible')
  expect(
    say(() => {
      throw new Error('EACCES')
    }),
  ).toContain('there is no file')
})

test('a configuration that would not fit into one message is refused with its size', () => {
  const script = (n: number) => `app${n}: { type: exec, start: { file: start.sh } }`
  const text = two + group(script(1), script(2), script(3), script(4))
  expect(lines(checkConfiguration(text, () => 'x'.repeat(60_000))).join()).toMatch(
    /the configuration has 24\d{4} bytes with its scripts, at most 204800 are possible/,
  )
})

test('a script with line ends of Windows is refused', () => {
  const text = two + group('app: { type: exec, start: "#!/bin/sh\\r\\nexec app\\r\\n" }')
  expect(problemsOf(text).join()).toContain('line ends of Windows')
})

test('the stored form passes over keys of newer software, and checks no range again', () => {
  const stored = configurationOf(web)
  const newer = { ...stored, hologram: true, heartbeat: { ...stored.heartbeat, lostBeats: 5000, mood: 'good' } }
  expect(storedConfiguration.parse(newer)).toEqual({ ...stored, heartbeat: { ...stored.heartbeat, lostBeats: 5000 } })
})

test('the stored form refuses a choice that this software does not know', () => {
  const stored = configurationOf(web)
  expect(storedConfiguration.safeParse({ ...stored, monitors: { m: { type: 'telepathy' } } }).success).toBe(false)
})
