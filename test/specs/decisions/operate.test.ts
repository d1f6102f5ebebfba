import { describe, expect, test } from 'vitest'
import type { Facts } from '../../../src/decisions/decision.ts'
import { operate, settlement } from '../../../src/decisions/operate.ts'
import {
  type Command,
  monitorName,
  operationId,
  resourceName,
  serverName,
  voterName,
} from '../../../src/events/index.ts'
import type { State } from '../../../src/projections/state.ts'
import { fact } from '../../recorded-log.ts'
import { type Given, spec } from '../spec.ts'
import {
  activationFailed,
  ask,
  assigned,
  cluster,
  db,
  declaredDown,
  failed,
  knows,
  ofResource,
  online,
  s1,
  s2,
  s3,
  stopped,
  stopping,
  that,
  wanted,
  web,
  webOnS1,
} from './demo.ts'

const asked =
  (command: Command, facts: Facts = knows(s1), stores: Readonly<Record<string, string>> = {}) =>
  (state: State) =>
    operate(state, ask(command, stores), facts)
const given = (...events: readonly Given[]) => spec.given(...cluster(), ...events)
const running = given(...webOnS1)
const deaf = knows(s2, { hears: ['s3'] })

describe('start-group', () => {
  const start = (server: typeof s1 | null = null, facts?: Facts) =>
    asked({ do: 'start-group', group: web, server }, facts)

  test('gives it to the first server that fits, or to the one asked for', () => {
    given()
      .when(start())
      .thenAccepted(
        that('GroupWanted', { wanted: 'started' }),
        that('GroupAssigned', { server: 's1', reason: 'start' }),
      )
    given()
      .when(start(s2))
      .thenAccepted(that('GroupWanted'), that('GroupAssigned', { server: 's2' }))
  })
  test('of a failed group restarts it', () => {
    running
      .and(failed('web', 5))
      .when(start())
      .thenAccepted(that('GroupWanted'), that('GroupStopping', { factor: 'GROUPRESTART', next: { server: 's1' } }))
  })
  test('again: done when it is online; accepted and waited for while it starts', () => {
    running.when(start()).thenSettled('web is online on s1 already')
    given(assigned('web', 's1')).when(start()).thenAccepted()
  })
  test('is refused, with what would make it possible', () => {
    running.when(start(s2)).thenRefused('web is online on s1', 'baton group move web --to s2')
    running
      .and(stopping('web', 5, 'GROUPSTOP'))
      .when(start())
      .thenRefused('web is being stopped on s1', 'wait until it has stopped')
    given(fact('ClusterStopping')).when(start()).thenRefused('the cluster is stopped', 'baton cluster start')
    given(declaredDown('s1', 2))
      .when(start(s1))
      .thenRefused('s1 cannot take web: it is down', 's2 can: the same with that name, or with none')
    given()
      .when(start(null, knows(s1, { hears: [] })))
      .thenAccepted(that('GroupWanted'), that('GroupAssigned'))
    const none = given(declaredDown('s1', 2), declaredDown('s2', 3), declaredDown('s3', 4))
    none.when(start()).thenRefused('no server can take web: s1: it is down; s2: it is down', 'start one of')
    none.when(start(s1)).thenRefused('s1 cannot take web: it is down', 'no other server can take it either')
    given()
      .when(start(serverName('s9')))
      .thenRefused('s9 is not in the server list of web', 'one of: s1, s2, s3')
    given()
      .when(asked({ do: 'start-group', group: 'none' as typeof web, server: null }))
      .thenRefused('there is no group none', 'one of: web, db')
  })
})

describe('stop-group', () => {
  const stop = (facts?: Facts) => asked({ do: 'stop-group', group: web }, facts)

  test('is a wish and the first step', () => {
    running
      .when(stop())
      .thenAccepted(
        that('GroupWanted', { wanted: 'stopped' }),
        that('GroupStopping', { factor: 'GROUPSTOP', next: null }),
      )
  })
  test('of a group on its way elsewhere ends the way', () => {
    running
      .and(stopping('web', 5, 'GROUPMOVE', 's2'))
      .when(stop())
      .thenAccepted(that('GroupWanted', { wanted: 'stopped' }))
  })
  test('of a group that waits for a server', () => {
    given()
      .when(stop())
      .thenAccepted(that('GroupWanted', { wanted: 'stopped' }))
  })
  test('again: done when it is stopped; accepted and waited for while it stops', () => {
    given(wanted('web', 'stopped')).when(stop()).thenSettled('web is stopped already')
    running.after(stop()).when(stop()).thenAccepted()
  })
  test('is refused while its server is not heard', () => {
    running.when(stop(deaf)).thenRefused('its server s1 is not heard', 'wait until s1 is declared down')
  })
})

