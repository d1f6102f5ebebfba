import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { CommandProgress } from '../../../src/agents/control-protocol.ts'
import { takeRole } from '../../../src/agents/voter/voter-process.ts'
import { checkConfiguration } from '../../../src/decisions/check-configuration.ts'
import { realFiles } from '../../../src/world/files.ts'
import { type Ran, runCli } from '../../golden/command-line.ts'
import { source } from '../../golden/hand-built-log.ts'
import { settled } from '../../golden/scenarios.ts'
import { type FakeAgent, startFakeAgent } from './fake-agent.ts'

const done: readonly CommandProgress[] = [{ step: 'done', detail: 'version 2 is in force', elapsedMs: 20 }]

let agent: FakeAgent
let directory = ''
let file = ''
beforeEach(async () => {
  agent = await startFakeAgent(settled().log, () => done)
  directory = mkdtempSync(join(tmpdir(), 'baton-config-'))
  file = join(directory, 'cluster.yaml')
  writeFileSync(file, source)
})
afterEach(async () => {
  await agent.stop()
  rmSync(directory, { recursive: true })
})
const baton = async (...argv: readonly string[]): Promise<Ran> => await runCli([...argv, '--state', agent.state])
const change = (from: string, to: string) => writeFileSync(file, source.replace(from, to))

