import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { start } from '../../../src/events/commit.ts'
import type { EventLog } from '../../../src/events/event-log.ts'
import { voterName } from '../../../src/events/ids.ts'
import { beatChannel } from '../../../src/events/jetstream-beats.ts'
import { jetstreamLog } from '../../../src/events/jetstream-log.ts'
import { ensureStream, type Replicas } from '../../../src/events/jetstream-stream.ts'
import {
  appendMany,
  eventLogContract,
  expectChained,
  newCommit,
  reaches,
  record,
} from '../../specs/events/event-log-contract.ts'
import { missing } from '../lab/needs.ts'
import { until } from '../lab/until.ts'
import { cluster, type LogLab, openLogLab, world } from './log-lab.ts'

const lacks = missing(['nats-server'])
const kinds = [
  { kind: 'of one voter', voters: ['v1'], replicas: 1 },
  { kind: 'of three voters', voters: ['v1', 'v2', 'v3'], replicas: 3 },
] as const satisfies { kind: string; voters: [string, ...string[]]; replicas: Replicas }[]

describe.skipIf(lacks.length > 0).each(kinds)(
  `a log on JetStream $kind ${lacks.join('; ')}`,
  ({ voters, replicas }) => {
    let lab: LogLab
    const logs: EventLog[] = []
    beforeAll(async () => {
      lab = await openLogLab({ voters })
    })
    afterAll(async () => {
      for (const log of logs) await log.close()
      await lab.close()
    })

    let opened = 0
    /** A new log on the same log servers, whose clients' keys are not limited to one cluster's name. */
    const openNew = async () => {
      opened += 1
      const name = `${cluster}${opened}`
      const connection = await lab.connect('v1')
      await ensureStream(world, connection, { cluster: name, replicas, withinMs: 30_000 })
      const log = jetstreamLog(world, connection, { cluster: name })
      logs.push(log)
      return log
    }
    eventLogContract(openNew)

    test('its status names its end, its leader and its replicas', async () => {
      const log = await openNew()
      await appendMany(log, start, 3)
      const status = await until(() => log.status().reachable && log.status(), 5000, 'the status')
      expect(status.last).toBe(3)
      expect(voters).toContain(status.leader)
      expect(status.replicas.map(({ voter }) => voter).sort()).toEqual([...voters])
    })

    test('making it again changes nothing', async () => {
      const log = await lab.open('v1')
      const last = await appendMany(log, start, 1)
      const again = await lab.open(voters.at(-1) ?? 'v1')
      const recording = record(again)
      await reaches(recording, last.sequence)
    })

    test('commits of any allowed size are read, many at once; larger ones are refused', async () => {
      const log = await openNew()
      let position = start
      for (let i = 0; i < 40; i++) {
        const result = await log.append(position, newCommit('x'.repeat(i % 2 ? 250_000 : 10)))
        if (result.result === 'appended') position = result.position
      }
      expect(position.sequence).toBe(40)
      expect(await log.append(position, newCommit('x'.repeat(262_144)))).toMatchObject({ result: 'unavailable' })
      const recording = record(log)
      await reaches(recording, 40)
      expectChained(recording.commits)
    })

    test('beats go to all others and not to their sender', async () => {
      const connections = await Promise.all(voters.map((name) => lab.connect(name)))
      const heard: string[] = []
      const channels = connections.map((connection, i) => {
        const channel = beatChannel(connection, { cluster, voter: voterName(voters[i] ?? '') })
        channel.subscribe((bytes, from) => void heard.push(`${voters[i]} ${from} ${new TextDecoder().decode(bytes)}`))
        return channel
      })
      for (const { nats } of connections) await nats.flush()
      const expected = voters.flatMap((to) => voters.filter((from) => from !== to).map((from) => `${to} ${from} hello`))
      await until(
        () => {
          heard.length = 0
          for (const { publish } of channels) publish(new TextEncoder().encode('hello'))
          return Promise.all(connections.map(({ nats }) => nats.flush())).then(() =>
            expected.every((line) => heard.includes(line)),
          )
        },
        5000,
        'all beats',
      )
      expect([...new Set(heard)].sort()).toEqual(expected.sort())
    })
  },
)
