import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, expect } from 'vitest'
import { start } from '../../../src/events/commit.ts'
import { voterName } from '../../../src/events/ids.ts'
import { newCommit } from '../../specs/events/event-log-contract.ts'
import { liveTest } from '../lab/live-test.ts'
import { until } from '../lab/until.ts'
import { decide, readWhole } from './decider.ts'
import { openLogLab } from './log-lab.ts'

const execute = promisify(execFile)
const undo: (() => Promise<unknown>)[] = []
afterEach(async () => {
  const steps = undo.splice(0).reverse()
  for (const step of steps) await step()
})

/** A small disk in memory. */
const mountSmallDisk = async (): Promise<{ directory: string; enlarge: () => Promise<unknown> }> => {
  const directory = await mkdtemp(join(tmpdir(), 'baton-full-'))
  await execute('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'none', directory])
  undo.push(async () => {
    await execute('umount', [directory])
    await rm(directory, { recursive: true })
  })
  return { directory, enlarge: () => execute('mount', ['-o', 'remount,size=256m', directory]) }
}

const needs = ['root', 'nats-server'] as const

liveTest(
  'a full disk refuses commits and loses none; with space again the log goes on',
  { needs, timeoutMs: 120_000 },
  async () => {
    const disk = await mountSmallDisk()
    const lab = await openLogLab({ voters: ['v1'], storeOf: () => disk.directory })
    undo.push(lab.close)
    const log = await lab.open('v1')
    let end = start
    let refusal = ''
    for (let i = 0; i < 2000 && refusal === ''; i++) {
      const answer = await log.append(end, newCommit('x'.repeat(20_000)))
      if (answer.result === 'appended') end = answer.position
      else refusal = answer.result
    }
    expect(refusal).toMatch(/^(unknown|unavailable)$/)
    await readWhole(log, end)
    expect((await log.append(end, newCommit())).result).not.toBe('appended')
    await until(() => lab.voter('v1').server.status().state === 'frozen', 20_000, 'the log server to be found frozen')

    await disk.enlarge()
    end = (await until(() => decide(log, end), 60_000, 'the log to go on')).position
    await readWhole(log, end)
  },
)

liveTest(
  'a full disk of one voter costs the log a replica; with space again it has it back',
  { needs, timeoutMs: 120_000 },
  async () => {
    const disk = await mountSmallDisk()
    const lab = await openLogLab({
      voters: ['v1', 'v2', 'v3'],
      storeOf: (name) => (name === 'v1' ? disk.directory : undefined),
    })
    undo.push(lab.close)
    const log = await lab.open('v1')
    const current = () =>
      log
        .status()
        .replicas.filter(({ current }) => current)
        .map(({ voter }) => voter)
    await until(() => current().length === 3, 15_000, 'all replicas to be current')
    let end = start
    await until(
      async () => {
        end = (await decide(log, end, newCommit('x'.repeat(100_000)))).position
        return lab.voter('v1').server.status().state === 'frozen'
      },
      60_000,
      'the log server to be found frozen',
    )
    await until(() => !current().includes(voterName('v1')), 5000, 'the status to say that the replica is not current')
    await disk.enlarge()
    await until(() => current().length === 3, 60_000, 'all replicas to be current again')
    await readWhole(log, end)
  },
)
