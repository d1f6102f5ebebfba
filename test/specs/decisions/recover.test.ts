import { describe, test } from 'vitest'
import type { Facts } from '../../../src/decisions/decision.ts'
import { judgeMonitor, type MonitorFinding } from '../../../src/decisions/judge-monitor.ts'
import { type MonitorConfiguration, monitorName } from '../../../src/events/index.ts'
import { monitorsOf } from '../../../src/projections/configuration.ts'
import type { State } from '../../../src/projections/state.ts'
import { fact } from '../../recorded-log.ts'
import { type Given, spec } from '../spec.ts'
import {
  assigned,
  cluster,
  failed,
  knows,
  ofResource,
  online,
  s1,
  s2,
  stopped,
  stopping,
  that,
  webOnS1,
} from './demo.ts'

const configurationIn = (state: State): MonitorConfiguration => {
  const found = state.configuration.current && monitorsOf(state.configuration.current).look
  if (!found) throw new Error('the monitor is not configured')
  return found
}
/** The monitor sees this on s1. */
const sees =
  (verdict: MonitorFinding['verdict'], more: Partial<MonitorFinding> = {}, facts: Facts = knows(s1)) =>
  (state: State) =>
    judgeMonitor(
      state,
      {
        monitor: monitorName('look'),
        configuration: configurationIn(state),
        verdict,
        because: 'exit code 7',
        elapsedMs: 12,
        starved: false,
        mayRecover: true,
        normalMs: 0,
        ...more,
      },
      facts,
    )
const error = sees('error')
const started = (action: string, count: number, limit: number) => that('RecoveryStarted', { action, count, limit })
const given = (recovery: object, monitor: object = {}) =>
  spec.given(...cluster({ monitor: { recovery, ...monitor } }), ...webOnS1)
const restartDone: Given = ofResource('ResourceActivated', 'httpd', 5, { attempt: 1, durationMs: 1, adopted: false })
const taken = (action: string, count: number): Given =>
  fact('RecoveryStarted', { monitor: 'look', server: 's1', group: 'web', action, count, limit: 9, because: 'x' })

describe('what a monitor says', () => {
  test('is recorded when it changes, with its values', () => {
    given({ restarts: 0, failovers: 0 })
      .when(sees('normal'))
      .thenFollows(
        that('MonitorVerdictChanged', { server: 's1', verdict: 'normal', because: 'exit code 7', elapsedMs: 12 }),
      )
  })
  test('is not recorded again', () => {
    given({}).after(sees('normal')).when(sees('normal')).thenNothing()
  })
  test('is recorded without recovery when it is an error for people only', () => {
    given({})
      .when(sees('error', { mayRecover: false }))
      .thenFollows(that('MonitorVerdictChanged', { verdict: 'error' }))
  })
})

describe('the recovery ladder', () => {
  test('restart of the resource, in the commit of the verdict', () => {
    given({ restarts: 2 })
      .when(error)
      .thenFollows(
        that('MonitorVerdictChanged', { verdict: 'error' }),
        started('restart', 1, 2),
        that('ResourceLost', { resource: 'httpd', because: 'exit code 7' }),
        that('ResourceRestartOrdered', { resource: 'httpd', epoch: 5 }),
      )
  })
  test('nothing while the restart is under way', () => {
    given({ restarts: 2 }).after(error).when(error).thenNothing()
  })
  test('the next restart once the first is done, then failover, then the final action', () => {
    const twice = given({ restarts: 2, failovers: 1, finalAction: 'stop-group' }).after(error).and(restartDone)
    twice.when(error).thenFollows(started('restart', 2, 2), that('ResourceLost'), that('ResourceRestartOrdered'))
    twice
      .and(taken('restart', 2))
      .when(error)
      .thenFollows(
        started('failover', 1, 1),
        that('GroupStopping', { factor: 'GROUPFAILOVER', next: { server: 's2' } }),
      )
    twice
      .and(taken('restart', 2), taken('failover', 1))
      .when(error)
      .thenFollows(started('final', 1, 1), that('GroupWanted', { wanted: 'stopped' }), that('GroupStopping'))
  })
  /** web failed over from s1 (commit 7) to s2 (epoch 8), and on to s1 again (epoch 11). */
  const twiceMoved: readonly Given[] = [
    stopping('web', 5, 'GROUPFAILOVER', 's2', 'failover'),
    [stopped('web', 5), assigned('web', 's2', 'failover')],
    online('web', 8),
    stopping('web', 8, 'GROUPFAILOVER', 's1', 'failover'),
    [stopped('web', 8), assigned('web', 's1', 'failover')],
    online('web', 11),
  ]
  test('a group that has failed on every other server is not moved again: the final action follows', () => {
    given({ restarts: 0, failovers: 9, finalAction: 'stop-group' }, {})
      .and(...twiceMoved)
      .when(sees('error', {}, knows(s1, { hears: ['s2'] })))
      .thenFollows(
        that('MonitorVerdictChanged'),
        started('final', 1, 1),
        that('GroupWanted', { wanted: 'stopped' }),
        that('GroupStopping', { factor: 'GROUPSTOP' }),
      )
  })
  test('a server that is only away is waited for instead', () => {
    given({ restarts: 0, failovers: 9, finalAction: 'stop-group' }, {})
      .when(sees('error', {}, knows(s1, { hears: [] })))
      .thenFollows(that('MonitorVerdictChanged'), that('RecoverySuppressed', { because: 'no other healthy server' }))
  })
  test('every step was taken: said once, and again after it was well in between', () => {
    const over = given({ restarts: 0, failovers: 0 })
    over
      .when(error)
      .thenFollows(
        that('MonitorVerdictChanged'),
        that('RecoverySuppressed', { because: 'every step of its recovery was taken' }),
      )
    over.after(error).when(error).thenNothing()
    over
      .after(error)
      .after(sees('normal'))
      .when(error)
      .thenFollows(that('MonitorVerdictChanged'), that('RecoverySuppressed'))
  })
  test('no failover without another healthy server: suppressed, with the reason', () => {
    given({ restarts: 0, failovers: 1 })
      .when(sees('error', {}, knows(s1, { hears: [] })))
      .thenFollows(that('MonitorVerdictChanged'), that('RecoverySuppressed', { because: 'no other healthy server' }))
  })
  test('restart of the whole group where that is the target', () => {
    for (const monitor of [{ recovery: { on: 'group' } }, { target: { group: 'web' } }])
      spec
        .given(...cluster({ monitor }), ...webOnS1)
        .when(error)
        .thenFollows(
          that('MonitorVerdictChanged'),
          started('restart', 1, 3),
          that('GroupStopping', { factor: 'GROUPRESTART', next: { server: 's1', reason: 'restart' } }),
        )
  })
})

