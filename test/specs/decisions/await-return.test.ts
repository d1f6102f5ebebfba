/** Servers that were stopped, and are there again: what they may, and may not, until an operator lets them return. */
import { describe, expect, test } from 'vitest'
import { assignGroups, endStartSync } from '../../../src/decisions/assign-groups.ts'
import { endServer } from '../../../src/decisions/final-action.ts'
import { joinServer, leaveCluster } from '../../../src/decisions/join-server.ts'
import { type Standpoint, standingOf } from '../../../src/decisions/may-run.ts'
import { operate, settlement } from '../../../src/decisions/operate.ts'
import { vacate } from '../../../src/decisions/report-group.ts'
import { takeOver } from '../../../src/decisions/take-over.ts'
import {
  type Command,
  type Event,
  type Generation,
  groupName,
  type Incarnation,
  operationId,
  voterName,
} from '../../../src/events/index.ts'
import type { State } from '../../../src/projections/state.ts'
import { fact } from '../../recorded-log.ts'
import { type Given, spec } from '../spec.ts'
import { ask, assigned, configuredAs, declaredDown, epoch, knows, left, online, s1, s2, that, web } from './demo.ts'

const t = groupName('t')
const address = { type: 'fip', address: '10.0.0.100/24' }
const managed = (t: object = {}): Event =>
  configuredAs({
    cluster: {
      servers: ['s1', 's2'].map((name, at) => ({ name, addresses: { lan: `10.0.0.${at + 1}` } })),
      witness: { name: 'w', addresses: { lan: '10.0.0.9' } },
      groups: {
        web: { servers: ['s1', 's2'], resources: { httpd: { type: 'exec', start: 'httpd' } } },
        t: { kind: 'management', servers: ['s1', 's2'], resources: { address }, ...t },
      },
    },
  })
const come = (server: string, boot: string, more: object = {}): Event =>
  fact('ServerJoined', { server, incarnation: 1, boot, heardBy: ['s1', 's2', 'w'], ...more })
const stop = (server: string): Event => fact('ServerStopOrdered', { server })
const start = (server: string): Event => fact('ServerStartOrdered', { server })
const back = (server: string): Event => come(server, 'second', { awaitsReturn: true })

/** Commits 1 to 7: both had joined, were stopped and have left. */
const stopped = (t: object = {}): readonly Given[] => [
  [fact('ClusterCreated', { cluster: 'demo' }), managed(t)],
  come('s1', 'first'),
  come('s2', 'first'),
  stop('s1'),
  left('s1', 2),
  stop('s2'),
  left('s2', 3),
]
/** Commits 8 and 9: both are there again. */
const awaiting = spec.given(...stopped(), back('s1'), back('s2'))
const facts = knows(s1, { hears: ['s2'] })
const assign = (state: State) => assignGroups(state, facts)
const vacated = (state: State) => vacate(state, facts)
const wish = {
  me: s1,
  incarnation: 3 as Incarnation,
  boot: 'second',
  needs: 'it is not a member',
  heardBy: ['s1', 'w'].map(voterName),
  majority: 2,
}
const join = (state: State) => joinServer(state, wish)
const asked = (command: Command) => (state: State) => operate(state, ask(command), facts)

describe('a server that was told to stop', () => {
  const story = spec.given(...stopped())
  test('joins once its machine has started anew, to await its return', () => {
    story.when(join).thenFollows(that('ServerJoined', { server: 's1', boot: 'second', awaitsReturn: true }))
  })
  test('does not before that: it was stopped on purpose', () => {
    story.when((state) => joinServer(state, { ...wish, boot: 'first' })).thenNothing()
  })
  test('does not where no management group may run on it', () => {
    spec
      .given(...stopped({ kind: 'failover' }))
      .when(join)
      .thenNothing()
    spec
      .given(...stopped({ servers: ['s2'] }))
      .when(join)
      .thenNothing()
  })
  test('rule 9: does not when no majority hears it', () => {
    story.when((state) => joinServer(state, { ...wish, heardBy: [voterName('s1')] })).thenNothing()
  })
  test('joins as ever once it may return', () => {
    const { events } = joinServer(story.and(start('s1')).state(), wish) ?? { events: [] }
    expect(events).toEqual([come('s1', 'second', { incarnation: 3, heardBy: ['s1', 'w'] })])
  })
})