describe.each(['move-group', 'failover-group'] as const)('%s', (what) => {
  const move = (server: typeof s1 | null = null, facts?: Facts) => asked({ do: what, group: web, server }, facts)
  const factor = what === 'move-group' ? 'GROUPMOVE' : 'GROUPFAILOVER'

  test('is the first of two steps, to the next server or the one asked for', () => {
    running.when(move()).thenAccepted(that('GroupWanted'), that('GroupStopping', { factor, next: { server: 's2' } }))
    running.when(move(s3)).thenAccepted(that('GroupWanted'), that('GroupStopping', { factor, next: { server: 's3' } }))
  })
  test('again: accepted and waited for on its way, done once it is there', () => {
    running.after(move(s2)).when(move(s2)).thenAccepted()
    running
      .after(move(s2))
      .and([stopped('web', 5), assigned('web', 's2', 'move')])
      .when(move(s2))
      .thenAccepted()
    given(assigned('web', 's2'), online('web', 5)).when(move(s2)).thenSettled('web is online on s2 already')
  })
  test('is refused, with what would make it possible', () => {
    given().when(move()).thenRefused('web does not run anywhere', 'baton group start web')
    running.after(move(s2)).when(move(s3)).thenRefused('web is stopping on s1', 'wait until it has settled')
    given(assigned('web', 's1')).when(move(s2)).thenRefused('web is starting on s1', 'wait')
    running.when(move(s2, deaf)).thenRefused('its server s1 is not heard', 'then web moves by itself')
    running.when(move(serverName('s9'))).thenRefused('s9 is not in the server list of web', 'one of: s1, s2, s3')
    running.and(declaredDown('s2', 3)).when(move(s2)).thenRefused('s2 cannot take web: it is down', /./)
    running
      .when(move(null, knows(s1, { hears: [] })))
      .thenRefused(/s1: it runs there now; s2: it has not been heard lately/, /./)
  })
})

describe('one resource by hand', () => {
  const [address, httpd] = ['address', 'httpd'].map(resourceName)
  const start = asked({ do: 'start-resource', group: web, resource: resourceName('httpd') })
  const stop = (resource = httpd) => asked({ do: 'stop-resource', group: web, resource: resource ?? resourceName('') })

  test('is stopped, and started again', () => {
    running.when(stop()).thenAccepted(that('ResourceStopOrdered', { resource: 'httpd', epoch: 5 }))
    running
      .after(stop())
      .when(start)
      .thenAccepted(that('ResourceStartOrdered', { resource: 'httpd', epoch: 5 }))
  })
  test('again: done', () => {
    running.after(stop()).when(stop()).thenSettled('httpd is stopped already')
    running
      .and(ofResource('ResourceActivated', 'httpd', 5, { attempt: 1, durationMs: 1, adopted: false }))
      .when(start)
      .thenSettled('httpd is online already')
  })
  test('is refused, with what would make it possible', () => {
    running.when(stop(address)).thenRefused('httpd needs it', 'baton resource stop web httpd')
    running.when(stop(resourceName('none'))).thenRefused('there is no resource none', 'one of: address, httpd')
    given().when(stop()).thenRefused('web does not run anywhere', 'baton group start web')
    running
      .and(stopping('web', 5, 'GROUPSTOP'))
      .when(stop())
      .thenRefused('web is being stopped', 'wait')
    running.and(failed('web', 5)).when(start).thenRefused('web has failed on s1', 'baton group start web')
    running
      .when(asked({ do: 'stop-resource', group: web, resource: resourceName('httpd') }, deaf))
      .thenRefused('its server s1 is not heard', 'wait until s1 is back')
    running
      .when(asked({ do: 'stop-resource', group: 'none' as typeof web, resource: resourceName('httpd') }))
      .thenRefused('there is no group none', /./)
  })
})

