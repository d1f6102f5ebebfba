/** `baton mirror`: what it shows of both copies, and what it asks before something is given up. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { noMountTimes } from '../../../src/agents/mirror/mount-times.ts'
import { statisticsHeader, statisticsRow } from '../../../src/agents/mirror/statistics-rows.ts'
import { mapOf, mirrorLines } from '../../../src/cli/mirror-lines.ts'
import type { Planes } from '../../../src/cli/mirror-planes.ts'
import { voterName } from '../../../src/events/index.ts'
import { Statistics } from '../../../src/mirror/engine/statistics.ts'
import { type Ran, runCli } from '../../golden/command-line.ts'
import { settled } from '../../golden/scenarios.ts'
import { fact } from '../../recorded-log.ts'
import { planeOf } from '../agents/plane-status.ts'
import { left, s1 } from '../decisions/demo.ts'
import {
  alone,
  broken,
  constructed,
  g1,
  g2,
  joinedAs,
  mirror,
  mirrored,
  paired,
  sideSeen,
} from '../decisions/mirror-demo.ts'
import { type Given, stateOf } from '../spec.ts'
import { type FakeAgent, startFakeAgent } from './fake-agent.ts'

const same = (text: string): string => text
const colours = { bold: same, dim: same, red: same, green: same, yellow: same, cyan: same }
const shown = (given: readonly Given[], planes: Planes | null = null): string =>
  mirrorLines(stateOf(given), [mirror], { colours, zone: { isUtc: true, zoneMs: () => 0 }, planes }).join('\n')
const MiB = 1_048_576
const dirty = fact('MirrorDirtyRecorded', {
  mirror,
  server: 's1',
  generation: g1,
  epoch: 8,
  runs: [{ at: 0, length: 2 * MiB }],
  saves: {},
})
const resyncStarted = fact('MirrorResyncStarted', {
  mirror,
  source: 's1',
  target: 's2',
  epoch: 8,
  copy: 'differences',
  totalBytes: 100 * MiB,
})
const resync: readonly Given[] = [
  resyncStarted,
  fact('MirrorResyncProgressed', { mirror, target: 's2', doneBytes: 40 * MiB, totalBytes: 100 * MiB, elapsedMs: 4000 }),
]

/** The agent of s1 has it from its data plane. */
const serving = (more: object): Planes => {
  const counts = new Statistics()
  counts.roundTrip.set(0.31)
  counts.behindBytes.set(12 * 1024)
  const plane = { does: 'serve', path: 0, blockBytes: 65_536, dataBytes: 60 * MiB, statistics: counts.told(), ...more }
  return { server: s1, mirrors: [{ name: mirror, plane: planeOf(plane), mountTimes: noMountTimes }] }
}

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

  test('estimates by the last resync how long one takes that has only begun, as far as the log knows', () => {
    const begun = [...paired, broken('s1', 's2', g1, 8), resyncStarted]
    expect(shown(begun)).toMatch(/resync s1 → s2 \[ {30}\] 0 % {2}0 bytes of 100 MiB {2}just begun$/m)
    const joined = joinedAs('s1', 's2', g1, 8)
    const again = [...begun.slice(0, -1), ...resync, joined, broken('s1', 's2', g2, 8), resyncStarted]
    expect(shown(again)).toMatch(/ 0 % {2}0 bytes of 100 MiB {2}as the last one: 10.0 MiB\/s, about 10.0 s left$/m)
  })

  test('says what the data plane of this server says now: its network, how fast it is, how far behind', () => {
    const said = serving({ condition: { pair: 'paired', because: '', dirtyBlocks: 0 } })
    expect(shown(paired, said)).toMatch(
      /^ {2}s1 now: serves, both sides are written, over lan, 0.31 ms, 12.0 KiB behind$/m,
    )
    const alone = serving({
      condition: { pair: 'alone', because: 's2 is gone', dirtyBlocks: 3 },
      path: null,
      dirtyBlocks: 3,
    })
    expect(shown(paired, alone)).toMatch(
      /^ {2}s1 now: serves, goes on alone \(s2 is gone\), not connected, 12.0 KiB behind, 192 KiB marked$/m,
    )
    expect(shown(paired, serving({ does: 'follow', statistics: undefined }))).toMatch(
      /^ {2}s1 now: follows, over lan$/m,
    )
    const deaf = serving({ path: null, deafAt: [{ path: 0, because: 'listen EADDRNOTAVAIL: 10.0.0.1:29050' }] })
    expect(shown(paired, deaf)).toMatch(
      /^ {2}s1 cannot be reached over lan: listen EADDRNOTAVAIL: 10.0.0.1:29050; bring that network up, or/m,
    )
    const gone = { server: s1, mirrors: [{ name: mirror, plane: null, mountTimes: noMountTimes }] }
    expect(shown(paired, gone)).toMatch(/^ {2}s1 now: its data plane is not reached$/m)
    expect(shown(paired, { server: s1, mirrors: [] })).toBe(shown(paired))
  })

  test('says how far a resync is at this moment, where its source is asked', () => {
    const now = serving({ resync: { doneBytes: 45 * MiB, totalBytes: 90 * MiB, elapsedMs: 9000 } })
    const text = shown([...paired, broken('s1', 's2', g1, 8), ...resync], now)
    expect(text).toMatch(
      /resync s1 → s2 \[={15} {15}\] 50 % {2}45.0 MiB of 90.0 MiB {2}5.0 MiB\/s, about 9.00 s left$/m,
    )
    expect(text).not.toMatch(/40 %/)
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
    expect(await baton('mirror status --json')).toMatchObject({ out: expect.stringMatching(/"here": null/) })
    agent.know({ voter: voterName('s1'), mirrors: serving({}).mirrors })
    expect(JSON.parse((await baton('mirror status --json')).out)).toMatchObject([
      {
        here: {
          server: 's1',
          network: 'lan',
          plane: { does: 'serve', statistics: { roundTripMs: { current: 0.31 } } },
        },
      },
    ])
    expect(await baton('mirror status web.dat')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/one of: web.data/),
    })
  })

  test('statistics are the last row of each mirror of this server; nothing at all is None', async () => {
    agent.know({ state: stateOf(alone), voter: voterName('s1') })
    expect((await baton('mirror statistics')).out).toMatch(/^ {6}web.data\nDate {2}no row yet\n$/)
    const [before, now] = [new Statistics(), new Statistics()]
    now.writtenBytes = 3 * MiB
    now.readBytes = 1
    const directory = `${agent.state}/perf/disk`
    const date = '2026/11/28 02:00:00.000'
    const sample = { date, elapsedMs: 60_000, now: now.told(), before: before.told(), mountTimes: noMountTimes }
    mkdirSync(directory, { recursive: true })
    writeFileSync(
      `${directory}/nmp1.cur`,
      `${statisticsHeader}\n"2026/11/28 01:59:00.000",9\n${statisticsRow(sample)}\n"2026`,
    )
    const { out } = await baton('mirror statistics web.data')
    expect(out).toMatch(/^Date +2026\/11\/28 02:00:00.000$/m)
    expect(out).toMatch(/^Write, Total \(MB\) +3.00$/m)
    expect(out).toMatch(/^Read, Total \(MB\) +0.00$/m)
    expect(out).toMatch(/^Local Disk Write, Total \(MB\) +None$/m)
    expect(JSON.parse((await baton('mirror statistics --json')).out)).toMatchObject([
      { name: 'web.data', date, values: { 'Write, Total (MB)': 3, 'Send, Total (KB)': 0 } },
    ])
    expect(await baton('mirror statistics web.dat')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/s1 has web.data/),
    })
  })

  test('status is watched: it is printed anew whenever it changes, until Ctrl-C', async () => {
    const interrupted = new AbortController()
    const printed: string[] = []
    const print = async (text: string) => {
      printed.push(text)
      if (printed.length === 1) agent.know({ state: stateOf([...alone, dirty, left('s1', 2), ...resync]) })
      else interrupted.abort()
    }
    expect((await baton('mirror status --watch', { print, signal: interrupted.signal })).code).toBe(0)
    expect(printed).toHaveLength(2)
    expect(printed[0]).not.toMatch(/resync s1/)
    expect(printed[1]).toMatch(/resync s1 → s2 .* 40 %/)
  })

  test('what an agent says of its data planes is not believed unread', async () => {
    agent.know({ mirrors: [{ name: mirror, plane: { does: 'all' } }] as never })
    expect(await baton('mirror status')).toMatchObject({ code: 1, err: expect.stringMatching(/mirrors .* 0.plane/) })
  })
})