describe('a server that awaits its return', () => {
  test('is a member with a generation of its own', () => {
    expect(awaiting.state().servers.byName.s1).toMatchObject({
      status: 'up',
      generation: 8,
      stopOrdered: true,
      awaitsReturn: true,
    })
  })
  test('joins anew as any other, and goes on awaiting', () => {
    awaiting.when(join).thenFollows(that('ServerJoined', { awaitsReturn: true }))
    awaiting
      .and(declaredDown('s1', 8))
      .when(join)
      .thenFollows(that('ServerJoined', { awaitsReturn: true }))
  })
  test('does not leave', () => {
    awaiting.when((state) => leaveCluster(state, s1, 8 as Generation)).thenNothing()
  })
  test('is given management groups, and no word is lost on those that have to wait', () => {
    awaiting.when(assign).thenFollows(that('GroupAssigned', { group: 't', server: 's1', reason: 'startup' }))
  })
  test('is unfit for all others, and it is said what would help', () => {
    awaiting
      .when(asked({ do: 'start-group', group: web, server: null }))
      .thenRefused(
        'no server can take web: s1: it awaits its return (baton server start s1); s2: it awaits its return (baton server start s2)',
        /start one of these servers/,
      )
  })
  test('takes management groups over, and nothing else', () => {
    const both = awaiting.and(
      start('s2'),
      assigned('web', 's2'),
      online('web', 11),
      assigned('t', 's2'),
      online('t', 13),
    )
    const supported = knows(s1, { hears: [], supports: { s2: ['s1', 'w'] } })
    both
      .when((state) => takeOver(state, supported))
      .thenFollows(
        that('ServerDeclaredDown', { server: 's2', generation: 9 }),
        that('GroupWaiting', { group: 'web', because: 'no server fits' }),
        that('GroupAssigned', { group: 't', server: 's1', reason: 'failover' }),
      )
  })
  test('is taken over from as any other', () => {
    const supported = knows(s2, { hears: [], supports: { s1: ['s2', 'w'] } })
    awaiting
      .and(assigned('t', 's1'))
      .when((state) => takeOver(state, supported))
      .thenFollows(that('ServerDeclaredDown', { server: 's1', generation: 8 }), that('GroupAssigned', { server: 's2' }))
  })
  test('is no healthy server for whom a final action may end another', () => {
    const one = awaiting.and(start('s1')).state()
    expect(endServer(one, 'reboot', 'no', facts)).toMatchObject({ suppressed: expect.stringContaining('no other') })
    expect(endServer(awaiting.and(start('s1'), start('s2')).state(), 'reboot', 'no', facts)).toHaveProperty('ordered')
  })
  test('stops when it is told to once more', () => {
    const running = awaiting.and(assigned('t', 's1'), online('t', 10))
    running.when(vacated).thenNothing()
    const command = { do: 'stop-server', server: s1 } as const
    running.when(asked(command)).thenFollows(that('OperationRequested'), that('ServerStopOrdered', { server: 's1' }))
    running
      .and(stop('s1'))
      .when(vacated)
      .thenFollows(that('GroupStopping', { group: 't', factor: 'SERVERSHUTDOWN', next: { server: 's2' } }))
  })
  test('is done with an order to stop that its machine has outlived', () => {
    const command = { do: 'stop-server', server: s1 } as const
    const requested = fact('OperationRequested', { operation: 'o1', command, from: 's2' })
    expect(settlement(awaiting.and(requested).state(), operationId('o1'))).toMatchObject({ outcome: 'done' })
  })
})

