/** The log of a pair: on both copies, or on one alone; never on one by accident. */
import { describe, expect, test } from 'vitest'
import { pairLog } from '../../../src/agents/pair/pair-log.ts'
import { type Commit, generationOf, sequence, serverName, start, voterName } from '../../../src/events/index.ts'
import { sidesOf } from '../../../src/projections/log-sides.ts'
import { realWorld } from '../../../src/world/real.ts'
import {
  appended,
  appendMany,
  eventLogContract,
  expectChained,
  newCommit,
  reaches,
  record,
} from '../events/event-log-contract.ts'
import { MemoryCopy, memorySide, type Way } from './memory-side.ts'

const world = realWorld()
const [s1, s2] = [voterName('s1'), voterName('s2')]
const members = [s1, s2]

const declaredDown = (server: string): Commit => ({
  ...newCommit(),
  events: [
    {
      type: 'ServerDeclaredDown',
      data: { server: serverName(server), generation: generationOf(sequence(1)), supports: [] },
    },
  ],
})
const copyJoined = (server: string): Commit => ({
  ...newCommit(),
  events: [{ type: 'LogCopyJoined', data: { server: serverName(server) } }],
})

/** Two copies, and the log as each of the two agents has it. */
const pair = () => {
  const copies = { s1: new MemoryCopy(s1), s2: new MemoryCopy(s2) }
  let isCut = false
  const between: Way = { isOpen: () => !isCut, fate: () => 'goes' }
  const openOn = (me: 's1' | 's2') => {
    const other = me === 's1' ? 's2' : 's1'
    return pairLog(world, {
      me: voterName(me),
      members,
      own: memorySide(copies[me]),
      peer: memorySide(copies[other], between),
      from: { position: start, sides: sidesOf(members) },
    })
  }
  return {
    copies,
    s1: openOn('s1'),
    s2: openOn('s2'),
    openOn,
    cut: (cut: boolean) => {
      isCut = cut
      for (const copy of Object.values(copies)) copy.tell()
    },
  }
}

describe('the log of a pair as seen by its first server', () => eventLogContract(async () => pair().s1))
describe('the log of a pair as seen by its second server', () => eventLogContract(async () => pair().s2))

describe('a commit', () => {
  test('is acknowledged once both copies have it, the same in every byte', async () => {
    const { s1: log, copies } = pair()
    await appendMany(log, start, 3)
    expect(copies.s1.bytes).toHaveLength(3)
    expect(copies.s2.bytes).toEqual(copies.s1.bytes)
  })

  test('that only the head has is not read by anybody, and is finished by the next who appends', async () => {
    const both = pair()
    const recording = record(both.s1)
    const recordingToo = record(both.s2)
    const first = await appendMany(both.s1, start, 1)
    await reaches(recording, 1)
    both.cut(true)
    expect((await both.s1.append(first, newCommit())).result).toBe('unknown')
    expect(both.copies.s1.bytes).toHaveLength(2)
    both.cut(false)
    await reaches(recordingToo, 1)
    expect(recording.commits).toHaveLength(1)
    expect(await both.s2.append(first, newCommit())).toEqual({ result: 'conflict' })
    await reaches(recording, 2)
    await reaches(recordingToo, 2)
    expect(both.copies.s2.bytes).toEqual(both.copies.s1.bytes)
  })

  test('is not taken by one server alone, however long the other is away', async () => {
    const both = pair()
    both.cut(true)
    for (const log of [both.s1, both.s2]) expect((await log.append(start, newCommit())).result).not.toBe('appended')
  })
})

