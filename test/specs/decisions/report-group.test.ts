import { describe, expect, test } from 'vitest'
import type { Facts } from '../../../src/decisions/decision.ts'
import { operate } from '../../../src/decisions/operate.ts'
import type { Observed } from '../../../src/decisions/plan.ts'
import { giveUp, isStopComplete, reportOnline, reportStopped, vacate } from '../../../src/decisions/report-group.ts'
import type { State } from '../../../src/projections/state.ts'
import { fact } from '../../recorded-log.ts'
import { spec } from '../spec.ts'
import {
  activationFailed,
  ask,
  assigned,
  bothUp,
  cluster,
  cutOff,
  declaredDown,
  failed,
  joined,
  knows,
  ofResource,
  online,
  s1,
  s2,
  seen,
  stopped,
  stopping,
  that,
  wanted,
  web,
  webOnS1,
} from './demo.ts'

const onS1 = knows(s1)

describe('a group is online', () => {
  const report = (observed: Observed) => (state: State) => reportOnline(state, web, observed, 40)
  const starting = spec.given(...cluster(), assigned('web', 's1'))

  test('once all of it is up', () => {
    starting.when(report(bothUp)).thenFollows(that('GroupOnline', { epoch: 5, durationMs: 40, adopted: false }))
  })
  test('and it is said when all of it was found running', () => {
    const found = [seen('address', 'on', { adopted: true }), seen('httpd', 'on', { adopted: true })]
    starting.when(report(found)).thenFollows(that('GroupOnline', { adopted: true }))
  })
  test('not while a part is missing, of another epoch, or to be restarted', () => {
    starting.when(report([seen('address', 'on')])).thenNothing()
    starting.when(report([seen('address', 'on'), seen('httpd', 'on', { epochIs: 4 })])).thenNothing()
    starting
      .and(ofResource('ResourceRestartOrdered', 'httpd', 5))
      .when(report(bothUp))
      .thenNothing()
  })
  test('without a part that an operator stopped by itself', () => {
    starting
      .and(ofResource('ResourceStopOrdered', 'httpd', 5))
      .when(report([seen('address', 'on')]))
      .thenFollows(that('GroupOnline'))
  })
  test('only once', () => {
    starting.and(online('web', 5)).when(report(bothUp)).thenNothing()
  })
})

describe('a move is two steps: the next owner is named only when all is off (rule 8)', () => {
  const report =
    (facts: Facts = onS1) =>
    (state: State) =>
      reportStopped(state, web, facts, 30)
  const moving = spec.given(...cluster(), ...webOnS1, stopping('web', 5, 'GROUPMOVE', 's2'))

  test('a stop is complete when all is off, and not before', () => {
    expect(isStopComplete(moving.state(), web, [seen('address', 'off')])).toBe(true)
    expect(isStopComplete(moving.state(), web, [seen('address', 'stuck')])).toBe(false)
    expect(isStopComplete(spec.given(...cluster(), ...webOnS1).state(), web, [])).toBe(false)
  })
  test('stopped and given on, in one commit', () => {
    moving
      .when(report())
      .thenFollows(
        that('GroupStopped', { epoch: 5, durationMs: 30 }),
        that('GroupAssigned', { server: 's2', reason: 'move' }),
      )
  })
  test('a group that does not stop is not reported stopped', () => {
    spec
      .given(...cluster(), ...webOnS1)
      .when(report())
      .thenNothing()
  })
  test('a stop without a next owner ends there', () => {
    spec
      .given(...cluster(), ...webOnS1, stopping('web', 5, 'GROUPSTOP'))
      .when(report())
      .thenFollows(that('GroupStopped'))
  })
  test('a group that is no longer wanted, or whose cluster stops, goes nowhere', () => {
    moving.and(wanted('web', 'stopped')).when(report()).thenFollows(that('GroupStopped'))
    moving.and(fact('ClusterStopping')).when(report()).thenFollows(that('GroupStopped'))
  })
  test('the next owner went down meanwhile: another is chosen', () => {
    moving
      .and(declaredDown('s2', 3))
      .when(report(knows(s1, { hears: ['s3'] })))
      .thenFollows(that('GroupStopped'), that('GroupAssigned', { server: 's1', reason: 'move' }))
  })
  test('the next owner was told to stop meanwhile: another is chosen', () => {
    moving
      .and(fact('ServerStopOrdered', { server: 's2' }))
      .when(report())
      .thenFollows(that('GroupStopped'), that('GroupAssigned', { server: 's1' }))
  })
  test('nobody is left: the group waits, and is not given to a server that is gone', () => {
    spec
      .given(
        ...cluster(),
        ...webOnS1,
        fact('ServerStopOrdered', { server: 's1' }),
        stopping('web', 5, 'SERVERSHUTDOWN', 's2'),
        declaredDown('s2', 3),
      )
      .when(report(knows(s1, { hears: [] })))
      .thenFollows(that('GroupStopped'), that('GroupWaiting', { because: 'no server fits' }))
  })
  test('a restart comes back to its server, as long as that may run it', () => {
    const restarting = spec.given(...cluster(), ...webOnS1, stopping('web', 5, 'GROUPRESTART', 's1', 'restart'))
    restarting
      .when(report())
      .thenFollows(that('GroupStopped'), that('GroupAssigned', { server: 's1', reason: 'restart' }))
    restarting
      .and(fact('ServerStopOrdered', { server: 's1' }))
      .when(report())
      .thenFollows(that('GroupStopped'), that('GroupAssigned', { server: 's2', reason: 'move' }))
  })
})

