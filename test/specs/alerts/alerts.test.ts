import { describe, expect, test } from 'vitest'
import { type Event, sequence } from '../../../src/events/index.ts'
import { type Alert, alertsAfter, alertsOf } from '../../../src/projections/alerts.ts'
import { fold, initialState } from '../../../src/projections/state.ts'
import { fact } from '../../recorded-log.ts'
import {
  activated,
  activationFailed,
  applied,
  assigned,
  declaredDown,
  joined,
  left,
  logAfterBeginning,
  ofApp,
  ofGroup,
  online,
  path,
  stopped,
  verdictIs,
} from '../projections/demo-cluster.ts'

const all = (...events: readonly Event[]): readonly Alert[] =>
  alertsAfter(sequence(3), { commits: logAfterBeginning(...events), before: initialState })
/** What the last event tells. */
const told = (...events: readonly Event[]): readonly string[] =>
  all(...events)
    .filter((alert) => alert.sequence === 3 + events.length)
    .map(({ module, id, severity, message }) => `${module}/${id} ${severity}: ${message}`)

test('an alert says what, when, where and by which commit', () => {
  expect(all(assigned('s1'), activationFailed(4, 'no end', true)).at(-1)).toEqual({
    module: 'rc',
    id: 32,
    severity: 'error',
    message: 'Activating app resource has failed.(99 : command is timeout)',
    at: 1_795_190_405_000,
    server: 's1',
    sequence: 5,
  })
})

describe('servers', () => {
  test('join, restart, are down and leave', () => {
    expect(told(left('s2', 3), joined('s2'))).toEqual(['nm/1 info: Server s2 has joined the cluster.'])
    expect(told(joined('s2', 'another'))).toEqual([
      'nm/2 warning: Server s2 has restarted without having left the cluster.',
    ])
    expect(told(joined('s2'))).toEqual(['nm/3 info: Server s2 has got a new lease generation.'])
    expect(told(assigned('s1'), declaredDown('s1', 2))).toEqual([
      'nm/10 error: Server s1 is down.(s2: hears nothing of it, w: it gave up; it owned: web)',
    ])
    expect(told(left('s2', 3))).toEqual(['nm/11 info: Server s2 has left the cluster.(stopped)'])
  })

  test('that were stopped and are there again say what they wait for, once', () => {
    const gone = [fact('ServerStopOrdered', { server: 's2' }), left('s2', 3)]
    const back = fact('ServerJoined', { server: 's2', incarnation: 2, boot: 'b', heardBy: ['s2'], awaitsReturn: true })
    const words = 'nm/4 info: Server s2 is there again, awaits its return and takes management groups alone.'
    expect(told(...gone, back)).toEqual([words])
    expect(told(...gone, back, back)).toEqual(['nm/3 info: Server s2 has got a new lease generation.'])
    expect(told(...gone, back, declaredDown('s2', 6), back)).toEqual([words])
  })

  test('that lost their lease say what they stopped', () => {
    const lost = fact('LeaseLost', { server: 's1', generation: 2, releasedMs: 640, groups: ['web'] })
    expect(told(lost)).toEqual(['nm/12 error: Server s1 lost its lease and stopped what it ran within 0.64 s: web.'])
  })

  test('declared down under a generation that is over tell the contradiction, not a death', () => {
    expect(told(joined('s1'), declaredDown('s1', 2))).toEqual([
      'cl/41 error: The log contradicts itself.(s1 declared down under generation 2, but it has 4)',
    ])
  })
})

describe('paths', () => {
  const lost = (name: string) => path('PathLost', name)
  const restored = (name: string) => path('PathRestored', name)

  test('lost and restored are told once each', () => {
    expect(told(lost('nats'))).toEqual(['nm/20 warning: Server s1 does not hear s2 on path nats any more.'])
    expect(told(lost('nats'), lost('nats'))).toEqual([])
    expect(told(lost('nats'), restored('nats'))).toEqual(['nm/21 info: Server s1 hears s2 on path nats again.'])
    expect(told(restored('nats'))).toEqual([])
  })

  test('all but one lost is jeopardy', () => {
    expect(told(lost('nats'), lost('lan:private'))).toEqual([
      'nm/20 warning: Server s1 does not hear s2 on path lan:private any more.',
      'nm/22 warning: Jeopardy: server s1 hears s2 on one path only: lan:public.',
    ])
    expect(told(lost('nats'), lost('lan:private'), restored('lan:private'))).toContain(
      'nm/23 info: Server s1 hears s2 on more than one path again.',
    )
  })

  test('what travels over a network is no path beside it', () => {
    expect(told(lost('lan:private'))).toContain(
      'nm/22 warning: Jeopardy: server s1 hears s2 on one path only: lan:public.',
    )
    expect(told(lost('nats'), lost('lan:private'), restored('nats'))).toEqual([
      'nm/21 info: Server s1 hears s2 on path nats again.',
    ])
  })

  test('all lost is silence, and the first one back is jeopardy again', () => {
    const silent = [lost('nats'), lost('lan:private'), lost('lan:public')]
    expect(told(...silent)).toContain('nm/24 error: Server s1 does not hear s2 on any path.')
    expect(told(...silent, restored('nats'))).toContain(
      'nm/22 warning: Jeopardy: server s1 hears s2 on one path only: nats.',
    )
  })

  test('to a server that left or is down are no news', () => {
    expect(told(left('s2', 3), lost('nats'))).toEqual([])
    expect(told(declaredDown('s2', 3), lost('nats'))).toEqual([])
  })
})

