import { describe, expect, test } from 'vitest'
import { fact } from '../../recorded-log.ts'
import {
  activated,
  activationFailed,
  applied,
  assigned,
  configuration,
  declaredDown,
  joined,
  left,
  ofApp,
  ofGroup,
  online,
  stateAfter,
  stopped,
} from './demo-cluster.ts'

const web = (state: ReturnType<typeof stateAfter>) => state.groups.web
const ownership = (state: ReturnType<typeof stateAfter>) => web(state)?.ownership
const app = (state: ReturnType<typeof stateAfter>) => {
  const owned = ownership(state)
  return owned?.status === 'assigned' ? owned.resources.app : undefined
}

describe('an ownership', () => {
  test('is named by the sequence of the commit that gave the group away', () => {
    expect(ownership(stateAfter(assigned('s1')))).toMatchObject({ server: 's1', epoch: 4, phase: 'starting' })
  })

  test('ends when everything of its epoch is off', () => {
    expect(ownership(stateAfter(assigned('s1'), online(4), stopped(4)))).toMatchObject({ status: 'stopped' })
  })

  test('is not touched by a late stop of its predecessor', () => {
    const state = stateAfter(assigned('s1'), stopped(4), assigned('s2'), stopped(4))
    expect(ownership(state)).toMatchObject({ server: 's2', epoch: 6, phase: 'starting' })
    expect(state.anomalies).toEqual([])
  })

  test('is not touched by any other late event of an epoch that is over', () => {
    const before = stateAfter(assigned('s1'), declaredDown('s1', 2), assigned('s2', 'failover'))
    const state = stateAfter(
      assigned('s1'),
      declaredDown('s1', 2),
      assigned('s2', 'failover'),
      online(4),
      ofGroup('GroupFailed', 4, { because: 'late' }),
      ofGroup('GroupStopping', 4, { factor: 'GROUPSTOP', next: null }),
      ofGroup('FailoverSuppressed', 4, { because: 'late', verdicts: [] }),
      activated(4),
      ofApp('ResourceLost', 4, { because: 'late' }),
    )
    expect(state.groups).toEqual(before.groups)
  })

  test('stays stopping when its group comes online late', () => {
    const stopping = ofGroup('GroupStopping', 4, { factor: 'GROUPSTOP', next: null })
    expect(ownership(stateAfter(assigned('s1'), stopping, online(4)))).toMatchObject({ phase: 'stopping' })
  })

  test('ends when its owner is declared down, and when its owner leaves', () => {
    expect(ownership(stateAfter(assigned('s1'), declaredDown('s1', 2)))).toMatchObject({
      status: 'stopped',
      because: 's1 was declared down',
    })
    expect(ownership(stateAfter(assigned('s1'), left('s1', 2)))).toMatchObject({
      status: 'stopped',
      because: 's1 left',
    })
  })

  test('does not end by a word about an older lease generation of its owner', () => {
    const state = stateAfter(joined('s1'), assigned('s1'), declaredDown('s1', 2))
    expect(ownership(state)).toMatchObject({ status: 'assigned', server: 's1', epoch: 5 })
    expect(state.servers.byName.s1?.status).toBe('up')
    expect(state.anomalies).toHaveLength(1)
  })

  test('given away while somebody still has it is an anomaly', () => {
    const state = stateAfter(assigned('s1'), assigned('s2'))
    expect(state.anomalies.map(({ sequence }) => sequence)).toEqual([5])
    expect(ownership(state)).toMatchObject({ server: 's2', epoch: 5 })
  })
})

describe('a restart of the owner', () => {
  test('resets its resources: whatever ran there does not', () => {
    const state = stateAfter(assigned('s1'), activated(4), online(4), joined('s1', 'another boot'))
    expect(ownership(state)).toMatchObject({ phase: 'starting', epoch: 4, resources: {} })
  })

  test('of the agent only leaves them as they are', () => {
    const state = stateAfter(assigned('s1'), activated(4), online(4), joined('s1'))
    expect(ownership(state)).toMatchObject({ phase: 'online' })
    expect(app(state)?.condition).toBe('online')
  })

  test('does not touch groups of others', () => {
    const state = stateAfter(assigned('s1'), activated(4), online(4), joined('s2', 'another boot'))
    expect(app(state)?.condition).toBe('online')
  })
})

