import { describe, test } from 'vitest'
import { assignGroups, endStartSync } from '../../../src/decisions/assign-groups.ts'
import { admitVoters, joinServer, leaveCluster } from '../../../src/decisions/join-server.ts'
import { type Generation, type Incarnation, serverName, voterName } from '../../../src/events/index.ts'
import type { State } from '../../../src/projections/state.ts'
import { fact } from '../../recorded-log.ts'
import { spec } from '../spec.ts'
import {
  assigned,
  cluster,
  declaredDown,
  joined,
  knows,
  left,
  s1,
  s2,
  s3,
  stopped,
  stopping,
  that,
  webOnS1,
} from './demo.ts'

const assign = (state: State) => assignGroups(state, knows(s2))

describe('groups that belong to nobody', () => {
  test('are given to a server when they should run', () => {
    spec
      .given(...cluster())
      .when(assign)
      .thenFollows(that('GroupAssigned', { group: 'web', server: 's1', reason: 'startup' }))
  })
  test('wait while the cluster is starting, suspended or stopped', () => {
    spec
      .given(...cluster().slice(0, 3))
      .when(assign)
      .thenNothing()
    spec
      .given(...cluster(), fact('ClusterSuspended'))
      .when(assign)
      .thenNothing()
    spec
      .given(...cluster(), fact('ClusterStopping'))
      .when(assign)
      .thenNothing()
  })
  test('that nobody can take say why once, and again only when the reasons change', () => {
    const alone = (state: State) => assignGroups(state, knows(s2, { hears: [] }))
    const onlyS1 = spec.given(...cluster({ web: { servers: ['s1'] } }))
    onlyS1.when(alone).thenFollows(that('GroupWaiting', { group: 'web', because: 'no server fits' }))
    onlyS1.after(alone).when(alone).thenNothing()
    onlyS1
      .after(alone)
      .and(declaredDown('s1', 2))
      .when(alone)
      .thenFollows(that('GroupWaiting', { group: 'web' }))
  })
  test('that nobody can take are not told of again and again by servers that do not hear each other', () => {
    const exclusive = { exclusion: 'absolute', servers: ['s1', 's2'] }
    const full = spec.given(
      ...cluster({ web: exclusive, db: exclusive }),
      assigned('db', 's1'),
      fact('ServerStopOrdered', { server: 's2' }),
    )
    const hearsNobody = (state: State) => assignGroups(state, knows(s3, { hears: [] }))
    const hearsAll = (state: State) => assignGroups(state, knows(s3, { hears: ['s1', 's2'] }))
    const verdicts = (...because: readonly string[]) =>
      that('GroupWaiting', { verdicts: because.map((one) => ({ because: one })) })
    const [unheard, rival] = ['it has not been heard lately', 'db is there, and both exclude each other absolutely']
    const told = full.after(hearsNobody)
    full.when(hearsNobody).thenFollows(verdicts(unheard, 'it is stopped'))
    told.when(hearsAll).thenFollows(verdicts(rival, 'it is stopped'))
    told.after(hearsAll).when(hearsNobody).thenNothing()
    told.and(declaredDown('s1', 2)).when(hearsNobody).thenFollows(verdicts('it is down', 'it is stopped'))
  })
  test('that are assigned, or stay stopped, are left alone', () => {
    spec
      .given(...cluster(), ...webOnS1)
      .when(assign)
      .thenNothing()
  })
  test('whose owner went down: a failover; but one by hand stays where it is', () => {
    spec
      .given(...cluster(), ...webOnS1, declaredDown('s1', 2))
      .when(assign)
      .thenFollows(that('GroupAssigned', { group: 'web', server: 's2', reason: 'failover' }))
    spec
      .given(...cluster({ web: { failover: 'manual' } }), ...webOnS1, declaredDown('s1', 2))
      .when(assign)
      .thenNothing()
  })
  test('absolute exclusion holds among groups that start together', () => {
    const exclusive = { exclusion: 'absolute', startup: 'auto' }
    spec
      .given(...cluster({ web: exclusive, db: exclusive }))
      .when(assign)
      .thenFollows(that('GroupAssigned', { server: 's1' }), that('GroupAssigned', { server: 's2' }))
  })
})