describe('groups', () => {
  test('start, come online, stop', () => {
    expect(told(assigned('s1'))).toEqual([
      'rc/10 info: Activating group web on server s1 has started.(start: first in order)',
    ])
    expect(told(assigned('s1'), online(4))).toEqual([
      'rc/11 info: Activating group web on server s1 has completed.(1.2 s)',
    ])
    expect(told(assigned('s1'), stopped(4))).toEqual([
      'rc/21 info: Stopping group web on server s1 has completed.(0.3 s)',
    ])
  })

  test('fail over', () => {
    const story = [assigned('s1'), declaredDown('s1', 2), assigned('s2', 'failover')]
    expect(told(...story)).toEqual([
      'rc/60 warning: Failing over group web from server s1 to server s2 has started.(first in order)',
    ])
    expect(told(...story, online(6))).toEqual(['rc/61 info: Failing over group web to server s2 has completed.(1.2 s)'])
  })

  test('that are not failed over, or wait, say why, once', () => {
    const verdicts = [{ server: 's2', fit: 'unfit', because: 'it is down' }]
    const suppressed = ofGroup('FailoverSuppressed', 4, { because: 'no other healthy server', verdicts })
    expect(told(assigned('s1'), suppressed)).toEqual([
      'rc/100 warning: Group web is not failed over.(no other healthy server; s2: it is down)',
    ])
    expect(told(assigned('s1'), suppressed, suppressed)).toEqual([])
    const waiting = fact('GroupWaiting', { group: 'web', because: 'no server fits', verdicts })
    expect(told(waiting)).toEqual([
      'rc/15 warning: Group web waits for a server that fits.(no server fits; s2: it is down)',
    ])
    expect(told(waiting, waiting)).toEqual([])
  })

  test('of an ownership that is over tell nothing', () => {
    const late = [
      online(4),
      ofGroup('GroupFailed', 4, { because: 'late' }),
      activationFailed(4, 'late'),
      ofApp('ResourceLost', 4, { because: 'late' }),
    ]
    for (const event of late) expect(told(assigned('s1'), stopped(4), assigned('s2'), event)).toEqual([])
  })

  test('given away twice tell the contradiction and what came of it', () => {
    expect(told(assigned('s1'), assigned('s2', 'move'))).toEqual([
      'cl/41 error: The log contradicts itself.(web assigned to s2 while s1 still owned it)',
      'rc/63 info: Moving group web from server s1 to server s2 has started.(first in order)',
    ])
  })
})

describe('resources', () => {
  const failing = (type: string, stalled: boolean) =>
    ofApp(type, 4, { attempt: 2, durationMs: 500, because: 'exit code 1', stalled })

  test('that do not start or stop', () => {
    expect(told(assigned('s1'), failing('ActivationFailed', false))).toEqual([
      'rc/33 error: Activating app resource of group web on server s1 has failed.(attempt 2: exit code 1)',
    ])
    expect(told(assigned('s1'), failing('DeactivationFailed', true))).toEqual([
      'rc/42 error: Stopping app resource has failed.(99 : command is timeout)',
    ])
  })

  test('that are lost, and come back', () => {
    const lost = ofApp('ResourceLost', 4, { because: 'it exited' })
    expect(told(assigned('s1'), lost)).toEqual([
      'rc/50 error: Resource app of group web on server s1 is not running any more.(it exited)',
    ])
    expect(told(assigned('s1'), lost, activated(4))).toEqual([
      'rc/31 info: Activating app resource of group web has completed after it had failed.(0.9 s)',
    ])
    expect(told(assigned('s1'), activated(4))).toEqual([])
  })
})