describe('going on alone', () => {
  for (const [survivor, lost] of [
    ['s1', 's2'],
    ['s2', 's1'],
  ] as const) {
    test(`${survivor} does when the rules let it, by the commit that declares ${lost} down and by nothing else`, async () => {
      const both = pair()
      const log = both[survivor]
      const recording = record(log)
      const before = await appendMany(log, start, 2)
      both.cut(true)
      expect((await log.append(before, declaredDown(lost))).result).not.toBe('appended')
      log.judge(true)
      expect((await log.append(before, newCommit())).result).toBe('abandoned')
      const at = both.copies[survivor].bytes.length === 2 ? before : null
      if (at === null) await reaches(recording, 3)
      const end = recording.commits.at(-1)?.position ?? before
      const alone = appended(await log.append(end, declaredDown(lost)))
      log.judge(false)
      await appendMany(log, alone, 3)
      await reaches(recording, alone.sequence + 3)
      expectChained(recording.commits)
    })
  }

  test('an append that waits for the other server does not keep the log from going on', async () => {
    const copies = { s1: new MemoryCopy(s1), s2: new MemoryCopy(s2) }
    const deaf = { ...memorySide(copies.s1), put: () => new Promise<never>(() => {}) }
    const log = pairLog(world, {
      me: s2,
      members,
      own: memorySide(copies.s2),
      peer: deaf,
      from: { position: start, sides: sidesOf(members) },
    })
    const waiting = log.append(start, newCommit())
    log.judge(true)
    expect((await waiting).result).toBe('abandoned')
    expect((await log.append(start, declaredDown('s1'))).result).toBe('appended')
  })

  test('a copy that lacks what was read elsewhere never becomes the log', async () => {
    const both = pair()
    const before = await appendMany(both.s1, start, 2)
    const recording = record(both.s1)
    await reaches(recording, 2)
    both.copies.s1.empty()
    both.s1.judge(true)
    expect((await both.s1.append(before, declaredDown('s2'))).result).toBe('unavailable')
  })

  test('what does not follow from what was read here counts for nothing, and nothing is appended after it', async () => {
    const both = pair()
    const before = await appendMany(both.s1, start, 2)
    await reaches(record(both.s2), 2)
    both.cut(true)
    both.s1.judge(true)
    both.s2.judge(true)
    const mine = appended(await both.s1.append(before, declaredDown('s2')))
    const other = appended(await both.s2.append(before, declaredDown('s1')))
    const theirs = await appendMany(both.s2, other, 2)
    both.copies.s1.empty()
    both.s1.ownEmptied()
    both.cut(false)
    await reaches(record(both.s1), 5)
    expect(both.s1.reached()).toEqual(mine)
    expect(both.s1.sides()).toMatchObject({ head: 's1', isAlone: true })
    expect(await both.s1.append({ ...theirs, sequence: mine.sequence }, newCommit())).toEqual({ result: 'conflict' })
  })

  test('the one that was declared down reads of it at the first contact, and appends nothing after what it knew', async () => {
    const both = pair()
    const recording = record(both.s1)
    const before = await appendMany(both.s1, start, 2)
    await reaches(recording, 2)
    both.cut(true)
    // What only the head took is not on the log that goes on.
    await both.s1.append(before, newCommit('lost'))
    const other = record(both.s2)
    await reaches(other, 2)
    both.s2.judge(true)
    const alone = appended(await both.s2.append(before, declaredDown('s1')))
    await appendMany(both.s2, alone, 2)
    both.cut(false)
    await reaches(recording, 5)
    expect(both.s1.sides()).toMatchObject({ head: 's2', isAlone: true, since: 3 })
    expect(await both.s1.append(before, newCommit())).toEqual({ result: 'conflict' })
    expect(recording.commits).toEqual((await all(both.s2)).slice(0, 5))
  })

  test('after the copy was taken back, a commit must be on both again', async () => {
    const both = pair()
    const before = await appendMany(both.s1, start, 2)
    const recording = record(both.s2)
    await reaches(recording, 2)
    both.s2.judge(true)
    const alone = appended(await both.s2.append(before, declaredDown('s1')))
    both.s2.judge(false)
    both.copies.s1.store(before, both.copies.s2.bytes[2] ?? '')
    const joined = appended(await both.s2.append(alone, copyJoined('s1')))
    expect(both.copies.s1.bytes).toEqual(both.copies.s2.bytes)
    both.cut(true)
    expect((await both.s2.append(joined, newCommit())).result).not.toBe('appended')
  })
})

const all = async (log: ReturnType<typeof pair>['s1']) => {
  const recording = record(log)
  await reaches(recording, log.reached().sequence)
  recording.stop()
  return recording.commits
}