describe('monitors', () => {
  const look = monitorName('look')
  const pairs = [
    ['suspend-monitor', 'MonitorSuspended', 'resume-monitor', 'MonitorResumed'],
    ['enable-dummy-failure', 'DummyFailureEnabled', 'disable-dummy-failure', 'DummyFailureDisabled'],
  ] as const

  test.each(pairs)('%s and back, everywhere and on one server', (on, onEvent, off, offEvent) => {
    for (const server of [null, s2]) {
      const there = asked({ do: on, monitor: look, server })
      const back = asked({ do: off, monitor: look, server })
      given()
        .when(there)
        .thenAccepted(that(onEvent, { monitor: 'look', server }))
      given().after(there).when(there).thenSettled('look is so already')
      given().after(there).when(back).thenAccepted(that(offEvent, { server }))
      given().when(back).thenSettled('look is so already')
    }
  })
  test.each(pairs)('%s on one server is taken back by %s everywhere', (on, _, off, offEvent) => {
    given()
      .after(asked({ do: on, monitor: look, server: s2 }))
      .when(asked({ do: off, monitor: look, server: null }))
      .thenAccepted(that(offEvent))
  })
  test('unknown names are refused with the known ones', () => {
    given()
      .when(asked({ do: 'suspend-monitor', monitor: monitorName('none'), server: null }))
      .thenRefused('there is no monitor none', /look/)
    given()
      .when(asked({ do: 'suspend-monitor', monitor: look, server: serverName('s9') }))
      .thenRefused('there is no server s9', 'one of: s1, s2, s3')
  })
})

describe('the cluster as a whole', () => {
  test.each([
    ['stop-cluster', [], 'ClusterStopping', 'the cluster is stopped already'],
    ['start-cluster', [fact('ClusterStopping')], 'ClusterStarted', 'the cluster is started already'],
    ['suspend-cluster', [], 'ClusterSuspended', 'the cluster is suspended already'],
    ['resume-cluster', [fact('ClusterSuspended')], 'ClusterResumed', 'the cluster is not suspended'],
  ] as const)('%s, and again', (what, before, type, already) => {
    given(...before)
      .when(asked({ do: what }))
      .thenAccepted(that(type))
    given(...before)
      .after(asked({ do: what }))
      .when(asked({ do: what }))
      .thenSettled(already)
  })
  test('a pair is resumed with the declaration that its log waits for; any other takes over by itself', () => {
    const isGone = knows(s2, { hears: ['s3'], supports: { s1: ['s2', 's3'] } })
    const resumed = (state: State) => operate(state, ask({ do: 'resume-cluster' }), isGone)
    const before = [...webOnS1, fact('ClusterSuspended')]
    spec
      .given(...cluster({ cluster: { topology: 'pair' } }), ...before)
      .when(resumed)
      .thenAccepted(
        that('ClusterResumed'),
        that('ServerDeclaredDown', { server: 's1' }),
        that('GroupAssigned', { group: 'web', server: 's2' }),
      )
    spec
      .given(...cluster(), ...before)
      .when(resumed)
      .thenAccepted(that('ClusterResumed'))
  })
  test('skip-start-sync names who is missing, and is done when nothing waits', () => {
    spec
      .given(...cluster().slice(0, 3))
      .when(asked({ do: 'skip-start-sync' }))
      .thenAccepted(that('StartSyncEnded', { missing: ['s3'] }))
    given()
      .when(asked({ do: 'skip-start-sync' }))
      .thenSettled('nothing waits for missing servers')
  })
})

describe('one server', () => {
  const [stop, start] = [asked({ do: 'stop-server', server: s2 }), asked({ do: 'start-server', server: s2 })]

  test('is stopped and started, and again', () => {
    given()
      .when(stop)
      .thenAccepted(that('ServerStopOrdered', { server: 's2' }))
    given().after(stop).when(stop).thenSettled('s2 is stopped already')
    given()
      .after(stop)
      .when(start)
      .thenAccepted(that('ServerStartOrdered', { server: 's2' }))
    given().when(start).thenSettled('s2 is not stopped')
  })
  test('an unknown one is refused', () => {
    given()
      .when(asked({ do: 'stop-server', server: serverName('s9') }))
      .thenRefused('there is no server s9', 'one of: s1, s2, s3')
  })
})

describe('readmit-voter (rule 3)', () => {
  const readmit = (voter: string, stores: Readonly<Record<string, string>>) =>
    asked({ do: 'readmit-voter', voter: voterName(voter) }, knows(s1), stores)
  const admitted = given(fact('VoterAdmitted', { voter: 's2', store: 'old' }))

  test('believes the store that the voter shows now', () => {
    admitted.when(readmit('s2', { s2: 'new' })).thenAccepted(that('VoterAdmitted', { voter: 's2', store: 'new' }))
  })
  test('again: done', () => {
    admitted.when(readmit('s2', { s2: 'old' })).thenSettled('s2 is admitted with that store')
  })
  test('is refused for a voter that is not heard, or is none', () => {
    admitted.when(readmit('s2', {})).thenRefused('s2 is not heard', 'start s2')
    admitted.when(readmit('s9', {})).thenRefused('there is no voter s9', 'one of: s1, s2, s3')
  })
})