describe('monitors', () => {
  test('tell changes for the worse, and back from there', () => {
    expect(told(verdictIs('normal'))).toEqual([])
    expect(told(verdictIs('error', 'no answer'))).toEqual([
      'rm/9 error: Detected an error in monitor ping on server s1.(no answer)',
    ])
    expect(told(verdictIs('error'), verdictIs('error', 'still no answer'))).toEqual([])
    expect(told(verdictIs('error'), verdictIs('normal'))).toEqual([
      'rm/8 info: Monitor ping on server s1 is normal again.',
    ])
  })

  test('that were slow say so in seconds', () => {
    const delayed = fact('MonitorDelayed', { monitor: 'ping', server: 's1', elapsedMs: 4321, timeoutMs: 5000 })
    expect(told(delayed)).toEqual(['rm/11 warning: Monitor ping on server s1 was slow: 4.321 s of a time-out of 5 s.'])
  })

  test('are recovered step by step, or not, because', () => {
    const recovery = { monitor: 'ping', server: 's1', group: 'web', count: 2, limit: 3, because: 'no answer' }
    expect(told(fact('RecoveryStarted', { ...recovery, action: 'restart' }))).toEqual([
      'rm/13 warning: Recovery of ping on server s1: restart 2 of 3.(no answer)',
    ])
    expect(told(fact('RecoverySuppressed', { monitor: 'ping', server: 's1', because: 'suspended' }))).toEqual([
      'rm/25 warning: No recovery of ping on server s1.(suspended)',
    ])
  })

  test('suspended twice are told of once', () => {
    const suspended = fact('MonitorSuspended', { monitor: 'ping', server: null })
    expect(told(suspended)).toEqual(['rm/6 info: Monitor ping has been suspended on every server by server s1.'])
    expect(told(suspended, suspended)).toEqual([])
  })
})

describe('the cluster', () => {
  test('says who configured, suspended and stopped it', () => {
    expect(told(applied({}, 2))).toEqual(['cfg/1 info: Configuration version 2 has been applied by server s1.(first)'])
    expect(told(fact('ClusterSuspended'))).toEqual([
      'cl/10 warning: The cluster has been suspended by server s1: nothing is decided automatically.',
    ])
    expect(told(fact('ClusterSuspended'), fact('ClusterSuspended'))).toEqual([])
  })

  test('tells refusals with what was asked and what would make it possible', () => {
    const asked = fact('OperationRequested', {
      operation: 'o1',
      command: { do: 'move-group', group: 'web', server: 's2' },
      from: 's1',
    })
    const refused = fact('OperationRefused', { operation: 'o1', because: 's2 is down', possible: 'start s2' })
    expect(told(asked, refused)).toEqual([
      'op/2 warning: Refused to move group web to s2: s2 is down.(requested by server s1; possible: start s2)',
    ])
  })

  test('tells of newer software once', () => {
    const newer = fact('KettleBoiled', { mirror: 'data' })
    expect(told(newer)).toEqual([
      'cl/40 error: Newer software wrote KettleBoiled to the log: older servers keep what runs and decide nothing.',
    ])
    expect(told(newer, newer)).toEqual([])
  })
})

test('an event may speak of what the one before it in the same commit did', () => {
  const log = logAfterBeginning(assigned('s1'))
  const [last] = log.slice(-1)
  if (!last) throw new Error('an empty log')
  const together = { ...last, commit: { ...last.commit, events: [assigned('s1'), online(4)] as const } }
  const alerts = alertsOf(together, fold(initialState, log.slice(0, -1)))
  expect(alerts.map(({ module, id }) => `${module}/${id}`)).toEqual(['rc/10', 'rc/11'])
})

test('texts of any length harm nothing', () => {
  const [message] = told(assigned('s1'), activationFailed(4, 'x'.repeat(1_000_000)))
  expect(message?.length).toBeLessThan(5000)
})

describe('a server that cannot be fenced', () => {
  const to = (executor: string) =>
    fact('FencingRequested', { server: 's1', generation: 2, groups: ['web'], executor, because: 'x' })
  const failedBy = (executor: string, because: string) =>
    fact('FencingFailed', { server: 's1', generation: 2, executor, attempt: 1, because })
  const inVain = [to('s2'), failedBy('s2', 'no answer'), to('s3'), failedBy('s3', 'no route')]

  test('is told of once for each server that tries, and for each reason', () => {
    expect(told(...inVain.slice(0, 3))).toEqual(['fc/7 warning: Fencing server s1 goes on by server s3.(x)'])
    expect(told(...inVain)).toEqual([
      'fc/3 error: Server s1 could not be fenced: its groups stay uncertain.(attempt 1: no route)',
    ])
    expect(told(...inVain, to('s2'))).toEqual([])
    expect(told(...inVain, to('s2'), failedBy('s2', 'no answer'))).toEqual([])
    expect(told(...inVain, to('s2'), failedBy('s2', 'it is still on'))).toHaveLength(1)
  })
})
