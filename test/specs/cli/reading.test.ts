import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Ran, runCli } from '../../golden/command-line.ts'
import type { HandBuiltLog } from '../../golden/hand-built-log.ts'
import { crash } from '../../golden/scenarios.ts'
import { type FakeAgent, startFakeAgent } from './fake-agent.ts'

let agent: FakeAgent
let log: HandBuiltLog
let directory = ''
let file = ''
beforeEach(async () => {
  log = crash()
  agent = await startFakeAgent(log)
  directory = mkdtempSync(join(tmpdir(), 'baton-reading-'))
  file = join(directory, 'incident.log')
  log.write(file)
})
afterEach(async () => {
  await agent.stop()
  rmSync(directory, { recursive: true })
})

const baton = async (line: string): Promise<Ran> => await runCli(line.split(' '))

/** Every command that reads. */
const readers = [
  'status',
  'why web',
  'alerts',
  'group explain web',
  'log show',
  'log show --from 3 --to 5 -v',
  'log replay',
  'log replay --at 5',
  'log replay --diff 5 16',
  'config show',
  'config show 1',
  'config history',
  'config diff 1',
]

describe.each(readers)('`baton %s`', (line) => {
  test('works on the agent', async () => {
    const { code, out, err } = await baton(`${line} --state ${agent.state}`)
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).not.toBe('')
  })

  test('says on a server that is cut off how old its answer is, beside it', async () => {
    agent.know({ knowledge: { sequence: 16, knowsUntilMsAgo: 95_000 } })
    const { code, out, err } = await baton(`${line} --state ${agent.state} --utc`)
    expect(code).toBe(0)
    expect(`${out}${err}`).toMatch(/as known 1 min 35 s ago/)
    const { out: json } = await baton(`${line} --state ${agent.state} --json`)
    if (!line.startsWith('log show')) JSON.parse(json)
  })

  test('works on an exported log, offline', async () => {
    const { code, out, err } = await baton(`${line} --file ${file} --utc`)
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).not.toBe('')
  })

  test('prints JSON', async () => {
    for (const from of [`--file ${file}`, `--state ${agent.state}`]) {
      const { code, out } = await baton(`${line} ${from} --json`)
      expect(code).toBe(0)
      if (line.startsWith('log show')) for (const one of out.trim().split('\n')) JSON.parse(one)
      else JSON.parse(out)
    }
  })

  test('names a damaged file, its line and its sequence', async () => {
    const lines = readFileSync(file, 'utf8').split('\n')
    writeFileSync(file, lines.with(3, (lines[3] ?? '').replace('server:', 'sarver:')).join('\n'))
    const { code, err } = await baton(`${line} --file ${file}`)
    expect(err).toContain(`${file}, line 4: sequence 3 was changed since`)
    expect(code).toBe(2)
  })
})

test('a file that is packed is to be unpacked first', async () => {
  writeFileSync(file, gzipSync(readFileSync(file)))
  const { code, err } = await baton(`status --file ${file}`)
  expect(err).toMatch(/line 1: not an exported log.*\n .*gunzip/)
  expect(code).toBe(2)
})

test.each(['--group nobody', '--type MirrorBroken', '--from 999'])(
  '`log show %s` says that there is none',
  async (what) => {
    expect(await baton(`log show ${what} --file ${file}`)).toEqual({
      code: 0,
      out: '',
      err: 'no such commit on the log\n',
    })
  },
)

test('a file that is not there is named', async () => {
  expect(await baton('status --file /nonexistent.log')).toMatchObject({
    code: 2,
    err: expect.stringContaining('/nonexistent.log cannot be read'),
  })
})

test('an export can be read again, and is the same from the agent and from a file', async () => {
  const copy = join(directory, 'copy.log')
  const { code, out } = await baton(`log export --state ${agent.state} --out ${copy}`)
  expect({ code, out }).toMatchObject({ code: 0, out: expect.stringMatching(/: 16 commits, sequence 1 to 16; /) })
  expect(readFileSync(copy, 'utf8')).toBe(readFileSync(file, 'utf8'))
  expect((await baton(`log export --file ${file}`)).out).toBe(readFileSync(file, 'utf8'))
  expect(await baton(`log export --file ${file} --out ${copy}`)).toMatchObject({
    code: 2,
    err: expect.stringMatching(/exists already/),
  })
})

