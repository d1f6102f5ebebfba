import { describe, expect, test } from 'vitest'
import {
  type DoubleActivationFacts,
  doubleActivations,
  newerData,
  takeUpAnew,
} from '../../../src/decisions/double-activation.ts'
import { epochOf, groupName, instant, sequence, serverName, voterName } from '../../../src/events/index.ts'
import type { State } from '../../../src/projections/state.ts'
import { fact } from '../../recorded-log.ts'
import { spec, stateOf } from '../spec.ts'
import { assigned, cluster, failed, online, stopping, that, webOnS1 } from './demo.ts'

const epoch = (n: number) => epochOf(sequence(n))
const [s1, s2, s3] = [serverName('s1'), serverName('s2'), serverName('s3')]
const order = [s1, s2, s3]
const since = instant(1000)
const fresher = () => null

const seenBy = (
  me: typeof s1,
  mine: number,
  rival: { server: typeof s1; epoch: number; answers?: number | null },
  more: Partial<DoubleActivationFacts> = {},
) =>
  doubleActivations({
    me,
    order,
    fresher,
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
      fresher,
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
    const known = { fresher: () => s2 }
    expect(losers(seenBy(s1, 5, { server: s2, epoch: 5 }, known))).toEqual([s1])
    expect(losers(seenBy(s2, 5, { server: s1, epoch: 5 }, known))).toEqual([s1])
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
    const found = doubleActivations({ me: server, order, fresher, held: { web: { epoch: mine, since } }, rivals })
    return found.some(({ loser }) => loser.server === server)
  })
  expect(losing.map(({ server }) => server)).toEqual([s1, s3])
})

describe('whose data is newer', () => {
  const webOnS2 = stateOf([...cluster(), assigned('web', 's2'), online('web', 5)])
  const claimed = (server: typeof s1, at = 5) => ({ server, epoch: epoch(at) })
  const web = groupName('web')
  const by = (state: State): Partial<DoubleActivationFacts> => ({
    fresher: (group, ...claims) => newerData(state, group, claims),
  })

  test('is what the log says: that of the server to which it gave the epoch, before priority, and from both sides', () => {
    expect(losers(seenBy(s1, 5, { server: s2, epoch: 5 }, by(webOnS2)))).toEqual([s1])
    expect(losers(seenBy(s2, 5, { server: s1, epoch: 5 }, by(webOnS2)))).toEqual([s1])
  })
  test('is not asked where one epoch is newer', () => {
    expect(losers(seenBy(s1, 6, { server: s2, epoch: 5 }, by(webOnS2)))).toEqual([s2])
  })
  test('nobody knows of another epoch, of two others, or of a group that nobody owns', () => {
    expect(newerData(webOnS2, web, [claimed(s2, 4), claimed(s1, 4)])).toBeNull()
    expect(newerData(webOnS2, web, [claimed(s1), claimed(s3)])).toBeNull()
    expect(newerData(stateOf(cluster()), web, [claimed(s1), claimed(s2)])).toBeNull()
  })
  test('nobody knows where each of a pair has a log of its own, which gives the epoch to itself: priority decides', () => {
    const alone = (state: State, head: string): State => ({
      ...state,
      logSides: { head: voterName(head), isAlone: true, since: sequence(4) },
    })
    const ofS1 = alone(stateOf([...cluster(), ...webOnS1]), 's1')
    const ofS2 = alone(webOnS2, 's2')
    expect(losers(seenBy(s1, 5, { server: s2, epoch: 5 }, by(ofS1)))).toEqual([s2])
    expect(losers(seenBy(s2, 5, { server: s1, epoch: 5 }, by(ofS2)))).toEqual([s2])
  })
})

describe('a group that its owner let go to the other server is taken up anew', () => {
  const letGo = (upTo: number | undefined) => (state: State) =>
    takeUpAnew(state, s1, () => (upTo === undefined ? undefined : epoch(upTo)))
  const running = spec.given(...cluster(), ...webOnS1)

  test('under a new epoch, where the log goes on that has it here', () => {
    running
      .when(letGo(5))
      .thenFollows(that('GroupStopping', { factor: 'GROUPRESTART', next: { server: 's1', reason: 'restart' } }))
  })
  test('once: not while it is being stopped, nor where that failed', () => {
    running
      .and(stopping('web', 5, 'GROUPRESTART', 's1', 'restart'))
      .when(letGo(5))
      .thenNothing()
    running.and(failed('web', 5)).when(letGo(5)).thenNothing()
  })
  test('not when it let go nothing, or an older epoch', () => {
    running.when(letGo(undefined)).thenNothing()
    running.when(letGo(4)).thenNothing()
  })
  test('not by a server that does not own it', () => {
    running.when((state) => takeUpAnew(state, s2, () => epoch(5))).thenNothing()
  })
  test('not while the log is with one server alone: the other may run it still', () => {
    const alone = { head: voterName('s1'), isAlone: true, since: sequence(6) }
    running.when((state) => letGo(5)({ ...state, logSides: alone })).thenNothing()
  })
  test('not while the cluster is suspended', () => {
    running.and(fact('ClusterSuspended')).when(letGo(5)).thenNothing()
  })
})
