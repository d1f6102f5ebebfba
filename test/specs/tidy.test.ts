import { describe, expect, test } from 'vitest'
import { tidy } from '../../ops/tidy/tidy.ts'

const changelog: readonly [string, string] = ['CHANGELOG.md', '# Changelog\n\n## Unreleased\n']

/** The findings in one file, as `line what`. */
const findingsIn = (path: string, ...lines: readonly string[]): readonly string[] =>
  tidy(new Map([changelog, [path, `${lines.join('\n')}\n`]])).map(({ line, what }) => `${line} ${what}`)

const lines = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `void ${index}`)

describe('what reaches around the World', () => {
  const reaching: readonly (readonly [string, string])[] = [
    ['Date.now()', 'Date.now'],
    ['new Date()', 'new Date'],
    ['new Date(1)', 'new Date'],
    ['performance.now()', 'performance.now'],
    ['Math.random()', 'Math.random'],
    ['setTimeout(f, 1)', 'setTimeout'],
    ['globalThis.name; setInterval(f, 1)', 'setInterval'],
    ['crypto.randomUUID()', 'crypto.randomUUID'],
    ['randomUUID()', 'randomUUID'],
    ['process.env', 'process.env'],
    ["console.log('')", 'console'],
  ]

  test.each(reaching)('%s is refused in an agent', (code, what) => {
    expect(findingsIn('src/agents/loop.ts', '', code)).toEqual([`2 ${what}`])
  })

  test.each(['src/world/clock.ts', 'src/cli/main.ts', 'test/specs/a.test.ts', 'ops/tidy/main.ts'])(
    'it may be written in %s',
    (path) => {
      expect(findingsIn(path, ...reaching.map(([code]) => code))).toEqual([])
    },
  )

  test('a member of the World may have the same name', () => {
    expect(findingsIn('src/agents/loop.ts', 'world.clock.setTimeout(1)', 'const { now } = world.clock')).toEqual([])
  })

  test('words in strings and comments are no code', () => {
    expect(findingsIn('src/agents/loop.ts', '// Date.now() is banned', "const hint = 'Date.now()'")).toEqual([])
  })

  test('the finding names what to use', () => {
    expect(tidy(new Map([changelog, ['src/mirror/a.ts', 'Date.now()']]))[0]?.instead).toContain('clock.now()')
  })
})

describe('imports', () => {
  const wrong: readonly (readonly [string, string, string])[] = [
    ['src/events/a.ts', '../projections/b.ts', 'src/events imports src/projections'],
    ['src/projections/a.ts', '../decisions/b.ts', 'src/projections imports src/decisions'],
    ['src/decisions/a.ts', '../agents/b.ts', 'src/decisions imports src/agents'],
    ['src/decisions/a.ts', '../world/clock.ts', 'src/decisions imports src/world'],
    ['src/world/a.ts', '../projections/b.ts', 'src/world imports src/projections'],
    ['src/agents/heartbeats/a.ts', '../../cli/b.ts', 'src/agents imports src/cli'],
    ['src/mirror/a.ts', '../agents/b.ts', 'src/mirror imports src/agents'],
    ['src/web/a.ts', '../cli/b.ts', 'src/web imports src/cli'],
    ['src/cli/a.ts', '../../test/b.ts', 'import of test/b.ts'],
    ['src/events/a.ts', 'node:crypto', 'src/events imports node:crypto'],
    ['src/projections/a.ts', 'fs', 'src/projections imports fs'],
    ['src/decisions/a.ts', 'nats', 'src/decisions imports nats'],
    ['src/decisions/a.ts', '@nats-io/jetstream', 'src/decisions imports @nats-io/jetstream'],
    ['src/projections/a.ts', 'pino', 'src/projections imports pino'],
  ]

  test.each(wrong)('%s must not see %s', (path, specifier, what) => {
    expect(findingsIn(path, `import { a } from '${specifier}'`, 'void a')).toEqual([`1 ${what}`])
  })

  test.each([
    `import type { A } from '../agents/a.ts'\nexport type B = A`,
    `export { a } from '../agents/a.ts'\nexport const b = 1`,
    `export const a = import('../agents/a.ts')`,
    `export type A = import('../agents/a.ts').A`,
  ])('every form of import counts: %s', (code) => {
    expect(findingsIn('src/decisions/a.ts', code)).toEqual(['1 src/decisions imports src/agents'])
  })

  test.each([
    ['src/decisions/a.ts', '../projections/b.ts'],
    ['src/decisions/a.ts', './b.ts'],
    ['src/decisions/a.ts', 'immer'],
    ['src/world/a.ts', '../events/ids.ts'],
    ['src/agents/heartbeats/a.ts', '../../mirror/b.ts'],
    ['src/cli/a.ts', '../web/b.ts'],
    ['src/agents/a.ts', 'node:fs'],
    ['src/events/jetstream-log.ts', 'nats'],
    ['src/events/jetstream-log-feed.ts', '../world/clock.ts'],
    ['test/specs/a.test.ts', '../../src/decisions/b.ts'],
  ])('%s may see %s', (path, specifier) => {
    expect(findingsIn(path, `import { a } from '${specifier}'`, 'void a')).toEqual([])
  })

  test('a source outside of the layers is refused', () => {
    expect(findingsIn('src/lib/a.ts', 'void 0')).toEqual(['1 a source outside of the layers'])
  })
})