describe('a resource', () => {
  test('counts its failed attempts until it is online', () => {
    expect(app(stateAfter(assigned('s1'), activationFailed(4, 'a'), activationFailed(4, 'b')))?.failedAttempts).toBe(2)
    expect(app(stateAfter(assigned('s1'), activationFailed(4, 'a'), activated(4)))?.failedAttempts).toBe(0)
  })

  test('that is lost says why', () => {
    const state = stateAfter(assigned('s1'), activated(4), ofApp('ResourceLost', 4, { because: 'exit code 1' }))
    expect(app(state)).toMatchObject({ condition: 'lost', because: 'exit code 1' })
  })

  test('starts afresh under a new ownership', () => {
    expect(app(stateAfter(assigned('s1'), activationFailed(4, 'a'), stopped(4), assigned('s2')))).toBeUndefined()
  })
})

describe('failovers', () => {
  const failingOver = ofGroup('GroupStopping', 4, { factor: 'GROUPFAILOVER', next: null })
  const failedOver = [assigned('s1'), failingOver, stopped(4), assigned('s2', 'failover')]

  test('for failures of the group itself are counted', () => {
    expect(web(stateAfter(...failedOver))?.failovers).toBe(1)
  })

  test('because a server crashed say nothing against the group, nor do moves', () => {
    expect(web(stateAfter(assigned('s1'), declaredDown('s1', 2), assigned('s2', 'failover')))?.failovers).toBe(0)
    expect(web(stateAfter(assigned('s1'), stopped(4), assigned('s2', 'move')))?.failovers).toBe(0)
  })

  test('count from zero after a healthy period, and when the cluster is started', () => {
    expect(web(stateAfter(...failedOver, fact('FailoverCountReset', { group: 'web' })))?.failovers).toBe(0)
    expect(web(stateAfter(...failedOver, fact('ClusterStarted')))?.failovers).toBe(0)
  })
})

describe('a configuration', () => {
  test('brings groups in as their startup attribute says', () => {
    const { groups } = stateAfter()
    expect(groups.web?.wanted).toBe('started')
    expect(groups.db?.wanted).toBe('stopped')
  })

  test('without a group that runs keeps it until it is off', () => {
    const without = applied({ groups: { db: configuration.groups.db } }, 2)
    expect(web(stateAfter(assigned('s1'), without))?.wanted).toBe('stopped')
    expect(Object.keys(stateAfter(without).groups)).toEqual(['db'])
  })

  test('that a group comes back into brings it in as a new one', () => {
    const without = applied({ groups: { db: configuration.groups.db } }, 2)
    const stopping = ofGroup('GroupStopping', 4, { factor: 'GROUPSTOP', next: null })
    const back = applied({}, 3)
    const stoppedFirst = stateAfter(assigned('s1'), without, stopping, stopped(4), back)
    expect(web(stoppedFirst)).toMatchObject({ wanted: 'started', lastServer: null, ownership: { status: 'stopped' } })
    const whileStopping = stateAfter(assigned('s1'), without, stopping, back)
    expect(web(whileStopping)).toMatchObject({ wanted: 'started', ownership: { phase: 'stopping' } })
    const whileStarting = stateAfter(assigned('s1'), without, back)
    expect(web(whileStarting)).toMatchObject({ wanted: 'started', ownership: { phase: 'starting' } })
  })

  test('that it never left changes nothing of what was asked for', () => {
    const asked = fact('GroupWanted', { group: 'web', wanted: 'stopped' })
    expect(web(stateAfter(asked, applied({}, 2)))?.wanted).toBe('stopped')
  })
})

describe('names that every object has', () => {
  test.each(['__proto__', 'constructor', 'toString'])('%s is no group: an anomaly, and nothing else', (group) => {
    const state = stateAfter(fact('GroupAssigned', { group, server: 's1', reason: 'start', verdicts: [] }))
    expect(state.groups).toEqual(stateAfter().groups)
    expect(state.anomalies.map(({ what }) => what)).toEqual([
      `GroupAssigned names "${group}", which nothing can be called`,
    ])
  })

  test('in a configuration keep it from coming into force', () => {
    const state = stateAfter(applied({ servers: [{ name: 'constructor', addresses: {} }] }, 2))
    expect(state.configuration.version).toBe(1)
    expect(state.anomalies).toHaveLength(1)
  })
})
