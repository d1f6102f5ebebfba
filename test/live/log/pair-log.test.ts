/** The log of a pair on two real log servers: the same contract, and what is special about two. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type LogSide, logSide } from '../../../src/agents/pair/log-side.ts'
import { pairLog } from '../../../src/agents/pair/pair-log.ts'
import { encodeCommit, type Position, start } from '../../../src/events/commit.ts'
import type { EventLog } from '../../../src/events/event-log.ts'
import { generationOf, sequence, serverName, voterName } from '../../../src/events/ids.ts'
import { connectLog } from '../../../src/events/jetstream-connection.ts'
import { ensureStream } from '../../../src/events/jetstream-stream.ts'
import { sidesOf } from '../../../src/projections/log-sides.ts'
import {
  appended,
  appendMany,
  eventLogContract,
  expectChained,
  newCommit,
  reaches,
  record,
} from '../../specs/events/event-log-contract.ts'
import { missing } from '../lab/needs.ts'
import { until } from '../lab/until.ts'
import { type LogLab, openLogLab, world } from './log-lab.ts'

const lacks = missing(['nats-server'])
const names = ['s1', 's2'] as const
type Name = (typeof names)[number]
const members = names.map((name) => voterName(name))

describe.skipIf(lacks.length > 0)(`the log of a pair on two log servers ${lacks.join('; ')}`, () => {
  let lab: LogLab
  const logs: EventLog[] = []
  beforeAll(async () => {
    lab = await openLogLab({ voters: names, isPair: true })
  })
  afterAll(async () => {
    for (const log of logs) await log.close()
    await lab.close()
  })

  let opened = 0
  /** A new log, as each of the two agents has it. */
  const openBoth = async () => {
    opened += 1
    const cluster = `pair${opened}`
    const sideOf = async (name: Name): Promise<LogSide> => {
      const { kit } = lab.voter(name)
      const connection = await connectLog(world, {
        name: 'test',
        servers: [`127.0.0.1:${kit.own.ports.log}`],
        credentials: { ca: kit.ca, certificate: kit.certificate, key: kit.key, seed: kit.nkeys.agent.seed },
        withinMs: 15_000,
      })
      await ensureStream(world, connection, { cluster, replicas: 1, withinMs: 15_000 })
      const side = logSide(world, connection, { cluster, voter: voterName(name) })
      const close = async () => {
        await side.close()
        await connection.close()
      }
      return { ...side, close }
    }
    const open = async (me: Name) => {
      const log = pairLog(world, {
        me: voterName(me),
        members,
        own: await sideOf(me),
        peer: await sideOf(me === 's1' ? 's2' : 's1'),
        from: { position: start, sides: sidesOf(members) },
      })
      logs.push(log)
      return log
    }
    return { s1: await open('s1'), s2: await open('s2'), at: { s1: await sideOf('s1'), s2: await sideOf('s2') } }
  }

  describe('as seen by its first server', () => eventLogContract(async () => (await openBoth()).s1))
  describe('as seen by its second server', () => eventLogContract(async () => (await openBoth()).s2))

  test('its status names both copies', async () => {
    const { s1 } = await openBoth()
    await appendMany(s1, start, 3)
    const status = await until(() => s1.status().reachable && s1.status(), 5000, 'the status')
    expect(status).toMatchObject({ last: 3, leader: 's1' })
    expect(status.replicas).toEqual(members.map((voter) => ({ voter, current: true })))
  })

  test('an append takes a round trip to each', async ({ annotate }) => {
    const { s1 } = await openBoth()
    let position = await appendMany(s1, start, 20)
    const took: number[] = []
    for (let count = 0; count < 200; count += 1) {
      const began = performance.now()
      position = appended(await s1.append(position, newCommit('x'.repeat(400))))
      took.push(performance.now() - began)
    }
    took.sort((a, b) => a - b)
    await annotate(`p50 ${took[100]?.toFixed(2)} ms, p99 ${took[198]?.toFixed(2)} ms`)
  })

  test('both append at once without losing anything, and both copies are the same', async () => {
    const { s1, s2, at } = await openBoth()
    const write = async (log: typeof s1, count: number) => {
      const recording = record(log)
      for (let done = 0; done < count; ) {
        const after = recording.commits.at(-1)?.position ?? start
        const answer = await log.append(after, newCommit())
        if (answer.result === 'appended') {
          done += 1
          await reaches(recording, answer.position.sequence).catch(() => {})
          // The other one was first; where nothing came, it is simply tried again.
        } else await reaches(recording, after.sequence + 1).catch(() => {})
      }
      return recording
    }
    const [one, other] = await Promise.all([write(s1, 50), write(s2, 50)])
    await Promise.all([reaches(one, 100), reaches(other, 100)])
    expect(one.commits).toEqual(other.commits)
    expectChained(one.commits)
    expect(await at.s1.read(sequence(1), 200)).toEqual(await at.s2.read(sequence(1), 200))
  })

  test('of many commits on their way at once, none is stored behind one that failed', async () => {
    const { at } = await openBoth()
    const message = (previous: Position, text: string) => {
      const commit = newCommit(text)
      const bytes = encodeCommit(commit, previous.hash)
      const next = { sequence: sequence(previous.sequence + 1), hash: world.digest(bytes) }
      return { commit, bytes, next }
    }
    const first = message(start, 'first')
    const other = message(first.next, 'another was there first')
    const second = message(first.next, 'second')
    const third = message(second.next, 'third')
    appended(await at.s1.put(start, first))
    appended(await at.s1.put(first.next, other, first.commit.id))
    const results = await Promise.all([
      at.s1.put(first.next, second, first.commit.id),
      at.s1.put(second.next, third, second.commit.id),
    ])
    expect(results).toEqual([{ result: 'conflict' }, { result: 'conflict' }])
    expect(await at.s1.end()).toBe(2)
  })

  test('one of them killed: nothing is taken until the rules let the other go on, and then at once', async ({
    annotate,
  }) => {
    const { s2 } = await openBoth()
    const recording = record(s2)
    const before = await appendMany(s2, start, 5)
    await reaches(recording, 5)
    await lab.voter('s1').kill()
    expect((await s2.append(before, newCommit())).result).not.toBe('appended')
    const allowedAt = performance.now()
    s2.judge(true)
    const data = { server: serverName('s1'), generation: generationOf(sequence(1)), supports: [] }
    const alone = appended(await s2.append(before, { ...newCommit(), events: [{ type: 'ServerDeclaredDown', data }] }))
    const next = appended(await s2.append(alone, newCommit()))
    const tookMs = performance.now() - allowedAt
    await annotate(`decisions were possible again after ${tookMs.toFixed(1)} ms`)
    expect(tookMs).toBeLessThan(300)
    await reaches(recording, next.sequence)
    expectChained(recording.commits)
    await lab.voter('s1').server.start()
  })
})