test('a part of a log can be exported and shown, but not replayed', async () => {
  const part = join(directory, 'part.log')
  await baton(`log export --file ${file} --from 5 --to 9 --out ${part}`)
  expect((await baton(`log show --file ${part}`)).out.trim().split('\n')).toHaveLength(5)
  expect(await baton(`status --file ${part}`)).toMatchObject({
    code: 2,
    err: expect.stringMatching(/begins at sequence 5/),
  })
})

test('a moment is a sequence, a local time, a UTC time, or a while ago', async () => {
  const stateAt = async (at: string) =>
    JSON.parse((await runCli(['log', 'replay', '--file', file, '--json', `--at=${at}`])).out).position.sequence
  expect(await stateAt('10')).toBe(10)
  // Local time is an hour ahead of UTC here, and it is 04:04:05 UTC.
  expect(await stateAt('2026-01-02 04:04:05')).toBe(1)
  expect(await stateAt('2026-01-02T03:04:05Z')).toBe(1)
  expect(await stateAt('2026-01-02T04:04:07Z')).toBe(10)
  expect(await stateAt('-10m')).toBe(9)
})

test('a moment behind the end of the log is no state', async () => {
  expect(await baton(`log replay --file ${file} --at 99`)).toMatchObject({
    code: 2,
    err: expect.stringMatching(/ends at sequence 16, before 99/),
  })
  expect(await baton(`log replay --file ${file} --at 2020-01-01`)).toMatchObject({
    code: 1,
    err: expect.stringMatching(/no commit until then/),
  })
})

test('a diff says what changed between two moments', async () => {
  const { out } = await baton(`log replay --file ${file} --diff 9 16`)
  expect(out).toContain('from sequence 9 to 16')
  expect(out).toContain('~ servers.byName.s1.status: up → down')
  expect(out).toContain('~ groups.web.ownership.server: s1 → s2')
  expect((await baton(`log replay --file ${file} --diff -2h -1s`)).err).toContain('no commit until then')
  expect((await baton(`log replay --file ${file} --diff -1h -1s`)).out).toContain('from sequence 1 to 9')
  expect((await baton(`log replay --file ${file} --diff 9 9`)).out).toContain('nothing differs')
})

test('an event that nobody knows is no filter', async () => {
  expect(await baton(`log show --file ${file} --type GroupAsigned`)).toMatchObject({ code: 2 })
})

test('filters keep what is about a group, or of a type', async () => {
  const { out } = await baton(`log show --file ${file} --type GroupAssigned`)
  expect(out.match(/^#/gm)).toHaveLength(2)
  expect((await baton(`log show --file ${file} --group db`)).out).toBe('')
  expect((await baton(`log show --file ${file} -n 3`)).out.match(/^#/gm)).toHaveLength(3)
})

test('following shows the latest, then what comes', async () => {
  const interrupted = new AbortController()
  let out = ''
  const print = async (text: string) => {
    out += text
    if (out.includes('was suspended')) interrupted.abort()
    else if (out.includes('web is online on') || out.includes('#16')) {
      log.record({ afterMs: 5, by: 'operator:root', events: [{ type: 'ClusterSuspended', data: {} }] })
      setImmediate(agent.pushNew)
    }
  }
  const { code } = await runCli(['log', 'follow', '-n', '1', '--state', agent.state], {
    print,
    signal: interrupted.signal,
  })
  expect(code).toBe(0)
  expect(out).toMatch(/^#16 .*web is online after 743 ms\n#17 .*the cluster was suspended/)
})

test('alerts can be only the worst', async () => {
  const { out } = await baton(`alerts --file ${file} --severity error --json`)
  expect(JSON.parse(out)).toMatchObject([{ module: 'nm', severity: 'error', sequence: 11 }])
})

test('what the agent cannot read to its end is not taken for all of it: the command says why, and ends with 4', async () => {
  agent.cutShort('the log cannot be read beyond 12: it has not answered for 8 s')
  const { code, out, err } = await baton(`log show --last 2 --state ${agent.state}`)
  expect({ code, out }).toEqual({ code: 4, out: '' })
  expect(err).toContain('baton: the log cannot be read beyond 12: it has not answered for 8 s\n')
  expect(err).toContain('baton status')
})
