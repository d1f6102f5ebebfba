import { chmod, stat, writeFile } from 'node:fs/promises'
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import { createUser } from '@nats-io/nkeys'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { kitFiles, readVoterKit } from '../../../src/agents/voter/voter-kit.ts'
import { createAuthority, createNodeCertificate } from '../../../src/cli/create/certificates.ts'
import { type Position, start } from '../../../src/events/commit.ts'
import type { EventLog } from '../../../src/events/event-log.ts'
import { voterName } from '../../../src/events/ids.ts'
import { beatChannel } from '../../../src/events/jetstream-beats.ts'
import { connectLog, type LogCredentials, LogUnreachable } from '../../../src/events/jetstream-connection.ts'
import { jetstreamLog } from '../../../src/events/jetstream-log.ts'
import { appendMany, newCommit, reaches, record } from '../../specs/events/event-log-contract.ts'
import { missing } from '../lab/needs.ts'
import { until } from '../lab/until.ts'
import { cluster, type LogLab, openLogLab, world } from './log-lab.ts'

describe.skipIf(missing(['nats-server']).length > 0)('who may use a log', () => {
  let lab: LogLab
  let log: EventLog
  let end: Position
  beforeAll(async () => {
    lab = await openLogLab({ voters: ['v1', 'v2', 'v3'] })
    log = await lab.open('v1')
    end = await appendMany(log, start, 5)
  })
  afterAll(() => lab.close())

  const own = (): LogCredentials => {
    const { ca, certificate, key, nkeys } = lab.voter('v1').kit
    return { ca, certificate, key, seed: nkeys.agent.seed }
  }
  const enter = (credentials: LogCredentials | null) => {
    const port = lab.voter('v1').kit.own.ports.log
    return connectLog(world, { name: 'intruder', servers: [`127.0.0.1:${port}`], credentials, withinMs: 1500 })
  }

  test('the agent of a voter', async () => {
    await (await enter(own())).close()
  })

  test('nobody without a certificate and a key', async () => {
    await expect(enter(null)).rejects.toThrow(LogUnreachable)
  })

  test('nobody with the certificate of another cluster', async () => {
    const authority = await createAuthority('another')
    const foreign = await createNodeCertificate(authority, { name: 'v1', addresses: ['127.0.0.1'] })
    await expect(enter({ ...own(), ...foreign })).rejects.toThrow(LogUnreachable)
    // And nobody is taken in by a log server of another cluster.
    await expect(enter({ ...own(), ca: authority.certificate })).rejects.toThrow(LogUnreachable)
  })

  test('nobody with a key that is not the cluster’s', async () => {
    const seed = new TextDecoder().decode(createUser().getSeed())
    await expect(enter({ ...own(), seed })).rejects.toThrow(LogUnreachable)
  })

  test('a reader reads, and neither writes, beats nor makes anything', async () => {
    const connection = await lab.connect('v1', lab.keys.nkeys.reader.seed)
    const reading = jetstreamLog(world, connection, { cluster })
    const reader = record(reading)
    await reaches(reader, end.sequence)
    expect(await reading.append(end, newCommit())).toMatchObject({ result: 'unavailable' })
    await reading.moveLeader(voterName('v2'))
    const heard: string[] = []
    const agent = await lab.connect('v2')
    beatChannel(agent, { cluster, voter: voterName('v2') }).subscribe((_, from) => void heard.push(from))
    await agent.nats.flush()
    beatChannel(connection, { cluster, voter: voterName('v1') }).publish(new Uint8Array(8))
    await connection.nats.flush()
    beatChannel(await lab.connect('v3'), { cluster, voter: voterName('v3') }).publish(new Uint8Array(8))
    await until(() => heard.length > 0, 5000, 'the beat of an agent')
    expect(heard).toEqual(['v3'])
    end = await appendMany(log, end, 3)
    await reaches(reader, end.sequence)
    await reading.close()
  })

  test('no log server without a certificate of the cluster', async () => {
    const socket = connectTcp(lab.voter('v1').kit.own.ports.route, '127.0.0.1')
    const ended = new Promise<string>((resolve) => {
      let text = ''
      socket.on('data', (bytes) => {
        text += bytes.toString('latin1')
      })
      socket.once('close', () => resolve(text))
      socket.on('error', () => {})
    })
    socket.write('CONNECT {"verbose":false,"pedantic":false,"name":"x","cluster":"lab"}\r\nPING\r\n')
    expect(await ended).not.toContain('PONG')
  })

  test('the record can be neither deleted nor purged, not even by an agent', async () => {
    const connection = await lab.connect('v1')
    const ask = async (subject: string, body: object) =>
      (await connection.nats.request(`$JS.API.STREAM.${subject}.BATON_${cluster}`, JSON.stringify(body))).json()
    expect(await ask('MSG.DELETE', { seq: 1 })).toMatchObject({ error: { err_code: 10057 } })
    expect(await ask('PURGE', {})).toMatchObject({ error: { err_code: 10110 } })
  })
})

describe.skipIf(missing(['nats-server']).length > 0)('a kit', () => {
  let lab: LogLab
  beforeAll(async () => {
    lab = await openLogLab({ voters: ['v1'] })
  })
  afterAll(() => lab.close())

  test('is readable by its owner alone', async () => {
    const { directory } = lab.voter('v1').kit
    expect((await stat(directory)).mode & 0o777).toBe(0o700)
    for (const file of Object.values(kitFiles)) expect((await stat(join(directory, file))).mode & 0o777).toBe(0o600)
  })

  test.each([
    [kitFiles.identity, '{}', /identity\.json is damaged/],
    [kitFiles.identity, 'no', /identity\.json is not JSON/],
    [kitFiles.nkeys, '{"agent":{}}', /nkeys\.json is damaged/],
    [kitFiles.key, '', /node\.key holds no private key/],
    [kitFiles.clusterKey, 'short', /cluster\.key is not a key of 32 bytes/],
  ])('whose %s says %j is refused', async (file, content, message) => {
    const { directory } = lab.voter('v1').kit
    const path = join(directory, file)
    const before = (await world.files.read(path)) ?? ''
    await writeFile(path, content)
    await expect(readVoterKit(world.files, directory)).rejects.toThrow(message)
    await writeFile(path, before)
    await chmod(path, 0o600)
    expect((await readVoterKit(world.files, directory)).own.name).toBe('v1')
  })
})
