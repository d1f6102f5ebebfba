import { open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { encodeCommit, type Position, start } from '../../../src/events/commit.ts'
import type { EventLog } from '../../../src/events/event-log.ts'
import { hash, voterName } from '../../../src/events/ids.ts'
import { jetstreamLog } from '../../../src/events/jetstream-log.ts'
import { ensureStream } from '../../../src/events/jetstream-stream.ts'
import { appendMany, newCommit, reaches, record } from '../../specs/events/event-log-contract.ts'
import { missing } from '../lab/needs.ts'
import { until } from '../lab/until.ts'
import { decide, publishRaw, readWhole } from './decider.ts'
import { cluster, type LogLab, openLogLab, world } from './log-lab.ts'

const canRun = missing(['nats-server']).length === 0

describe.skipIf(!canRun)('a log that somebody else wrote to', () => {
  let lab: LogLab
  let log: EventLog
  let end: Position = start
  beforeAll(async () => {
    lab = await openLogLab({ voters: ['v1'] })
    log = await lab.open('v1')
    end = await appendMany(log, start, 10)
  })
  afterAll(() => lab.close())

  test('a commit that does not name the one before it is found, and nothing after it is delivered', async () => {
    const live = record(log)
    await reaches(live, end.sequence)
    const commit = newCommit('tampered')
    const connection = await lab.connect('v1')
    await publishRaw(connection, end, { commit, bytes: encodeCommit(commit, hash('of something else')) })
    const broken = { trouble: 'broken-chain', at: end.sequence + 1 }
    await until(() => live.trouble.length > 0, 5000, 'the trouble to be seen by a reader at the end')
    const late = record(log)
    await until(() => late.trouble.length > 0, 5000, 'the trouble to be seen by a reader far behind')
    const after = { ...end, sequence: (end.sequence + 1) as Position['sequence'] }
    await publishRaw(connection, after, { commit: newCommit(), bytes: 'not a commit at all' })
    await until(() => log.status().last === end.sequence + 2, 5000, 'the log to be longer')
    for (const reader of [live, late]) {
      expect(reader.trouble).toEqual([broken])
      expect(reader.commits).toHaveLength(end.sequence)
      reader.stop()
    }
  })

  test('what is no commit is found', async () => {
    const before = { sequence: (end.sequence + 1) as Position['sequence'], hash: hash('whatever') }
    const reader = record(log, before)
    await until(() => reader.trouble.length > 0, 5000, 'the trouble to be seen')
    expect(reader.trouble).toMatchObject([{ trouble: 'unreadable', at: end.sequence + 2 }])
    reader.stop()
  })
})

describe.skipIf(!canRun)('a log that was wiped', () => {
  let lab: LogLab
  beforeAll(async () => {
    lab = await openLogLab({ voters: ['v1'] })
  })
  afterAll(() => lab.close())

  test('is found shorter than what was seen, and repaired when it is back', async () => {
    const log = await lab.open('v1')
    const end = await appendMany(log, start, 10)
    const reader = record(log)
    await reaches(reader, end.sequence)
    const store = join(lab.directory, 'v1', 'log', 'store')
    const { server } = lab.voter('v1')

    await server.stop()
    await rename(store, `${store}.kept`)
    await server.start()
    const connection = await lab.connect('v1')
    const wanted = { cluster, replicas: 1, withinMs: 2000 } as const
    await expect(ensureStream(world, connection, { ...wanted, seen: end.sequence })).rejects.toThrow('it is gone')
    await ensureStream(world, connection, wanted)
    await until(() => reader.trouble.length > 0, 15_000, 'the trouble to be seen')
    expect(reader.trouble).toEqual([{ trouble: 'shorter', last: 0, seen: end.sequence }])

    await server.stop()
    await rm(store, { recursive: true })
    await rename(`${store}.kept`, store)
    await server.start()
    await until(() => reader.repaired === 1, 15_000, 'the repair to be seen')
    const { position } = await decide(log, end)
    await reaches(reader, position.sequence)
  })

  test('a hole is found, and only what is before it is delivered', async () => {
    const connection = await lab.connect('v1')
    const ask = async (subject: string, body: unknown) => {
      const reply = await connection.nats.request(`$JS.API.${subject}`, JSON.stringify(body))
      expect(reply.json()).not.toHaveProperty('error')
    }
    // The log itself does not allow it: this one is made by hand.
    const subjects = ['baton.holed.log.>']
    await ask('STREAM.CREATE.BATON_holed', { name: 'BATON_holed', subjects, storage: 'file', allow_direct: true })
    const log = jetstreamLog(world, connection, { cluster: 'holed' })
    await appendMany(log, start, 6)
    await ask('STREAM.MSG.DELETE.BATON_holed', { seq: 3 })
    const reader = record(log)
    await until(() => reader.trouble.length > 0, 10_000, 'the hole to be seen')
    expect(reader.trouble).toEqual([{ trouble: 'hole', at: 3 }])
    expect(reader.commits.map(({ position }) => position.sequence)).toEqual([1, 2])
    await log.close()
  })
})

describe.skipIf(!canRun)('a replica that was damaged', () => {
  let lab: LogLab
  afterEach(() => lab.close())

  test('is read around: the leader has what it lacks', async () => {
    lab = await openLogLab({ voters: ['v1', 'v2', 'v3'] })
    const log = await lab.open('v1')
    const end = await appendMany(log, start, 300)
    await lab.voter('v1').kill()
    const messages = join(lab.directory, 'v1/log/store/jetstream/BATON/streams', `BATON_${cluster}`, 'msgs')
    for (const name of await readdir(messages)) {
      if (name.endsWith('.blk')) await damage(join(messages, name))
    }
    await lab.voter('v1').server.start()
    const other = await lab.open('v2')
    await until(() => other.status().replicas.every(({ current }) => current), 30_000, 'all replicas to be current')
    await until(
      async () => {
        await other.moveLeader(voterName('v2'))
        return other.status().leader === 'v2'
      },
      20_000,
      'v2 to lead',
    )
    const connection = await lab.connect('v1')
    expect(connection.server()).toBe('v1')
    await readWhole(await lab.open('v1'), end)
  })
})

/** Flips the bits of one byte in the middle. */
const damage = async (path: string): Promise<void> => {
  await using file = await open(path, 'r+')
  const { size } = await file.stat()
  const byte = Buffer.alloc(1)
  await file.read(byte, 0, 1, Math.floor(size / 2))
  byte.writeUInt8(byte.readUInt8(0) ^ 0xff, 0)
  await file.write(byte, 0, 1, Math.floor(size / 2))
}