describe('a resource that cannot be activated', () => {
  const give =
    (facts: Facts = onS1) =>
    (state: State) =>
      giveUp(state, web, [seen('httpd', 'failed')], facts)
  const starting = (web: object = {}) =>
    spec.given(...cluster({ web }), assigned('web', 's1'), activationFailed('httpd', 5, 'port in use'))
  const resources = (activation: object) => ({
    resources: { httpd: { type: 'exec', start: 'httpd', activation } },
  })

  test('makes the group fail over: first it stops', () => {
    starting()
      .when(give())
      .thenFollows(
        that('GroupStopping', { epoch: 5, factor: 'GROUPFAILOVER', next: { server: 's2', reason: 'failover' } }),
      )
      .because({ resource: 'httpd', because: 'port in use', failovers: 0, limit: 1 })
  })
  test('fails over no more than its limit; then the group stays, failed, and says why', () => {
    spec
      .given(
        ...cluster(),
        assigned('web', 's1'),
        stopping('web', 5, 'GROUPFAILOVER', 's2', 'failover'),
        [stopped('web', 5), assigned('web', 's2', 'failover')],
        ofResource('ActivationFailed', 'httpd', 7, { attempt: 1, durationMs: 1, because: 'no', stalled: false }),
      )
      .when((state) => giveUp(state, web, [seen('httpd', 'failed', { epochIs: 7, readTo: 7 })], knows(s2)))
      .thenFollows(
        that('FailoverSuppressed', { because: 'failed over once already, the limit is 1' }),
        that('GroupFailed', { because: 'httpd: no' }),
      )
  })
  test('the limit of the group counts too', () => {
    starting({ maxFailovers: 0 })
      .when(give())
      .thenFollows(that('FailoverSuppressed', { because: 'no failover is configured for this' }), that('GroupFailed'))
  })
  test('stays where it is when no other server is healthy', () => {
    starting()
      .when(give(knows(s1, { hears: [] })))
      .thenFollows(that('FailoverSuppressed', { because: 'no other healthy server' }), that('GroupFailed'))
  })
  test('stays where it is when a failover is an operator’s business, or the cluster is suspended', () => {
    starting({ failover: 'manual' })
      .when(give())
      .thenFollows(
        that('FailoverSuppressed', { because: 'its failover attribute is manual: an operator must move it' }),
        that('GroupFailed'),
      )
    starting()
      .and(fact('ClusterSuspended'))
      .when(give())
      .thenFollows(that('FailoverSuppressed', { because: 'the cluster is suspended' }), that('GroupFailed'))
  })
  test('final action stop-group: the group is stopped, and stays so', () => {
    starting(resources({ failovers: 0, finalAction: 'stop-group' }))
      .when(give())
      .thenFollows(
        that('FailoverSuppressed'),
        that('GroupFailed'),
        that('GroupWanted', { wanted: 'stopped' }),
        that('GroupStopping', { factor: 'GROUPSTOP', next: null }),
      )
  })
  test('final action stop-service: the server gives up its groups', () => {
    starting(resources({ failovers: 0, finalAction: 'stop-service' }))
      .when(give())
      .thenFollows(that('FailoverSuppressed'), that('GroupFailed'), that('ServerStopOrdered', { server: 's1' }))
  })
  test('final action stop-service is suppressed because no other healthy server exists', () => {
    starting(resources({ failovers: 0, finalAction: 'stop-service' }))
      .when(give(knows(s1, { hears: [] })))
      .thenFollows(
        that('FailoverSuppressed'),
        that('GroupFailed'),
        that('FailoverSuppressed', {
          because:
            'the final action (stop service) is suppressed because there is no other healthy server; it was for: web/httpd could not be started after 1 attempt: port in use; no failover: no failover is configured for this',
        }),
      )
  })
  test('is given up only once, and not when it is to be restarted', () => {
    starting().and(failed('web', 5)).when(give()).thenNothing()
    starting()
      .and(ofResource('ResourceRestartOrdered', 'httpd', 5))
      .when(give())
      .thenNothing()
    starting()
      .and(stopping('web', 5, 'GROUPSTOP'))
      .when(give())
      .thenNothing()
  })
})