describe('types', () => {
  test('any is refused, the word is not', () => {
    expect(findingsIn('src/agents/a.ts', 'export const any = 1', 'export type A = readonly any[]')).toEqual(['2 any'])
  })

  test('a cast is refused in the middle of things', () => {
    expect(findingsIn('src/agents/a.ts', 'export const a = f() as Name')).toEqual(['1 as Name'])
  })

  test.each([
    ['a brand constructor', 'src/decisions/a.ts', 'export const name = (text: string): Name => text as Name'],
    ['a codec', 'src/events/codec.ts', 'export const a = f() as Name'],
    ['a constant', 'src/decisions/a.ts', "export const all = ['a'] as const"],
    ['a test', 'test/specs/a.test.ts', "export const a = 'a' as Name"],
    [
      'one that says why',
      'src/world/a.ts',
      '// cast: the kernel fills exactly this layout.\nexport const a = f() as Layout',
    ],
  ])('%s may cast', (_, path, code) => {
    expect(findingsIn(path, code)).toEqual([])
  })
})

describe('sizes', () => {
  test('400 lines are a file, 401 are two', () => {
    expect(findingsIn('src/agents/a.ts', ...lines(400))).toEqual([])
    expect(findingsIn('src/agents/a.ts', ...lines(401))).toEqual(['401 a file of 401 lines'])
  })

  test('70 lines are a function, 71 are two', () => {
    expect(findingsIn('src/agents/a.ts', 'export const f = () => {', ...lines(68), '}')).toEqual([])
    expect(findingsIn('src/agents/a.ts', 'export const f = () => {', ...lines(69), '}')).toEqual([
      '1 a function of 71 lines',
    ])
    expect(findingsIn('src/agents/a.ts', 'class A {', '  f() {', ...lines(69), '  }', '}')).toEqual([
      '2 a function of 71 lines',
    ])
  })

  test('a chapter of tests may be long', () => {
    expect(findingsIn('test/specs/a.test.ts', "describe.each([1])('a', () => {", ...lines(100), '})')).toEqual([])
  })
})

describe('names', () => {
  test.each(['src/agents/someThing.ts', 'src/agents/Thing.ts', 'src/agents/a_b.ts'])('%s is not kebab-case', (path) => {
    expect(findingsIn(path, 'void 0')).toHaveLength(1)
  })

  test('a heap and a barrel are refused', () => {
    expect(findingsIn('src/agents/utils.ts', 'void 0')).toEqual(['1 a heap called utils.ts'])
    expect(findingsIn('src/agents/index.ts', "export * from './a.ts'")).toEqual(['1 a barrel'])
    expect(findingsIn('src/events/index.ts', "export * from './a.ts'")).toEqual([])
  })
})

describe('tests', () => {
  test.each(['test', 'it', 'describe'])('%s must not be switched off, nor switch others off', (maker) => {
    expect(findingsIn('test/specs/a.test.ts', `${maker}.skip('a', f)`, `${maker}.only('a', f)`)).toEqual([
      `1 ${maker}.skip`,
      `2 ${maker}.only`,
    ])
  })

  test('one that lacks something skips', () => {
    const code = ['if (missing) test.skip(missing, f)', "test.skipIf(missing)('a', f)", "context.skip('needs root')"]
    expect(findingsIn('test/live/a.test.ts', ...code)).toEqual([])
  })
})

describe('words', () => {
  const unfinished = ['FIX', 'ME'].join('')
  const someonesPath = ['/wo', 'rk/main'].join('')
  const registry = ['https://registry', 'npmjs', 'org'].join('.')
  const mirror = ['http://deb', 'debian', 'org/debian'].join('.')

  test.each([
    [`# ${unfinished}: later`, 'an unfinished piece'],
    [`cd ${someonesPath}`, 'a path of one machine'],
    [`from ${registry}`, 'the host of a registry'],
    [`deb ${mirror} x`, 'the host of a mirror'],
  ])('%s has no place in any file', (text, what) => {
    expect(findingsIn('ops/setup', '', text)).toEqual([`2 ${what}`])
    expect(findingsIn('docs/page.md', '', text)).toEqual([`2 ${what}`])
  })

  test('a folder of the project may end in those letters', () => {
    expect(findingsIn('docs/page.md', 'see src/wo'.concat('rk/a.ts and network/a'))).toEqual([])
  })
})

describe('the changelog', () => {
  test.each(['## Unreleased', '## [Unreleased]', '## 1.0.0 (2026-11-20)', '## [0.2.1]'])('%s will do', (heading) => {
    expect(tidy(new Map([['CHANGELOG.md', `# Changelog\n\n${heading}\n`]]))).toEqual([])
  })

  test('it must be there and have a version', () => {
    expect(tidy(new Map([['README.md', '']])).map(({ what }) => what)).toEqual(['no CHANGELOG.md'])
    expect(tidy(new Map([['CHANGELOG.md', '# Changelog\n']])).map(({ what }) => what)).toEqual([
      'a changelog without a version',
    ])
  })
})