describe('config check', () => {
  test('needs no cluster', async () => {
    const { code, out } = await runCli(['config', 'check', file])
    expect(code).toBe(0)
    expect(out).toContain('cluster.yaml: in order')
    expect(out).toContain('(2 servers, 2 groups, 1 monitor)')
    expect(JSON.parse((await runCli(['config', 'check', file, '--json'])).out)).toMatchObject({ ok: true })
  })

  test('names every place that is wrong, and ends with 2', async () => {
    change('servers: [s1, s2]', 'servers: [s1, s9]')
    const { code, err } = await runCli(['config', 'check', file])
    expect(code).toBe(2)
    expect(err).toMatch(/cluster\.yaml:\d+:\d+ groups\.web\.servers/)
  })

  test('tells programs, too, what is wrong', async () => {
    change('servers: [s1, s2]', 'servers: [s1, s9]')
    const { code, out } = await runCli(['config', 'check', file, '--json'])
    expect(code).toBe(2)
    expect(JSON.parse(out)).toMatchObject({
      ok: false,
      problems: [{ path: 'groups.web.servers[1]', severity: 'error' }],
      warnings: [],
    })
  })

  test('names a file that cannot be read', async () => {
    expect(await runCli(['config', 'check', '/nonexistent.yaml'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('/nonexistent.yaml cannot be read'),
    })
  })
})

describe('config apply', () => {
  test('says what changes, and does not ask where nothing restarts', async () => {
    change('startup: manual', 'startup: auto')
    const { code, out } = await baton('config', 'apply', file, '--note', 'db starts too')
    expect(code).toBe(0)
    expect(out).toContain('~ groups.db.startup: manual → auto')
    expect(agent.requests).toMatchObject([
      { command: { do: 'apply-configuration', source: readFileSync(file, 'utf8'), note: 'db starts too' } },
    ])
  })

  test('asks where a running group would restart, and names it', async () => {
    change('-DFOREGROUND', '-DFOREGROUND -e warn')
    const refused = await baton('config', 'apply', file)
    expect(refused).toMatchObject({ code: 2, err: expect.stringContaining('interrupts web') })
    expect(refused.out).toContain('These groups would restart:')
    expect(agent.requests).toEqual([])
    expect(await baton('config', 'apply', file, '--yes')).toMatchObject({ code: 0 })
  })

  test('does not ask for a group that does not run', async () => {
    change('exec postgres', 'exec postgres -B 64MB')
    expect(await baton('config', 'apply', file)).toMatchObject({ code: 0 })
  })

  test('refuses what cannot be while the cluster runs', async () => {
    change('cluster: demo', 'cluster: other')
    expect(await baton('config', 'apply', file, '--yes')).toMatchObject({ code: 3 })
    expect(agent.requests).toEqual([])
  })

  test('does not refuse it once the cluster is stopped, where that is what helps', async () => {
    const { log, epoch } = settled()
    writeFileSync(file, `${source}heartbeat: { onQuorumLoss: keep }\n`)
    const { code, err } = await baton('config', 'apply', file)
    expect([code, err]).toEqual([3, expect.stringContaining('baton cluster stop')])
    log.record({ afterMs: 10, by: 'server:s1', events: [{ type: 'ClusterStopping', data: {} }] })
    const stopped = { group: 'web', epoch, durationMs: 10 }
    log.record({ afterMs: 10, by: 'server:s1', events: [{ type: 'GroupStopped', data: stopped }] })
    agent.know({ state: log.state() })
    expect(await baton('config', 'apply', file)).toMatchObject({ code: 0 })
  })

  test('sends the text of its script files with it, comments kept', async () => {
    mkdirSync(join(directory, 'scripts'))
    writeFileSync(join(directory, 'scripts', 'start.sh'), '#!/bin/sh\nexec postgres\n')
    change('{ type: exec, start: exec postgres }', '{ type: exec, start: { file: scripts/start.sh } } # the database')
    expect(await baton('config', 'apply', file, '--yes')).toMatchObject({ code: 0 })
    const [sent] = agent.requests
    if (sent?.command.do !== 'apply-configuration') return expect.fail('nothing was sent')
    expect(sent.command.source).toContain('# the database')
    const checked = checkConfiguration(sent.command.source)
    expect(checked).toMatchObject({
      configuration: { groups: { db: { resources: { pg: { start: '#!/bin/sh\nexec postgres\n' } } } } },
    })
  })
})

test('config diff and rollback find earlier versions on the log', async () => {
  const { log } = settled()
  const checked = checkConfiguration(source.replace('startup: manual', 'startup: auto'))
  if (!checked.ok) return expect.fail('the changed configuration is not in order')
  const data = { version: 2, configuration: checked.configuration, source: 'later', note: 'db too' }
  log.record({ afterMs: 5, by: 'operator:root', events: [{ type: 'ConfigurationApplied', data }] })
  const later = await startFakeAgent(log, () => done)
  const at = ['--state', later.state]
  expect((await runCli(['config', 'diff', '1', '2', ...at])).out).toContain('~ groups.db.startup: manual → auto')
  expect((await runCli(['config', 'diff', file, ...at])).out).toContain('~ groups.db.startup: auto → manual')
  expect((await runCli(['config', 'history', ...at])).out).toMatch(/^1 .* s1 +created\n2 .*root +db too\n$/)
  expect((await runCli(['config', 'show', '1', ...at])).out).toBe(source)
  expect(await runCli(['config', 'show', '3', ...at])).toMatchObject({ code: 2 })
  expect(await runCli(['config', 'rollback', '1', ...at])).toMatchObject({ code: 0 })
  expect(later.requests).toMatchObject([{ command: { do: 'apply-configuration', source, note: 'back to version 1' } }])
  await later.stop()
})

test('config schema prints a JSON schema', async () => {
  expect(JSON.parse((await runCli(['config', 'schema'])).out)).toHaveProperty('properties.groups')
})

describe('cluster create', () => {
  test('writes a kit for every voter, and says what to do next', async () => {
    const out = join(directory, 'kits')
    const ran = await runCli(['cluster', 'create', '--config', file, '--out', out])
    expect(ran.err).toBe('')
    expect(ran.code).toBe(0)
    expect(ran.out).toContain(`scp -rp ${out}/s1 root@s1:/var/lib/baton/kit`)
    expect(ran.out).toContain('ssh root@w systemctl enable --now baton-witness')
    expect(readdirSync(out).toSorted()).toEqual(['authority', 's1', 's2', 'w'])
    for (const secret of ['s1/node.key', 's1/cluster.key', 's1/cluster.yaml', 'authority/ca.key'])
      expect(statSync(join(out, secret)).mode & 0o077).toBe(0)
    expect(readFileSync(join(out, 'w', 'cluster.yaml'), 'utf8')).toBe(source)
    expect(readFileSync(join(out, 's1', 'ca.pem'), 'utf8')).toBe(readFileSync(join(out, 'authority', 'ca.pem'), 'utf8'))
  })

  test('makes kits that start only what they are of', async () => {
    for (const [voter, at] of [['s1', 'a'] as const, ['w', 'b'] as const]) {
      const out = join(directory, at)
      mkdirSync(out)
      await runCli(['cluster', 'create', '--config', file, '--out', join(out, 'kits')])
      renameSync(join(out, 'kits', voter), join(out, 'kit'))
    }
    const check = (at: string, role: 'server' | 'witness') => takeRole({ files: realFiles }, join(directory, at), role)
    await check('a', 'server')
    await check('b', 'witness')
    await expect(check('a', 'witness')).rejects.toThrow('s1 is a server: start it with baton agent')
    await expect(check('b', 'server')).rejects.toThrow('w is a witness: start it with baton witness')
  })

  test('never writes over what is there', async () => {
    expect(await runCli(['cluster', 'create', '--config', file, '--out', directory])).toMatchObject({
      code: 2,
      err: expect.stringContaining('it exists already'),
    })
    expect(readdirSync(directory)).toEqual(['cluster.yaml'])
  })

  test('makes nothing of a configuration that is wrong', async () => {
    change('cluster: demo', 'cluster: "a b"')
    const out = join(directory, 'kits')
    expect(await runCli(['cluster', 'create', '--config', file, '--out', out])).toMatchObject({ code: 2 })
    expect(readdirSync(directory)).toEqual(['cluster.yaml'])
  })
})