describe('targets of recovery', () => {
  const both = (on: string) =>
    spec.given(
      ...cluster({ monitor: { recovery: { on, restarts: 1 } } }),
      ...webOnS1,
      assigned('db', 's1'),
      online('db', 7),
    )

  test.each(['all-groups', 'server'])('%s: every group that this server owns', (on) => {
    both(on)
      .when(error)
      .thenFollows(
        that('MonitorVerdictChanged'),
        started('restart', 1, 1),
        that('GroupStopping', { group: 'web' }),
        that('GroupStopping', { group: 'db' }),
      )
  })
  test('the final action stop-service is ordered once, however many groups there are', () => {
    spec
      .given(
        ...cluster({ monitor: { recovery: { on: 'server', restarts: 0, failovers: 0, finalAction: 'stop-service' } } }),
        ...webOnS1,
        assigned('db', 's1'),
        online('db', 7),
      )
      .when(error)
      .thenFollows(that('MonitorVerdictChanged'), started('final', 1, 1), that('ServerStopOrdered', { server: 's1' }))
  })
  test('a group that runs elsewhere is none', () => {
    given({})
      .when(sees('error', {}, knows(s2)))
      .thenFollows(
        that('MonitorVerdictChanged'),
        that('RecoverySuppressed', { because: 'nothing that it could act on runs here' }),
      )
  })
})

describe('no recovery', () => {
  test.each([
    ['is starting', [assigned('web', 's1')]],
    ['is stopping', [...webOnS1, stopping('web', 5, 'GROUPSTOP')]],
    ['has a resource on its way', [...webOnS1, ofResource('ActivationStarted', 'httpd', 5, { attempt: 1 })]],
  ] as const)('while the group %s: not even a word', (_, events) => {
    spec
      .given(...cluster(), ...events)
      .when(error)
      .thenFollows(that('MonitorVerdictChanged'))
  })
  test.each([
    ['the group has failed already', [failed('web', 5)], {}],
    ['the cluster is suspended', [fact('ClusterSuspended')], {}],
    ['recovery is suppressed in the configuration', [], { cluster: { suppressRecovery: true } }],
  ] as const)('%s: said', (because, events, changes) => {
    spec
      .given(...cluster(changes), ...webOnS1, ...events)
      .when(error)
      .thenFollows(that('MonitorVerdictChanged'), that('RecoverySuppressed', { because }))
  })
})

test('the counts begin at zero again after a healthy period', () => {
  const tried = given({ healthyAfter: 1000 }).after(error).and(restartDone).after(sees('normal'))
  tried.when(sees('normal', { normalMs: 999 })).thenNothing()
  tried.when(sees('normal', { normalMs: 1000 })).thenFollows(that('RecoveryCountsReset', { server: 's1' }))
  tried
    .after(sees('normal', { normalMs: 1000 }))
    .when(sees('normal', { normalMs: 2000 }))
    .thenNothing()
})
