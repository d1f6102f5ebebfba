import { test } from 'vitest'
import { takeOver, takeOverByOrder } from '../../../src/decisions/take-over.ts'
import type { State } from '../../../src/projections/state.ts'
import { fact } from '../../recorded-log.ts'
import { spec } from '../spec.ts'
import { assigned, cluster, declaredDown, knows, online, s2, s3, that, wanted, webOnS1 } from './demo.ts'

const supported = { hears: ['s3'], supports: { s1: ['s2', 's3'] } }
const takeOverByS2 = (state: State) => takeOver(state, knows(s2, supported))

test('a majority supports the removal of a server: it is declared down and its groups move, in one commit', () => {
  spec
    .given(...cluster(), ...webOnS1)
    .when(takeOverByS2)
    .thenFollows(
      that('ServerDeclaredDown', { server: 's1', generation: 2, supports: [{ voter: 's2' }, { voter: 's3' }] }),
      that('GroupAssigned', { group: 'web', server: 's2', reason: 'failover' }),
    )
    .because({ majority: 2, generation: 2 })
})

test('the supports of a minority move nothing', () => {
  spec
    .given(...cluster(), ...webOnS1)
    .when((state) => takeOver(state, knows(s2, { hears: ['s3'], supports: { s1: ['s2'] } })))
    .thenNothing()
})

test('nobody takes over from itself', () => {
  spec
    .given(...cluster())
    .when((state) => takeOver(state, knows(s2, { supports: { s2: ['s1', 's3'] } })))
    .thenNothing()
})

test('a server that is down already is not declared down again', () => {
  spec
    .given(...cluster(), ...webOnS1, declaredDown('s1', 2))
    .when(takeOverByS2)
    .thenNothing()
})

test('a suspended cluster decides nothing by itself', () => {
  spec
    .given(...cluster(), ...webOnS1, fact('ClusterSuspended'))
    .when(takeOverByS2)
    .thenNothing()
})

test('but what an operator orders; its groups wait until it is resumed', () => {
  spec
    .given(...cluster(), ...webOnS1, fact('ClusterSuspended'))
    .when((state) => takeOverByOrder(state, knows(s2, supported)))
    .thenFollows(that('ServerDeclaredDown', { server: 's1', generation: 2 }))
})

test('one that was told to stop, and says itself that it has, has left: nobody need look at it', () => {
  const stopOrdered = fact('ServerStopOrdered', { server: 's1' })
  const byItsWord = {
    ...knows(s2, supported),
    supporters: () => [s2, s3].map((voter) => ({ voter, reason: 'renounced' as const })),
  }
  spec
    .given(...cluster(), stopOrdered)
    .when((state) => takeOver(state, byItsWord))
    .thenFollows(that('ServerLeft', { server: 's1', generation: 2, reason: 'stopped' }))
  spec
    .given(...cluster())
    .when((state) => takeOver(state, byItsWord))
    .thenFollows(that('ServerDeclaredDown', { server: 's1' }))
  spec
    .given(...cluster(), stopOrdered)
    .when(takeOverByS2)
    .thenFollows(that('ServerDeclaredDown', { server: 's1' }))
  // By nothing else does the log of a pair go on with one server.
  spec
    .given(...cluster({ cluster: { topology: 'pair' } }), stopOrdered)
    .when((state) => takeOver(state, byItsWord))
    .thenFollows(that('ServerDeclaredDown', { server: 's1' }))
})

test('an idle server is declared down as well', () => {
  spec
    .given(...cluster())
    .when(takeOverByS2)
    .thenFollows(that('ServerDeclaredDown', { server: 's1' }))
})

test('a group that nobody wants does not move', () => {
  spec
    .given(...cluster(), ...webOnS1, wanted('web', 'stopped'))
    .when(takeOverByS2)
    .thenFollows(that('ServerDeclaredDown', { server: 's1' }))
})

test('a stopped cluster moves no group', () => {
  spec
    .given(...cluster(), ...webOnS1, fact('ClusterStopping'))
    .when(takeOverByS2)
    .thenFollows(that('ServerDeclaredDown', { server: 's1' }))
})

test('a group with failover by hand waits for an operator, and says so', () => {
  spec
    .given(...cluster({ web: { failover: 'manual' } }), ...webOnS1)
    .when(takeOverByS2)
    .thenFollows(
      that('ServerDeclaredDown', { server: 's1' }),
      that('GroupWaiting', { group: 'web', because: 'its failover attribute is manual: an operator must start it' }),
    )
})

test('a group that fits nowhere waits, with a verdict for every server', () => {
  spec
    .given(...cluster({ web: { servers: ['s1', 's3'] } }), ...webOnS1)
    .when((state) => takeOver(state, knows(s2, { hears: [], supports: { s1: ['s2', 's3'] } })))
    .thenFollows(
      that('ServerDeclaredDown', { server: 's1' }),
      that('GroupWaiting', {
        because: 'no server fits',
        verdicts: [
          { server: 's1', because: 'it is being declared down' },
          { server: 's3', because: 'it has not been heard lately' },
        ],
      }),
    )
})

test('absolute exclusion holds within one takeover: each group is placed knowing where those before it went', () => {
  const exclusive = { exclusion: 'absolute', servers: ['s1', 's2', 's3'] }
  spec
    .given(
      ...cluster({ web: exclusive, db: { startup: 'auto', exclusion: 'absolute', servers: ['s2', 's3', 's1'] } }),
      [assigned('web', 's1'), assigned('db', 's1')],
      online('web', 5),
    )
    .when(takeOverByS2)
    .thenFollows(
      that('ServerDeclaredDown'),
      that('GroupAssigned', { group: 'web', server: 's2' }),
      that('GroupAssigned', { group: 'db', server: 's3' }),
    )
})

test('normal exclusion within one takeover: apart where possible, together where not', () => {
  const exclusive = { startup: 'auto', exclusion: 'normal', servers: ['s1', 's2', 's3'] }
  const story = spec.given(...cluster({ web: exclusive, db: exclusive }), [assigned('web', 's1'), assigned('db', 's1')])
  story
    .when(takeOverByS2)
    .thenFollows(
      that('ServerDeclaredDown'),
      that('GroupAssigned', { server: 's2' }),
      that('GroupAssigned', { server: 's3' }),
    )
  story
    .when((state) => takeOver(state, knows(s2, { hears: [], supports: { s1: ['s2', 's3'] } })))
    .thenFollows(
      that('ServerDeclaredDown'),
      that('GroupAssigned', { server: 's2' }),
      that('GroupAssigned', { server: 's2' }),
    )
})

test('two servers gone: one commit for each, and no group goes to the other that is gone', () => {
  const both = { hears: [], supports: { s1: ['s2', 's3'], s3: ['s2', 's1'] } }
  const story = spec.given(...cluster(), assigned('web', 's3'))
  story.when((state) => takeOver(state, knows(s2, both))).thenFollows(that('ServerDeclaredDown', { server: 's1' }))
  story
    .after((state) => takeOver(state, knows(s2, both)))
    .when((state) => takeOver(state, knows(s2, both)))
    .thenFollows(that('ServerDeclaredDown', { server: 's3' }), that('GroupAssigned', { group: 'web', server: 's2' }))
})
