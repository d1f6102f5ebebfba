/** What every event log must do, whatever it is made of. */
import { expect, test } from 'vitest'
import { type Commit, type Position, type Recorded, start } from '../../../src/events/commit.ts'
import type { AppendResult, EventLog, LogTrouble } from '../../../src/events/event-log.ts'
import { commitId, groupName, operationId, sequence, wallTime } from '../../../src/events/ids.ts'
import { until } from '../../live/lab/until.ts'

let commits = 0
/** A commit unlike all others. */
export const newCommit = (text = ''): Commit => {
  commits += 1
  return {
    id: commitId(`commit-${process.pid}-${commits}-${Math.floor(performance.timeOrigin)}`),
    by: 'operator:root',
    at: wallTime(1_700_000_000_000),
    causedBy: null,
    because: { operation: operationId('op'), group: groupName('web'), text },
    events: [{ type: 'ClusterCreated', data: { cluster: 'lab' } }],
  }
}

export type Recording = {
  readonly commits: Recorded[]
  readonly trouble: LogTrouble[]
  repaired: number
  readonly stop: () => void
}

/** Follows a log and keeps what it is told. */
export const record = (log: EventLog, after: Position = start): Recording => {
  const recording = { commits: [] as Recorded[], trouble: [] as LogTrouble[], repaired: 0, stop: () => {} }
  const { stop } = log.follow(after, {
    commits: (recorded) => void recording.commits.push(...recorded),
    trouble: (trouble) => void recording.trouble.push(trouble),
    repaired: () => {
      recording.repaired += 1
    },
  })
  recording.stop = stop
  return recording
}

export const appended = (result: AppendResult): Position => {
  if (result.result !== 'appended') throw new Error(`not appended: ${JSON.stringify(result)}`)
  return result.position
}

/** Appends `count` commits one after another. */
export const appendMany = async (log: EventLog, after: Position, count: number): Promise<Position> => {
  let position = after
  for (let i = 0; i < count; i++) position = appended(await log.append(position, newCommit(`${i}`)))
  return position
}

export const reaches = (recording: Recording, last: number, withinMs = 5000) =>
  until(
    () => recording.commits.at(-1)?.position.sequence === last || (last === 0 && recording.commits.length === 0),
    withinMs,
    `commit ${last} to be read (${recording.commits.length} were, ${JSON.stringify(recording.trouble)})`,
  )

/** The commits are consecutive from `first` on and each names the hash of the one before. */
export const expectChained = (commits: readonly Recorded[], before: Position = start): void => {
  let previous = before
  for (const { position, previous: hash } of commits) {
    if (position.sequence !== previous.sequence + 1 || hash !== previous.hash)
      throw new Error(`commit ${position.sequence} does not follow commit ${previous.sequence}`)
    previous = position
  }
}

/** @param open An empty log for each test. */
export const eventLogContract = (open: () => Promise<EventLog>): void => {
  followContract(open)
  appendContract(open)
}

const followContract = (open: () => Promise<EventLog>): void => {
  test('what was appended is read back as it was, chained, by those who follow already', async () => {
    const log = await open()
    const recording = record(log)
    const written = [newCommit('a'), newCommit('ü€😀'), newCommit('c')]
    let position = start
    for (const commit of written) position = appended(await log.append(position, commit))
    await reaches(recording, 3)
    expect(recording.commits.map(({ commit }) => commit)).toEqual(written)
    expect(recording.commits.at(-1)?.position).toEqual(position)
    expectChained(recording.commits)
    recording.stop()
  })

  test('who follows later, from the start or from the middle, is given the rest once each', async () => {
    const log = await open()
    const middle = await appendMany(log, start, 5)
    const last = await appendMany(log, middle, 5)
    const whole = record(log)
    const rest = record(log, middle)
    await reaches(whole, 10)
    await reaches(rest, 10)
    const end = await appendMany(log, last, 3)
    await reaches(whole, end.sequence)
    await reaches(rest, end.sequence)
    expect(whole.commits.map(({ position }) => position.sequence)).toEqual(Array.from({ length: 13 }, (_, i) => i + 1))
    expect(rest.commits).toEqual(whole.commits.slice(5))
    expectChained(rest.commits, middle)
  })

  test('a reader that has stopped is told nothing more', async () => {
    const log = await open()
    const stopped = record(log)
    const going = record(log)
    const before = await appendMany(log, start, 2)
    await reaches(stopped, 2)
    stopped.stop()
    await appendMany(log, before, 2)
    await reaches(going, 4)
    expect(stopped.commits).toHaveLength(2)
  })
}

const appendContract = (open: () => Promise<EventLog>): void => {
  test('of two who append after the same commit only one succeeds', async () => {
    const log = await open()
    const before = await appendMany(log, start, 1)
    const results = await Promise.all([log.append(before, newCommit()), log.append(before, newCommit())])
    expect(results.map(({ result }) => result).sort()).toEqual(['appended', 'conflict'])
    const recording = record(log)
    await reaches(recording, 2)
  })

  test('an append after a commit that is not there yet is a conflict', async () => {
    const log = await open()
    const before = await appendMany(log, start, 1)
    const ahead = { ...before, sequence: sequence(before.sequence + 3) }
    expect(await log.append(ahead, newCommit())).toEqual({ result: 'conflict' })
    expect((await appendMany(log, before, 1)).sequence).toBe(2)
  })

  test('a repeated append stores its commit once', async () => {
    const log = await open()
    const before = await appendMany(log, start, 1)
    const commit = newCommit()
    const position = appended(await log.append(before, commit))
    const again = await log.append(before, commit)
    // Either is true: it is there already, and somebody was there first.
    if (again.result === 'appended') expect(again.position).toEqual(position)
    else expect(again.result).toBe('conflict')
    const recording = record(log)
    await reaches(recording, (await appendMany(log, position, 1)).sequence)
    expect(recording.commits.filter(({ commit: { id } }) => id === commit.id)).toHaveLength(1)
  })
}
