/** What a server does to itself when nothing else has helped (F1), stalls with an action of their own (F3), and stuck stops (F4). */
import { describe, expect, test } from 'vitest'
import { placeGroup } from '../../../src/decisions/place-group.ts'
import { giveUp, giveUpStopping, vacate } from '../../../src/decisions/report-group.ts'
import { fact } from '../../recorded-log.ts'
import { type Given, spec } from '../spec.ts'
import {
  activationFailed,
  assigned,
  cluster,
  everybody,
  joined,
  knows,
  ofResource,
  s1,
  seen,
  stopping,
  that,
  web,
  webOnS1,
} from './demo.ts'

const webWith = (httpd: object): Parameters<typeof cluster>[0] => ({
  web: {
    resources: {
      address: { type: 'exec', start: 'address' },
      httpd: { type: 'exec', start: 'httpd', after: ['address'], ...httpd },
    },
  },
})
const hopeless = (action: string) => webWith({ activation: { failovers: 0, finalAction: action } })
const failedToStart: readonly Given[] = [assigned('web', 's1'), activationFailed('httpd', 5)]
const observed = [seen('address', 'on'), seen('httpd', 'failed')]
const giveUpOn =
  (knowing = knows(s1)) =>
  (state: Parameters<typeof giveUp>[0]) =>
    giveUp(state, web, observed, knowing)
const ordered = fact('FinalActionOrdered', { server: 's1', action: 'reboot', boot: 's1-boot-1', because: 'no' })

describe('a group that could not be started anywhere', () => {
  test.each(['reboot', 'panic', 'bmc-cycle'])('ends its server by %s, for this boot of it', (action) => {
    spec
      .given(...cluster(hopeless(action)), ...failedToStart)
      .when(giveUpOn())
      .thenFollows(
        that('FailoverSuppressed', { group: 'web' }),
        that('GroupFailed', { group: 'web' }),
        that('FinalActionOrdered', {
          server: 's1',
          action,
          boot: 's1-boot-1',
          because:
            'web/httpd could not be started after 1 attempt: no; no failover: no failover is configured for this',
        }),
      )
  })

  test('does not when no other server is healthy, and that is recorded', () => {
    spec
      .given(...cluster(hopeless('reboot')), ...failedToStart)
      .when(giveUpOn(knows(s1, { hears: [] })))
      .thenFollows(
        that('FailoverSuppressed'),
        that('GroupFailed'),
        that('FailoverSuppressed', {
          because:
            'the final action (reboot) is suppressed because there is no other healthy server; it was for: web/httpd could not be started after 1 attempt: no; no failover: no failover is configured for this',
        }),
      )
  })

  test('orders it once', () => {
    spec
      .given(...cluster(hopeless('reboot')), ...failedToStart, ordered)
      .when(giveUpOn())
      .thenFollows(that('FailoverSuppressed'), that('GroupFailed'))
  })
})

describe('a stall (F3)', () => {
  const stalling = webWith({ activation: { failovers: 1, stallAction: 'panic' } })
  const stalled = ofResource('ActivationFailed', 'httpd', 5, {
    attempt: 1,
    durationMs: 1,
    because: 'slow',
    stalled: true,
  })

  test('of a start has an action of its own, before any failover', () => {
    spec
      .given(...cluster(stalling), assigned('web', 's1'), stalled)
      .when(giveUpOn())
      .thenFollows(
        that('GroupFailed', { because: 'httpd stalled: slow' }),
        that('FinalActionOrdered', { server: 's1', action: 'panic', because: 'web/httpd stalled: slow' }),
      )
  })

  test('without one is a failure like any other', () => {
    spec
      .given(...cluster(webWith({})), assigned('web', 's1'), stalled)
      .when(giveUpOn())
      .thenFollows(that('GroupStopping', { factor: 'GROUPFAILOVER' }))
  })

  test('and a plain failure is none', () => {
    spec
      .given(...cluster(stalling), ...failedToStart)
      .when(giveUpOn())
      .thenFollows(that('GroupStopping', { factor: 'GROUPFAILOVER' }))
  })
})

test('a group that could not be stopped keeps its server, and ends it (F4)', () => {
  const changes = webWith({ deactivation: { finalAction: 'reboot' } })
  const stuck = ofResource('DeactivationFailed', 'httpd', 5, {
    attempt: 2,
    durationMs: 1,
    because: 'busy',
    stalled: false,
  })
  spec
    .given(...cluster(changes), ...webOnS1, stopping('web', 5, 'GROUPMOVE', 's2'), stuck)
    .when((state) => giveUpStopping(state, web, [seen('httpd', 'stuck', { readTo: 7 })], knows(s1)))
    .thenFollows(
      that('GroupFailed', { because: 'httpd could not be stopped: busy' }),
      that('FinalActionOrdered', {
        server: 's1',
        action: 'reboot',
        because: 'web/httpd could not be stopped: busy, after 1 attempt and by force',
      }),
    )
})

describe('a server that is to end itself', () => {
  const commits: readonly Given[] = [...cluster(), ...webOnS1, ordered]

  test('gives its groups away first', () => {
    spec
      .given(...commits)
      .when((state) => vacate(state, knows(s1)))
      .thenFollows(that('GroupStopping', { group: 'web', factor: 'SERVERSHUTDOWN', next: { server: 's2' } }))
  })

  test('is given none', () => {
    const { chosen, verdicts } = placeGroup(spec.given(...commits).state(), web, { reachable: everybody })
    expect(chosen).toBe('s2')
    expect(verdicts[0]).toMatchObject({ fit: 'unfit', because: 'it is being ended by its final action' })
  })

  test('is fit again once its machine has restarted; another life of its agent alone changes nothing', () => {
    const orderedAfter = (boot: string) => spec.given(...commits, joined('s1', boot)).state().fencing.finalActions
    expect(orderedAfter('s1-boot-1')).toMatchObject({ s1: { action: 'reboot' } })
    expect(orderedAfter('s1-boot-2')).toEqual({})
  })

  test('is fit again when the action failed, which is kept', () => {
    const failed = fact('FinalActionFailed', { server: 's1', action: 'reboot', because: 'code 1' })
    const state = spec.given(...commits, failed).state()
    expect(state.fencing.finalActions.s1).toMatchObject({ failed: 'code 1' })
    expect(placeGroup(state, web, { reachable: everybody }).chosen).toBe('s1')
  })
})
