import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Position, start } from '../../../src/events/commit.ts'
import type { EventLog } from '../../../src/events/event-log.ts'
import { voterName } from '../../../src/events/ids.ts'
import { appendMany, newCommit, reaches, record } from '../../specs/events/event-log-contract.ts'
import { missing } from '../lab/needs.ts'
import { now, until } from '../lab/until.ts'
import { decide, electionMs, fill, readWhole } from './decider.ts'
import { type LabVoter, type LogLab, openLogLab, world } from './log-lab.ts'

describe.skipIf(missing(['nats-server']).length > 0)('a log of three voters', () => {
  let lab: LogLab
  let logs: ReadonlyMap<string, EventLog>
  /** Where the log ends, as far as this test knows. */
  let end: Position = start
  beforeAll(async () => {
    lab = await openLogLab({ voters: ['v1', 'v2', 'v3'] })
    logs = new Map([
      ['v1', await lab.open('v1')],
      ['v2', await lab.open('v2')],
      ['v3', await lab.open('v3')],
    ])
  })
  afterEach(async () => {
    for (const voter of lab.voters) {
      voter.resume()
      await voter.server.start()
    }
    const current = () =>
      log('v1').status().reachable &&
      log('v1')
        .status()
        .replicas.filter((r) => r.current)
    await until(() => current() && (current() || []).length === 3, 30_000, 'all replicas to be current')
    end = (await decide(log('v1'), end)).position
  })
  afterAll(() => lab.close())

  const log = (name: string): EventLog => {
    const found = logs.get(name)
    if (!found) throw new Error(`no log of ${name}`)
    return found
  }

  /** Asked again and again: a voter that has just come back is not chosen at once. */
  const lead = async (name: string): Promise<LabVoter> => {
    const leads = () => log('v1').status().leader === name
    await until(
      async () => {
        if (leads()) return true
        await log('v1').moveLeader(voterName(name))
        return until(leads, 2500, 'the new leader')
      },
      30_000,
      `${name} to lead`,
    )
    return lab.voter(name)
  }

  test.each(['v1', 'v2', 'v3'])('goes on when %s leads and is killed', async (name) => {
    const leader = await lead(name)
    const before = end
    const readers = lab.voters.map((voter) => record(log(voter.name), before))
    end = await appendMany(log('v1'), end, 20)
    await leader.kill()
    const decided = await decide(log('v2'), end)
    console.log(`leader ${name} killed: no appends for ${Math.round(decided.tookMs)} ms (${decided.answers})`)
    end = decided.position
    for (const reader of readers) {
      await reaches(reader, end.sequence, electionMs)
      expect(reader.trouble).toEqual([])
      expect(reader.commits).toHaveLength(21)
      reader.stop()
    }
    await readWhole(log(name), end)
  })

  test('hardly notices when a voter is killed that does not lead', async () => {
    await lead('v3')
    await lab.voter('v1').kill()
    const decided = await decide(log('v2'), end)
    console.log(`follower killed: no appends for ${Math.round(decided.tookMs)} ms`)
    expect(decided.tookMs).toBeLessThan(2500)
    // Its own agent finds another log server.
    end = (await decide(log('v1'), decided.position)).position
  })

  test('is reached through another voter while the own log server hangs but accepts connections', async () => {
    const connection = await lab.connect('v1')
    await until(() => connection.isConnected() && connection.server() === 'v1', 30_000, 'to be connected at home')
    const from = now()
    lab.voter('v1').pause()
    await until(
      () => connection.isConnected() && connection.server() !== 'v1',
      30_000,
      'another log server to be found',
    )
    console.log(`own log server hangs: another one is found after ${Math.round(now() - from)} ms`)
    lab.voter('v1').resume()
    await until(() => connection.isConnected() && connection.server() === 'v1', 30_000, 'to come home')
  })

  test('is all there after all voters were killed at once', async () => {
    end = await appendMany(log('v1'), end, 10)
    await Promise.all(lab.voters.map(({ kill }) => kill()))
    expect((await log('v1').append(end, newCommit())).result).not.toBe('appended')
    const from = now()
    for (const { server } of lab.voters) await server.start()
    end = (await decide(log('v1'), end)).position
    console.log(`all killed and started: no appends for ${Math.round(now() - from)} ms`)
    await readWhole(log('v2'), end)
  })

  test('an append whose reply is lost is unknown, and found out by repeating it', async () => {
    const leader = await lead('v2')
    const reader = record(log('v1'), end)
    leader.pause()
    const commit = newCommit()
    expect((await log('v1').append(end, commit)).result).toBe('unknown')
    const decided = await decide(log('v3'), end, commit)
    leader.resume()
    await reaches(reader, decided.position.sequence)
    expect(reader.commits.map(({ commit: { id } }) => id)).toEqual([commit.id])
    end = decided.position
    reader.stop()
  })

  test('without its quorum it can be read, not written', async () => {
    end = await appendMany(log('v1'), end, 5)
    await readWhole(log('v1'), end)
    await lab.voter('v2').kill()
    await lab.voter('v3').kill()
    await readWhole(log('v1'), end)
    expect(['unavailable', 'unknown']).toContain((await log('v1').append(end, newCommit())).result)
    await until(() => !log('v1').status().reachable, 10_000, 'the status to say so')
  })

  test('a log server is adopted by the next agent, and restarted when it dies', async () => {
    const voter = lab.voter('v1')
    const running = voter.process()
    voter.server.release()
    await voter.server.start()
    expect(voter.server.status()).toEqual({ state: 'running', process: running, adopted: true })
    world.processes.signal(running, 'SIGKILL')
    const restarted = () => voter.server.status().state === 'running' && voter.process().pid !== running.pid
    await until(restarted, 5000, 'a restart')
  })

  test('a reader far behind reads on while voters die', { timeout: 240_000 }, async () => {
    end = await fill(log('v1'), await lab.connect('v1'), end, 100_000)
    for (const name of ['v1', 'v2', 'v3']) {
      const from = now()
      const reader = record(log(name))
      await until(() => reader.commits.length > 10_000, electionMs, 'a part to be read')
      await lab.voter(name).kill()
      await until(() => reader.commits.at(-1)?.position.sequence === end.sequence, 60_000, 'the rest')
      console.log(`${reader.commits.length} commits read in ${Math.round(now() - from)} ms, ${name} killed meanwhile`)
      expect(reader.commits).toHaveLength(end.sequence)
      expect(reader.trouble).toEqual([])
      reader.stop()
      await lab.voter(name).server.start()
    }
  })
})
