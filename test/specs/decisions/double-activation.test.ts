import { describe, expect, test } from 'vitest'
import { type DoubleActivationFacts, doubleActivations } from '../../../src/decisions/double-activation.ts'
import { epochOf, instant, sequence, serverName } from '../../../src/events/index.ts'

const epoch = (n: number) => epochOf(sequence(n))
const [s1, s2, s3] = [serverName('s1'), serverName('s2'), serverName('s3')]
const order = [s1, s2, s3]
const since = instant(1000)

const seenBy = (
  me: typeof s1,
  mine: number,
  rival: { server: typeof s1; epoch: number; answers?: number | null },
  more: Partial<DoubleActivationFacts> = {},
) =>
  doubleActivations({
    me,
    order,
    held: { web: { epoch: epoch(mine), since } },
    rivals: [
      {
        server: rival.server,
        groups: { web: epoch(rival.epoch) },
        answers: rival.answers === null ? null : instant(rival.answers ?? 2000),
      },
    ],
    ...more,
  })
const losers = (found: ReturnType<typeof doubleActivations>) => found.map(({ loser }) => loser.server)

test('a group that one server holds is no matter', () => {
  expect(
    doubleActivations({
      me: s1,
      order,
      held: { web: { epoch: epoch(5), since } },
      rivals: [{ server: s2, groups: { db: epoch(6) }, answers: instant(2000) }],
    }),
  ).toEqual([])
})

test('the older epoch loses, and both sides say so', () => {
  expect(seenBy(s1, 5, { server: s2, epoch: 9 })).toEqual([
    { group: 'web', winner: { server: s2, epoch: 9 }, loser: { server: s1, epoch: 5 } },
  ])
  expect(losers(seenBy(s2, 9, { server: s1, epoch: 5 }))).toEqual([s1])
})

describe('words that come late', () => {
  test('an old word of an older epoch is from before a takeover, and no double activation', () => {
    expect(seenBy(s2, 9, { server: s1, epoch: 5, answers: 999 })).toEqual([])
    expect(seenBy(s2, 9, { server: s1, epoch: 5, answers: null })).toEqual([])
  })

  test('it counts in answer to a beat sent since the group is held', () => {
    expect(losers(seenBy(s2, 9, { server: s1, epoch: 5, answers: 1000 }))).toEqual([s1])
  })

  test('a newer epoch counts however old the word: who still holds an older one has to stop', () => {
    expect(losers(seenBy(s1, 5, { server: s2, epoch: 9, answers: null }))).toEqual([s1])
  })
})

describe('the same epoch', () => {
  test('goes by priority, the same from both sides', () => {
    expect(losers(seenBy(s1, 5, { server: s2, epoch: 5 }))).toEqual([s2])
    expect(losers(seenBy(s2, 5, { server: s1, epoch: 5 }))).toEqual([s2])
  })

  test('goes by the newer data first, where that is known', () => {
    const fresher = () => s2
    expect(losers(seenBy(s1, 5, { server: s2, epoch: 5 }, { fresher }))).toEqual([s1])
    expect(losers(seenBy(s2, 5, { server: s1, epoch: 5 }, { fresher }))).toEqual([s1])
  })

  test('servers that no configuration lists come last, by name', () => {
    expect(losers(seenBy(s1, 5, { server: s2, epoch: 5 }, { order: [s2] }))).toEqual([s1])
    expect(losers(seenBy(s2, 5, { server: s3, epoch: 5 }, { order: [] }))).toEqual([s3])
  })
})

test('three holders: each pair is settled, and one is left', () => {
  const claims = [
    { server: s1, epoch: epoch(5) },
    { server: s2, epoch: epoch(9) },
    { server: s3, epoch: epoch(7) },
  ]
  const losing = claims.filter(({ server, epoch: mine }) => {
    const rivals = claims
      .filter((other) => other.server !== server)
      .map((other) => ({ server: other.server, groups: { web: other.epoch }, answers: instant(2000) }))
    const found = doubleActivations({ me: server, order, held: { web: { epoch: mine, since } }, rivals })
    return found.some(({ loser }) => loser.server === server)
  })
  expect(losing.map(({ server }) => server)).toEqual([s1, s3])
})
