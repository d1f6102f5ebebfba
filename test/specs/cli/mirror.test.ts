/** `baton mirror`: what it shows of both copies, and what it asks before something is given up. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { mapOf, mirrorLines } from '../../../src/cli/mirror-lines.ts'
import { type Ran, runCli } from '../../golden/command-line.ts'
import { settled } from '../../golden/scenarios.ts'
import { fact } from '../../recorded-log.ts'
import { left } from '../decisions/demo.ts'
import { alone, broken, constructed, g1, mirror, mirrored, paired, sideSeen } from '../decisions/mirror-demo.ts'
import { type Given, stateOf } from '../spec.ts'
import { type FakeAgent, startFakeAgent } from './fake-agent.ts'

const same = (text: string): string => text
const colours = { bold: same, dim: same, red: same, green: same, yellow: same, cyan: same }
const shown = (given: readonly Given[]): string =>
  mirrorLines(stateOf(given), [mirror], { colours, zone: { isUtc: true, zoneMs: () => 0 } }).join('\n')
const MiB = 1_048_576
const dirty = fact('MirrorDirtyRecorded', {
  mirror,
  server: 's1',
  generation: g1,
  epoch: 8,
  runs: [{ at: 0, length: 2 * MiB }],
  isComplete: true,
  saves: {},
})
const resync: readonly Given[] = [
  fact('MirrorResyncStarted', {
    mirror,
    source: 's1',
    target: 's2',
    epoch: 8,
    copy: 'differences',
    totalBytes: 100 * MiB,
  }),
  fact('MirrorResyncProgressed', { mirror, target: 's2', doneBytes: 40 * MiB, totalBytes: 100 * MiB, elapsedMs: 4000 }),
]

describe('mirror status', () => {
  test('says that both copies are current, and who serves', () => {
    const text = shown(paired)
    expect(text).toMatch(/^web.data {2}both copies are current {2}sync, port 29050$/m)
    expect(text).toMatch(/^ {2}\* s1 {2}current/m)
    expect(text).toMatch(/^ {4}s2 {2}current/m)
  })

  test('says what the stale copy lacks, where, how far the resync is and how long it will take', () => {
    const size = sideSeen('s2', { epoch: 8, dataBytes: 60 * MiB })
    const text = shown([...paired, size, broken('s1', 's2', g1, 8), dirty, ...resync])
    expect(text).toMatch(/NOT REDUNDANT: only s1 has every write/)
    expect(text).toMatch(/s2 {2}STALE {4}lacks what was written since generation aaaaaaaa: 2.0 MiB as recorded/)
    expect(text).toMatch(/differs \[##\.{58}\] of 60.0 MiB/)
    expect(text).toMatch(/resync s1 → s2 \[={12} {18}\] 40 % {2}40.0 MiB of 100 MiB {2}10.0 MiB\/s, about 6.00 s left/)
  })

  test('says why a copy may not be served although nothing was broken', () => {
    expect(shown([...paired, sideSeen('s2', { epoch: 3 })])).toMatch(
      /s2 {2}not fit .*is not believed: it claims epoch 3/,
    )
  })

  test('knows of mirrors that were never initialised', () => {
    expect(shown(mirrored())).toBe('web.data  never initialised  sync, port 29050')
    expect(shown([...mirrored(), constructed('full')])).toMatch(/s2 {2}STALE {4}lacks everything/)
  })

  test('draws nothing, everything, and parts of it', () => {
    expect(mapOf({ copy: 'nothing' }, 60)).toBe('.'.repeat(60))
    expect(mapOf({ copy: 'everything', because: '' }, 60)).toBe('#'.repeat(60))
    const runs = [
      { at: 0, length: 4 },
      { at: 595, length: 5 },
    ]
    expect(mapOf({ copy: 'differences', runs, byBitmap: true }, 600)).toBe(`-${'.'.repeat(58)}#`)
  })
})

describe('a mirror command', () => {
  let agent: FakeAgent
  beforeEach(async () => {
    agent = await startFakeAgent(settled().log, () => [
      { step: 'accepted', operation: 'op1', sequence: 10 },
      { step: 'done', detail: 'recorded', elapsedMs: 5 },
    ])
    agent.know({ state: stateOf([...alone, dirty, left('s1', 2)]) })
  })
  afterEach(async () => await agent.stop())
  const baton = async (line: string, over = {}): Promise<Ran> =>
    await runCli([...line.split(' '), '--state', agent.state], over)

  test('that forces a copy says in numbers what is lost, and does nothing without a yes', async () => {
    let asked = ''
    const confirm = async (question: string) => {
      asked = question
      return false
    }
    const { code } = await baton('mirror force web.data s2', { confirm })
    expect(asked).toMatch(/Given up for good: s2 lacks what was written since generation aaaaaaaa: 2.0 MiB as recorded/)
    expect(code).toBe(1)
    expect(agent.requests).toEqual([])
    expect((await baton('mirror force web.data s2 --yes')).code).toBe(0)
    expect(agent.requests).toMatchObject([{ command: { do: 'force-mirror', mirror: 'web.data', server: 's2' } }])
  })

  test.each([
    ['mirror resync web.data --full', { do: 'resync-mirror', mirror: 'web.data', full: true }],
    ['mirror break web.data', { do: 'break-mirror', mirror: 'web.data' }],
    ['mirror init web.data --from s1 --initial none --yes', { do: 'init-mirror', from: 's1', initial: 'none' }],
    ['mirror replace-disk web.data s2 --yes', { do: 'replace-mirror-disk', server: 's2' }],
  ])('%s reaches the agent', async (line, command) => {
    expect((await baton(line)).code).toBe(0)
    expect(agent.requests).toMatchObject([{ command }])
  })

  test('status is printed, also as JSON; an unknown name is wrong usage', async () => {
    expect((await baton('mirror status')).out).toMatch(/NOT REDUNDANT/)
    const [one] = JSON.parse((await baton('mirror status web.data --json')).out) as [
      { servers: { s2: { notFit: string } } },
    ]
    expect(one.servers.s2.notFit).toMatch(/stale since generation/)
    expect(await baton('mirror status web.dat')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/there are web.data/),
    })
  })
})