describe('a resource that cannot be taken down, in a group that is not to stop', () => {
  const stuck = ofResource('DeactivationFailed', 'httpd', 5, {
    attempt: 1,
    durationMs: 1,
    because: 'even by force: busy',
    stalled: false,
  })
  const give =
    (observed: Observed = [seen('address', 'on'), seen('httpd', 'stuck')]) =>
    (state: State) =>
      giveUp(state, web, observed, onS1)
  const because = 'httpd could not be stopped: even by force: busy'
  const withAction = (finalAction: string) =>
    cluster({ web: { resources: { httpd: { type: 'exec', start: 'httpd', deactivation: { finalAction } } } } })

  test('fails the group, for it cannot run elsewhere: what a failed activation left', () => {
    spec
      .given(...cluster(), assigned('web', 's1'), activationFailed('httpd', 5), stuck)
      .when(give())
      .thenFollows(that('GroupFailed', { epoch: 5, because }), that('ServerStopOrdered', { server: 's1' }))
  })
  test('fails the group: what was to be restarted', () => {
    const ordered = ofResource('ResourceRestartOrdered', 'httpd', 5)
    spec
      .given(...cluster(), ...webOnS1, ordered, stuck)
      .when(give([seen('address', 'on'), seen('httpd', 'stuck', { readTo: 7 })]))
      .thenFollows(that('GroupFailed', { epoch: 5, because }), that('ServerStopOrdered', { server: 's1' }))
  })
  test('fails the group: what is left of an earlier epoch, once it was tried again', () => {
    const left = (readTo: number): Observed => [seen('httpd', 'stuck', { epochIs: 3, readTo })]
    const starting = spec.given(...cluster(), assigned('web', 's1'))
    starting.when(give(left(4))).thenNothing()
    starting.when(give(left(5))).thenFollows(that('GroupFailed', { epoch: 5 }), that('ServerStopOrdered'))
  })
  test('is followed by the final action of its deactivation, by default the end of the service', () => {
    spec
      .given(...withAction('reboot'), ...webOnS1, stuck)
      .when(give())
      .thenFollows(that('GroupFailed', { because }), that('FinalActionOrdered', { server: 's1', action: 'reboot' }))
    spec
      .given(...withAction('stop-group'), ...webOnS1, stuck)
      .when(give())
      .thenFollows(that('GroupFailed'), that('GroupWanted', { wanted: 'stopped' }), that('GroupStopping'))
  })
  test('is said once; an operator may stop or move the group then', () => {
    const story = spec.given(...cluster(), ...webOnS1, stuck, failed('web', 5))
    story.when(give()).thenNothing()
    story
      .when((state) => operate(state, ask({ do: 'move-group', group: web, server: s2 }), onS1))
      .thenFollows(that('OperationRequested'), that('GroupWanted'), that('GroupStopping', { factor: 'GROUPMOVE' }))
  })
})

describe('a server is vacated', () => {
  const leave = (state: State) => vacate(state, onS1)

  test('when it is to stop: its groups move', () => {
    spec
      .given(...cluster(), ...webOnS1, fact('ServerStopOrdered', { server: 's1' }))
      .when(leave)
      .thenFollows(that('GroupStopping', { factor: 'SERVERSHUTDOWN', next: { server: 's2', reason: 'move' } }))
  })
  test('when it is to stop and nobody else fits: they stop', () => {
    spec
      .given(...cluster({ web: { servers: ['s1'] } }), ...webOnS1, fact('ServerStopOrdered', { server: 's1' }))
      .when(leave)
      .thenFollows(that('GroupStopping', { factor: 'SERVERSHUTDOWN', next: null }))
  })
  test('when the cluster stops, and of groups that nobody wants', () => {
    spec
      .given(...cluster(), ...webOnS1, fact('ClusterStopping'))
      .when(leave)
      .thenFollows(that('GroupStopping', { factor: 'CLUSTERSHUTDOWN', next: null }))
    spec
      .given(...cluster(), ...webOnS1, wanted('web', 'stopped'))
      .when(leave)
      .thenFollows(that('GroupStopping', { factor: 'GROUPSTOP', next: null }))
  })
  test('of nothing, otherwise', () => {
    spec
      .given(...cluster(), ...webOnS1, cutOff('s2'))
      .when(leave)
      .thenNothing()
    spec
      .given(...cluster(), ...webOnS1, fact('ClusterStopping'), stopping('web', 5, 'CLUSTERSHUTDOWN'))
      .when(leave)
      .thenNothing()
  })
})

test('a group whose stop had failed before its machine started anew, and whose start fails then, stops with its cluster', () => {
  const stuck = { attempt: 2, durationMs: 1, because: 'even by force', stalled: false }
  const story = spec.given(
    ...[...cluster(), ...webOnS1, stopping('web', 5, 'GROUPMOVE', 's2')],
    ...[ofResource('DeactivationFailed', 'httpd', 5, stuck), failed('web', 5), joined('s1', 's1-boot-2')],
    ...[failed('web', 5), fact('ClusterStopping')],
  )
  story.when((state) => vacate(state, onS1)).thenFollows(that('GroupStopping', { group: 'web', next: null }))
})
