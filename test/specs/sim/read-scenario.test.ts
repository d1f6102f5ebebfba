import { describe, expect, test } from 'vitest'
import { checkConfiguration, formatProblem } from '../../../src/decisions/check-configuration.ts'
import { actions } from '../../../src/sim/scenario/actions.ts'
import { expectations, promised } from '../../../src/sim/scenario/expectations.ts'
import { orders } from '../../../src/sim/scenario/orders.ts'
import { readScenario } from '../../../src/sim/scenario/read.ts'
import { understand, type Vocabulary, vocabularyOf } from '../../../src/sim/scenario/sentences.ts'

const checked = checkConfiguration(`
cluster: demo
servers:
  - { name: s1, addresses: { lan: 10.0.0.1 } }
  - { name: s2, addresses: { lan: 10.0.0.2 } }
  - { name: s3, addresses: { lan: 10.0.0.3 } }
npResolution: { ping: { targets: [10.0.0.254] } }
alerts: { syslog: { local: false } }
groups:
  web:
    servers: [s1, s2]
    resources:
      daemon: { type: exec, start: run }
      data: { type: md, dataPartition: /dev/d, clusterPartition: /dev/m, mountPoint: /srv, port: 29050 }
`)
if (!checked.ok) throw new Error(checked.problems.map((one) => formatProblem(one, 'c')).join('\n'))
const words = vocabularyOf(checked.configuration)

const problemsOf = (text: string): readonly string[] => {
  const read = readScenario(text)
  if (!read.ok) return read.problems.map((problem) => formatProblem(problem, 's.yaml'))
  const script = read.value.inWordsOf(words)
  return script.ok ? [] : script.problems.map((problem) => formatProblem(problem, 's.yaml'))
}

describe('a scenario', () => {
  test('is a list of sentences, with times and expectations', () => {
    const read = readScenario(
      'steps:\n- power off s1\n- at: 10s\n  do: [heal]\n  expect: web online on s2 within 10s\n',
    )
    const script = read.ok ? read.value.inWordsOf(words) : read
    expect(script).toMatchObject({
      ok: true,
      value: {
        from: 'running',
        steps: [
          { line: 2, at: null, after: 0, deeds: [{ kind: 'do', text: 'power off s1' }] },
          { line: 3, at: 10_000, deeds: [{ kind: 'do' }, { kind: 'expect' }] },
        ],
      },
    })
  })
  test.each([
    [
      'steps:\n- power off s9\n',
      's.yaml:2:3 steps[0].do: "s9" is no server or witness of the configuration; did you mean',
    ],
    ['steps:\n- powr off s1\n', '"powr off s1" is not understood; possible: power off <host>; power on <host>'],
    ['steps:\n- dance\n', '"dance" is not understood; a sentence begins with power, reset, freeze'],
    ['steps:\n- freeze s1 for long\n', '"long" is not a duration; write 500ms, 10s or 2m'],
    ['steps:\n- lose 130% on lan\n', '"130%" is not a percentage; write 30%'],
    [
      'steps:\n- expect: web online on s2 whithin 5s\n',
      's.yaml:2:11 steps[0].expect: "web online on s2 whithin 5s" is not understood',
    ],
    [
      'steps:\n- expects: web online\n',
      's.yaml:2:3 steps[0].expects: "expects" is not a key here; did you mean "expect"?',
    ],
    ['steps:\n- order: move group wep to s2\n', '"wep" is no group of the configuration; did you mean "web"?'],
    [
      'steps:\n- expect: mirror web.date whole\n',
      '"web.date" is no mirror disk of the configuration; did you mean "web.data"?',
    ],
    ['steps:\n- order: stop group web\n  on: s7\n', 's.yaml:3:7 steps[0].on: "s7" is no server of the configuration'],
    ['steps:\n- at: 5s\n  after: 5s\n  do: heal\n', 's.yaml:3:3 steps[0].after: at and after exclude each other'],
    ['steps:\n- at: soon\n  do: heal\n', 's.yaml:2:7 steps[0].at: expected is a duration such as 500ms, 10s or 2m'],
    ['steps:\n- {}\n', 's.yaml:2:3 steps[0]: the step does nothing'],
    ['steps: heal\n', 's.yaml:1:8 steps: expected is a list of steps'],
    ['steps:\n- 5\n', 's.yaml:2:3 steps[0]: expected is a sentence, or keys such as do: and expect:'],
    ['from: yesterday\nsteps: [heal]\n', 's.yaml:1:7 from: expected is running or boot'],
    ['', 's.yaml:1:1'],
    ['steps: [a: [\n', 's.yaml:'],
  ])('says what is wrong with %j, and where', (text, message) => {
    expect(problemsOf(text).join('\n')).toContain(message)
  })
})

test('a sentence that is not understood is one mistake', () => {
  expect(problemsOf('steps:\n- powr off s1\n- expect: web onlin\n')).toHaveLength(2)
})

test('every sentence can be said, and means itself', () => {
  const sample: Readonly<Record<string, string>> = { duration: '5s', percent: '30%', other: 's2' }
  const said = (text: string) =>
    text.replace(/<(\w+)>/g, (_, slot: string) => sample[slot] ?? words[slot as keyof Vocabulary][0] ?? '')
  const count = [actions, orders, [...expectations, promised]].map((templates: Parameters<typeof understand>[1]) => {
    for (const { text } of templates) {
      const understood = understand(said(text), templates, words)
      expect(understood.ok, text).toBe(true)
    }
    return new Set(templates.map(({ text }) => text)).size === templates.length
  })
  expect(count).toEqual([true, true, true])
})
