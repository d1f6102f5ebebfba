import { describe, test } from 'vitest'
import { failBack, forgetFailovers } from '../../../src/decisions/fail-back.ts'
import type { State } from '../../../src/projections/state.ts'
import { fact } from '../../recorded-log.ts'
import { type Given, spec } from '../spec.ts'
import {
  assigned,
  cluster,
  cutOff,
  declaredDown,
  joined,
  knows,
  online,
  s2,
  stopped,
  stopping,
  that,
  verdict,
  webOnS1,
} from './demo.ts'

const auto = cluster({ web: { failback: 'auto' } })
const home = (state: State) => failBack(state, knows(s2), () => 2000)
/** s1 crashed, web went to s2 (epoch 7), s1 is back (generation 9). */
const afterCrash: readonly Given[] = [
  ...auto,
  ...webOnS1,
  [declaredDown('s1', 2), assigned('web', 's2', 'failover')],
  online('web', 7),
  joined('s1', 'another-boot'),
]

describe('failback', () => {
  test('the home server is back: the group goes home, in two steps', () => {
    spec
      .given(...afterCrash)
      .when(home)
      .thenFollows(that('GroupStopping', { factor: 'GROUPMOVE', next: { server: 's1', reason: 'failback' } }))
  })
  test('not before the group has been online for a while', () => {
    spec
      .given(...afterCrash)
      .when((state) => failBack(state, knows(s2), () => 1999))
      .thenNothing()
  })
  test('where the healthiest server gets the group, the error that it left behind does not keep it away', () => {
    spec
      .given(
        ...cluster({ web: { failover: 'dynamic', failback: 'auto' }, monitor: { when: 'active' } }),
        ...webOnS1,
        verdict('s1', 'error'),
        stopping('web', 5, 'GROUPFAILOVER', 's2', 'failover'),
        [stopped('web', 5), assigned('web', 's2', 'failover')],
        online('web', 9),
        fact('FailoverCountReset', { group: 'web' }),
        joined('s1', 'another-boot'),
      )
      .when(home)
      .thenFollows(that('GroupStopping', { factor: 'GROUPMOVE', next: { server: 's1', reason: 'failback' } }))
  })
  test('not where failback is by hand', () => {
    spec
      .given(...cluster(), ...afterCrash.slice(4))
      .when(home)
      .thenNothing()
  })
  test('not while the cluster is suspended or stopped', () => {
    for (const event of ['ClusterSuspended', 'ClusterStopping'])
      spec
        .given(...afterCrash, fact(event))
        .when(home)
        .thenNothing()
  })
  test('not while the home server is down, not heard or cut off', () => {
    spec
      .given(...afterCrash.slice(0, -1))
      .when(home)
      .thenNothing()
    spec
      .given(...afterCrash)
      .when((state) => failBack(state, knows(s2, { hears: ['s3'] }), () => 9999))
      .thenNothing()
    spec
      .given(...afterCrash, cutOff('s1'))
      .when(home)
      .thenNothing()
  })
  test('not beside a rival that it is better apart from', () => {
    const exclusive = cluster({ web: { failback: 'auto', exclusion: 'normal' }, db: { exclusion: 'normal' } })
    spec
      .given(...exclusive, ...afterCrash.slice(4), assigned('db', 's1'))
      .when(home)
      .thenNothing()
  })
  test('not of a group that failed at home: it would only fail there again', () => {
    spec
      .given(
        ...auto,
        ...webOnS1,
        stopping('web', 5, 'GROUPFAILOVER', 's2', 'failover'),
        [stopped('web', 5), assigned('web', 's2', 'failover')],
        online('web', 8),
      )
      .when(home)
      .thenNothing()
  })
  test('not of a group that an operator put elsewhere, until the home server has been away', () => {
    const moved = spec.given(
      ...auto,
      ...webOnS1,
      stopping('web', 5, 'GROUPMOVE', 's2'),
      [stopped('web', 5), assigned('web', 's2', 'move')],
      online('web', 8),
    )
    moved.when(home).thenNothing()
    moved
      .and(declaredDown('s1', 2), joined('s1', 'another-boot'))
      .when(home)
      .thenFollows(that('GroupStopping', { next: { server: 's1' } }))
  })
  test('of a group that started elsewhere because its home was missing', () => {
    spec
      .given(...auto, assigned('web', 's2', 'startup'), online('web', 5))
      .when(home)
      .thenFollows(that('GroupStopping', { next: { server: 's1' } }))
  })
})

describe('failovers are forgotten', () => {
  const failedOver: readonly Given[] = [
    ...cluster(),
    ...webOnS1,
    stopping('web', 5, 'GROUPFAILOVER', 's2', 'failover'),
    [stopped('web', 5), assigned('web', 's2', 'failover')],
    online('web', 8),
  ]
  const forget = (ms: number) => (state: State) => forgetFailovers(state, knows(s2), () => ms)

  test('after the healthy period', () => {
    spec
      .given(...failedOver)
      .when(forget(600_000))
      .thenFollows(that('FailoverCountReset', { group: 'web' }))
    spec
      .given(...failedOver)
      .when(forget(599_999))
      .thenNothing()
  })
  test('only once, and only where something is to be forgotten', () => {
    spec
      .given(...failedOver)
      .after(forget(600_000))
      .when(forget(600_000))
      .thenNothing()
    spec
      .given(...cluster(), assigned('web', 's2'), online('web', 5))
      .when(forget(1e9))
      .thenNothing()
  })
})
