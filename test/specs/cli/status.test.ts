import { strict as assert } from 'node:assert'
import { hash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { foldTo } from '../../../src/cli/table.ts'
import { pathName, voterName } from '../../../src/events/index.ts'
import { awaitingReturn } from '../../golden/awaiting-return.ts'
import { runCli } from '../../golden/command-line.ts'
import { HandBuiltLog } from '../../golden/hand-built-log.ts'
import { crash, ladder, plannedMove, settled, startRefused, suppressedFailover } from '../../golden/scenarios.ts'
import { type FakeAgent, startFakeAgent } from './fake-agent.ts'

let agent: FakeAgent | null = null
afterEach(async () => {
  await agent?.stop()
  agent = null
})

const statusOf = async (log: HandBuiltLog, change: Parameters<FakeAgent['know']>[0] = {}): Promise<string> => {
  await agent?.stop()
  agent = await startFakeAgent(log)
  agent.know(change)
  const { code, out, err } = await runCli(['status', '--utc', '--state', agent.state])
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return out
}

describe('status shows everything at a glance', () => {
  test('all is well', async () => {
    await expect(await statusOf(settled().log)).toMatchFileSnapshot('../../golden/status-settled.txt')
  })

  test('after a crash, one server is not heard', async () => {
    const peers = [
      {
        voter: voterName('s1'),
        role: 'server' as const,
        heardMsAgo: 61_000,
        times: {},
        hears: {},
        paths: { [pathName('nats')]: 61_000 },
        echoMsAgo: null,
      },
      {
        voter: voterName('w'),
        role: 'witness' as const,
        heardMsAgo: 90,
        times: {},
        hears: {},
        paths: { nats: 90, 'lan:lan': 4000 },
        echoMsAgo: 100,
      },
    ]
    await expect(await statusOf(crash(), { peers })).toMatchFileSnapshot('../../golden/status-crash.txt')
  })

  test('without quorum it says so, and how old its knowledge is', async () => {
    const out = await statusOf(settled().log, {
      peers: ['s1', 'w'].map((name) => ({
        voter: voterName(name),
        role: name === 'w' ? ('witness' as const) : ('server' as const),
        heardMsAgo: null,
        times: {},
        hears: {},
        paths: {},
        echoMsAgo: null,
      })),
      knowledge: { sequence: 9, knowsUntilMsAgo: 95_000 },
      lease: { held: false, remainingMs: 0, because: 'no majority has answered for 2.1 s' },
      log: { reachable: false, leader: null, last: 9 as never, replicas: [{ voter: voterName('s1'), current: false }] },
      notDeciding: 'its log is damaged',
    })
    await expect(out).toMatchFileSnapshot('../../golden/status-no-quorum.txt')
  })

  test('a server without a lease does not claim that its groups run here, whatever the log had', async () => {
    const { log } = settled()
    const out = await statusOf(log, {
      voter: voterName('s1'),
      lease: { held: false, remainingMs: 0, because: 'a majority of voters has not answered lately' },
      log: { reachable: false, leader: null, last: 9 as never, replicas: [] },
    })
    expect(out).toMatch(/nothing is decided, and without a lease this server runs nothing, whatever stands below/)
    expect(out).toMatch(/web {2}online .*\n +as the log had it; without a lease it has been stopped here/)
  })

  test('of a server that was stopped it says by whom, and what lets it return', async () => {
    const { log, epoch } = settled()
    const lease = { held: false, remainingMs: 0, because: 'a majority of voters has not answered lately' }
    log.record({ afterMs: 10, by: 'operator:ada', events: [{ type: 'ServerStopOrdered', data: { server: 's2' } }] })
    expect(await statusOf(log)).toMatch(/\* s2 +up .* stop ordered/)
    const left = { server: 's2', generation: epoch - 1, reason: 'stopped' } as const
    log.record({ afterMs: 10, by: 'server:s2', events: [{ type: 'ServerLeft', data: left }] })
    expect(await statusOf(log, { lease })).toMatch(
      /\* s2 +stopped +no lease: it is stopped .* stopped by order: baton server start s2/,
    )
  })

  test('before the first commit it says what a new cluster waits for, and not that something has to be applied', async () => {
    const out = await statusOf(new HandBuiltLog())
    expect(out).toContain('! nothing of the log is known here yet: the cluster begins when a majority of its voters')
    expect(out).not.toContain('config apply')
  })

  test('of a failed group it says why it was not failed over', async () => {
    await expect(await statusOf(suppressedFailover())).toMatchFileSnapshot('../../golden/status-failed.txt')
  })

  test('where no server has returned it says so, what runs all the same, and what would help', async () => {
    await expect(await statusOf(awaitingReturn())).toMatchFileSnapshot('../../golden/status-awaiting-return.txt')
  })

  test('of monitors it says how far their recovery has gone', async () => {
    await expect(await statusOf(ladder())).toMatchFileSnapshot('../../golden/status-monitors.txt')
  })

  test('a monitor that watched a group there that has left needs no attention: that is its last word', async () => {
    const log = ladder()
    const died = { monitor: 'web.httpd', server: 's1', verdict: 'error', because: 'process 70 has ended' } as const
    const look = { elapsedMs: 1, starved: false }
    log.record({
      afterMs: 10,
      by: 'server:s1',
      events: [{ type: 'MonitorVerdictChanged', data: { ...died, ...look } }],
    })
    const out = await statusOf(log)
    expect(out).toMatch(/^! httpw on s1 reports an error: /m)
    expect(out).toMatch(/^ +web\.httpd {2}on s1 {2}error {2}for .* web has left; process 70 has ended$/m)
  })

  test('a monitor that the configuration has no more needs no attention, and is not shown', async () => {
    const log = ladder()
    expect(await statusOf(log)).toMatch(/httpw on s1 reports an error/)
    const { current, version, source } = log.state().configuration
    assert(current !== null)
    const data = { version: version + 1, configuration: { ...current, monitors: {} }, source, note: 'without httpw' }
    log.record({ afterMs: 10, by: 'operator:ada', events: [{ type: 'ConfigurationApplied', data }] })
    expect(await statusOf(log)).not.toContain('httpw')
  })
})

test('without an agent it shows the last snapshot and says so', async () => {
  agent = await startFakeAgent(plannedMove())
  const { state: directory } = agent
  const state = JSON.stringify(plannedMove().state())
  await agent.stop()
  agent = await startFakeAgent(startRefused())
  const elsewhere = join(agent.state, 'elsewhere')
  expect(await runCli(['status', '--state', directory])).toMatchObject({ code: 4 })
  const write = (text: string, digest: string) =>
    writeFileSync(
      join(agent?.state ?? '', 'snapshot.json'),
      JSON.stringify({ format: 1, cluster: 'demo', digest, state: text }),
    )
  write(state, hash('sha256', state, 'base64url'))
  await runCli(['status', '--state', elsewhere])
  const { state: kept } = agent
  const socket = join(kept, 'run', 'control.sock')
  const { renameSync } = await import('node:fs')
  renameSync(socket, `${socket}.gone`)
  const { code, out } = await runCli(['status', '--state', kept, '--utc'])
  expect(code).toBe(0)
  expect(out).toContain('no agent runs here')
  expect(out).toContain('58 min')
  expect(out).toContain('web  online  on s2')
  const json = JSON.parse((await runCli(['status', '--state', kept, '--json'])).out)
  expect(json).toMatchObject({ from: 'snapshot', state: { position: { sequence: 21 } } })
  write(state.replace('"s2"', '"s3"'), hash('sha256', state, 'base64url'))
  expect(await runCli(['status', '--state', kept])).toMatchObject({ code: 4 })
  renameSync(`${socket}.gone`, socket)
})

test('a watch folds what is longer than the terminal is wide: nothing of what is safe to do is cut off', () => {
  const banner = '\u001b[33m! s1 is down and NOT PROVEN OFF: switch it off by hand, then confirm it\u001b[39m'
  expect(foldTo(banner, 40)).toEqual([
    '\u001b[33m! s1 is down and NOT PROVEN OFF: switch',
    '    it off by hand, then confirm it\u001b[39m',
  ])
  expect(foldTo('  s1  up', 40)).toEqual(['  s1  up'])
  expect(foldTo(`  ${'x'.repeat(50)}`, 40)).toEqual([`  ${'x'.repeat(37)}…`])
})

test('a watch draws over itself on a terminal until it is interrupted', async () => {
  agent = await startFakeAgent(settled().log)
  const interrupted = new AbortController()
  let out = ''
  const print = async (text: string) => {
    out += text
    if (out.split('\u001b[H').length > 2) interrupted.abort()
  }
  const over = { print, signal: interrupted.signal, isTerminal: true, size: () => ({ columns: 60, rows: 8 }) }
  expect((await runCli(['status', '--watch', '--state', agent.state], over)).code).toBe(0)
  const [, first = ''] = out.split('\u001b[H')
  expect(first.split('\n').length).toBeLessThanOrEqual(8)
  for (const line of first.split('\n')) expect(line.replace('\u001b[K', '').length).toBeLessThanOrEqual(60)
  expect(out.endsWith('\u001b[?25h')).toBe(true)
})