describe('what becomes of an operation', () => {
  const settled = (story: typeof running) => settlement(story.state(), operationId('o1'))
  const start = asked({ do: 'start-group', group: web, server: null })
  const stop = asked({ do: 'stop-group', group: web })
  const move = asked({ do: 'move-group', group: web, server: s2 })

  test('nothing is said of one that is unknown or over', () => {
    expect(settled(given())).toBeNull()
    expect(settled(running.after(start))).toBeNull()
  })
  test('a start is done when the group is online, and failed when it failed', () => {
    const asking = given().after(start)
    expect(settled(asking)).toBeNull()
    expect(settled(asking.and(online('web', 5)))).toEqual({ outcome: 'done', detail: 'web is online on s1' })
    expect(settled(asking.and(failed('web', 5, 'httpd: no')))).toEqual({ outcome: 'failed', detail: 'httpd: no' })
  })
  test('a start that was asked for again ends as the first does', () => {
    const again = given(assigned('web', 's1')).after(start)
    expect(settled(again)).toBeNull()
    expect(settled(again.and(online('web', 5)))).toMatchObject({ outcome: 'done' })
    expect(settled(again.and(failed('web', 5)))).toMatchObject({ outcome: 'failed' })
  })
  test('a move is done where it went, not where it was', () => {
    const asking = running.after(move)
    expect(settled(asking)).toBeNull()
    const gone = asking.and([stopped('web', 5), assigned('web', 's2', 'move')])
    expect(settled(gone)).toBeNull()
    expect(settled(gone.and(online('web', 8)))).toEqual({ outcome: 'done', detail: 'web is online on s2' })
  })
  test('a move that finds no server fails with the reason', () => {
    const lost = running
      .after(move)
      .and(stopped('web', 5), fact('GroupWaiting', { group: 'web', because: 'no server fits', verdicts: [] }))
    expect(settled(lost)).toEqual({ outcome: 'failed', detail: 'no server fits' })
  })
  test('a stop is done when the group is stopped', () => {
    expect(settled(running.after(stop))).toBeNull()
    expect(settled(running.after(stop).and(stopped('web', 5)))).toEqual({ outcome: 'done', detail: 'web is stopped' })
  })
  test('what another operator undid has failed, and does not wait for ever', () => {
    expect(
      settled(running.after(stop).and(stopped('web', 5), [wanted('web', 'started'), assigned('web', 's1')])),
    ).toMatchObject({ outcome: 'failed', detail: 'it was started again meanwhile' })
    expect(settled(given().after(start).and(wanted('web', 'stopped')))).toMatchObject({
      outcome: 'failed',
      detail: 'it was stopped meanwhile',
    })
  })
  test('a resource that is started after a failure is not failed for what was before', () => {
    const again = running
      .and(activationFailed('httpd', 5, 'old'))
      .after(asked({ do: 'start-resource', group: web, resource: resourceName('httpd') }))
    expect(settled(again)).toBeNull()
    expect(settled(again.and(activationFailed('httpd', 5, 'new')))).toEqual({ outcome: 'failed', detail: 'new' })
  })
  test('a stopped cluster, server; a started server; a configuration in force', () => {
    const stopAll = running.after(asked({ do: 'stop-cluster' }))
    expect(settled(stopAll)).toBeNull()
    expect(settled(stopAll.and(stopped('web', 5)))).toMatchObject({ outcome: 'done', detail: 'every group is stopped' })
    const stopS2 = given().after(asked({ do: 'stop-server', server: s2 }))
    expect(settled(stopS2)).toBeNull()
    expect(settled(stopS2.and(fact('ServerLeft', { server: 's2', generation: 3, reason: 'stopped' })))).toMatchObject({
      outcome: 'done',
    })
    expect(settled(given().after(asked({ do: 'suspend-cluster' })))).toEqual({ outcome: 'done', detail: 'recorded' })
  })
  test('a started cluster is done when every group is where it should be', () => {
    const began = given(fact('ClusterStopping')).after(asked({ do: 'start-cluster' }))
    expect(settled(began)).toBeNull()
    expect(settled(began.and(assigned('web', 's1'), online('web', 7)))).toMatchObject({ outcome: 'done' })
    expect(db).toBe('db')
  })
})