describe('start-sync', () => {
  const starting = cluster().slice(0, 3)

  test('ends when its time is over, and names who is missing', () => {
    spec
      .given(...starting)
      .when((state) => endStartSync(state, 300_000))
      .thenFollows(that('StartSyncEnded', { because: 'waited 300 s', missing: ['s3'] }))
  })
  test('goes on before that', () => {
    spec
      .given(...starting)
      .when((state) => endStartSync(state, 299_999))
      .thenNothing()
  })
  test('is over by itself once everybody is there', () => {
    spec
      .given(...cluster())
      .when((state) => endStartSync(state, 1e9))
      .thenNothing()
  })
  test('begins anew when the first server comes after none was there', () => {
    spec
      .given(...cluster(), left('s1', 2), left('s2', 3), left('s3', 4), joined('s1'))
      .when(assign)
      .thenNothing()
  })
})

describe('membership', () => {
  const wish = {
    me: s1,
    incarnation: 3 as Incarnation,
    boot: 'b',
    needs: 'its agent has restarted',
    heardBy: ['s1', 's2'].map(voterName),
    majority: 2,
  }

  test('a server that needs a generation and is heard by a majority joins', () => {
    spec
      .given(...cluster())
      .when((state) => joinServer(state, wish))
      .thenFollows(that('ServerJoined', { server: 's1', incarnation: 3, boot: 'b', heardBy: ['s1', 's2'] }))
      .because({ needs: 'its agent has restarted', generationBefore: 2 })
  })
  test('rule 9: a server that no majority hears does not join', () => {
    spec
      .given(...cluster())
      .when((state) => joinServer(state, { ...wish, heardBy: [voterName('s1')] }))
      .thenNothing()
  })
  test('a server that needs none, or was told to stop, does not join', () => {
    spec
      .given(...cluster())
      .when((state) => joinServer(state, { ...wish, needs: null }))
      .thenNothing()
    spec
      .given(...cluster(), fact('ServerStopOrdered', { server: 's1' }))
      .when((state) => joinServer(state, wish))
      .thenNothing()
  })
  test('a server that is not in the configuration does not join', () => {
    spec
      .given(...cluster(), left('s1', 2))
      .when((state) => joinServer(state, { ...wish, me: serverName('s4') }))
      .thenNothing()
  })
  test('rule 3: the first store of a voter is admitted by itself, another is not', () => {
    const admit = (store: string) => (state: State) => admitVoters(state, { s1: store }, [voterName('s1')])
    spec
      .given(...cluster())
      .when(admit('a'))
      .thenFollows(that('VoterAdmitted', { voter: 's1', store: 'a' }))
    spec
      .given(...cluster())
      .after(admit('a'))
      .when(admit('b'))
      .thenNothing()
  })
  test('a server leaves once it was told to, owns nothing, and has given its word', () => {
    const leave = (state: State) => leaveCluster(state, s1, 2 as Generation)
    const told = fact('ServerStopOrdered', { server: 's1' })
    spec
      .given(...cluster(), told)
      .when(leave)
      .thenFollows(that('ServerLeft', { server: 's1', generation: 2 }))
    spec
      .given(...cluster())
      .when(leave)
      .thenNothing()
    spec
      .given(...cluster(), assigned('web', 's1'), told)
      .when(leave)
      .thenNothing()
    spec
      .given(...cluster(), told)
      .when((state) => leaveCluster(state, s1, 1 as Generation))
      .thenNothing()
    spec
      .given(...cluster(), assigned('web', 's1'), told, stopping('web', 5, 'SERVERSHUTDOWN'), stopped('web', 5))
      .when(leave)
      .thenFollows(that('ServerLeft', { server: 's1' }))
  })
})