describe('what a server still owned when its machine started anew', () => {
  const died = spec.given(
    ...[[fact('ClusterCreated', { cluster: 'demo' }), managed()] as const, come('s1', 'first'), come('s2', 'first')],
    ...[assigned('web', 's1'), online('web', 4), assigned('t', 's1'), online('t', 6), stop('s1'), back('s1')],
  )
  const at: Standpoint = {
    me: s1,
    isLeased: true,
    hasBarrier: true,
    stoppedEpoch: undefined,
    running: [],
    isInherited: false,
  }
  const passedOn = died.after(vacated)

  test('is not started there, but for management groups', () => {
    expect(standingOf(died.state(), web, at)).toBe('stop')
    expect(standingOf(died.state(), t, { ...at, running: [epoch(6)] })).toBe('run')
  })
  test('goes on to another server', () => {
    died.when(vacated).thenFollows(that('GroupStopping', { group: 'web', next: { server: 's2' } }))
    expect(standingOf(passedOn.state(), web, at)).toBe('run')
  })
  test('does not run without a lease, whatever it is', () => {
    expect(standingOf(died.state(), t, { ...at, isLeased: false })).toBe('release')
    expect(standingOf(died.state(), t, { ...at, hasBarrier: false })).toBe('release')
  })
  test('is started there when it may return', () => {
    expect(standingOf(died.and(start('s1')).state(), web, at)).toBe('run')
  })
})

describe('the wait for missing servers', () => {
  const isStarting = (...events: readonly Event[]) => spec.given(...stopped(), ...events).state().cluster.starting
  test('is one for management groups first', () => {
    expect(isStarting(back('s1'))).toBe(true)
    expect(isStarting(back('s1'), back('s2'))).toBe(false)
  })
  test('is one for all others once the first server returns', () => {
    expect(isStarting(back('s1'), back('s2'), start('s1'))).toBe(true)
    expect(isStarting(back('s1'), back('s2'), start('s1'), start('s2'))).toBe(false)
    expect(isStarting(back('s1'), start('s1'), back('s2'))).toBe(true)
    expect(isStarting(back('s1'), start('s1'), back('s2'), start('s2'))).toBe(false)
  })
  test('is not begun by who awaits, or returns, beside a server in service', () => {
    const ended = fact('StartSyncEnded', { because: 'an operator said so', missing: ['s2'] })
    expect(isStarting(back('s1'), start('s1'), ended, back('s2'))).toBe(false)
    expect(isStarting(back('s1'), start('s1'), ended, back('s2'), start('s2'))).toBe(false)
  })
  test('is not ended by a word about servers that are not there', () => {
    const first = [[fact('ClusterCreated', { cluster: 'demo' }), managed()] as const, start('s1')]
    expect(spec.given(...first).state().cluster.starting).toBe(true)
  })
  test('names those that have not returned where another has', () => {
    const end = (state: State) => endStartSync(state, 300_000)
    spec
      .given(...stopped(), back('s1'))
      .when(end)
      .thenFollows(that('StartSyncEnded', { missing: ['s2'] }))
    awaiting
      .and(start('s1'))
      .when(end)
      .thenFollows(that('StartSyncEnded', { missing: ['s2'] }))
  })
})

test('a log of before, on which a stopped server has joined, means what it meant', () => {
  const joined = spec.given(...stopped(), come('s1', 'second')).state()
  expect(joined.servers.byName.s1).toMatchObject({ status: 'up', stopOrdered: true, awaitsReturn: false })
})

test('a partition that was lost stops a server that awaits its return, too', () => {
  const lost = fact('PartitionLost', { server: 's1', action: 'stop-service', practice: false, reasons: [] })
  expect(awaiting.and(lost).state().servers.byName.s1).toMatchObject({ stopOrdered: true, awaitsReturn: false })
})
