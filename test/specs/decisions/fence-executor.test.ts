/** Which server proves a lost one off, and when another takes its place. */
import { test } from 'vitest'
import { takeOverFencing } from '../../../src/decisions/fence-server.ts'
import { type ServerName, serverName } from '../../../src/events/index.ts'
import type { State } from '../../../src/projections/state.ts'
import { fact } from '../../recorded-log.ts'
import { type Given, spec } from '../spec.ts'
import { assigned, cluster, declaredDown, fencingRequested, joined, knows, s2, s3, that } from './demo.ts'

// The usual times: an attempt takes at most 1 minute; 2 more follow 5 s after another, then one a minute.
const takenBy =
  (me: ServerName, silentSeconds: number, hears: readonly string[] = ['s2', 's3']) =>
  (state: State) =>
    takeOverFencing(state, knows(me, { hears }), () => silentSeconds * 1000)
const failures = (count: number, executor = 's2'): readonly Given[] =>
  Array.from({ length: count }, (_, n) =>
    fact('FencingFailed', { server: 's1', generation: 2, executor, attempt: n + 1, because: 'x' }),
  )
const four = cluster({
  cluster: {
    fencing: {
      policy: 'required',
      devices: { bmc: { type: 'command', off: 'true' } },
      levels: { s1: [['bmc']] },
    },
    heartbeat: { timeout: 30_000 },
    servers: [1, 2, 3, 4].map((n) => ({ name: `s${n}`, addresses: { lan: `10.0.0.${n}` } })),
    witness: { name: 'w', addresses: { lan: '10.0.0.9' } },
  },
})
const story = spec.given(...four, joined('s4'), assigned('web', 's1'), [fencingRequested, declaredDown('s1', 2)])
const s4 = serverName('s4')

test('an executor is one server: another takes its place at once when it has gone', () => {
  story
    .and(declaredDown('s2', 3))
    .when(takenBy(s3, 0))
    .thenFollows(that('FencingRequested', { server: 's1', generation: 2, executor: 's3', because: 's2 is gone' }))
})

test('an executor keeps its place while it is at work, though others do not hear it', () => {
  for (const one of [story, story.and(...failures(2))]) {
    one.when(takenBy(s3, 60, [])).thenNothing()
    one.when(takenBy(s4, 60, ['s3'])).thenNothing()
  }
  story.when(takenBy(s2, 1000)).thenNothing()
})

test('an executor that hangs is replaced by the next server, else by the one after it', () => {
  const hung = that('FencingRequested', { executor: 's3', because: 'nothing came of it by s2 for 90 s' })
  story.when(takenBy(s3, 89)).thenNothing()
  story.when(takenBy(s3, 90)).thenFollows(hung)
  story.when(takenBy(s4, 119)).thenNothing()
  story.when(takenBy(s4, 120)).thenFollows(that('FencingRequested', { executor: 's4' }))
  // Its next attempt is 5 s away.
  story
    .and(...failures(2))
    .when(takenBy(s3, 94))
    .thenNothing()
  story
    .and(...failures(2))
    .when(takenBy(s3, 95))
    .thenFollows(that('FencingRequested', { executor: 's3' }))
})

test('an executor that does not reach the device is replaced after its soon attempts', () => {
  story
    .and(...failures(2))
    .when(takenBy(s3, 0))
    .thenNothing()
  const failed = story.and(...failures(3))
  failed
    .when(takenBy(s3, 0))
    .thenFollows(that('FencingRequested', { executor: 's3', because: '3 attempts by s2 failed' }))
  failed.when(takenBy(s4, 29)).thenNothing()
  failed.when(takenBy(s4, 30)).thenFollows(that('FencingRequested', { executor: 's4' }))
})

test('once every server has tried in vain, each goes on slowly for a while before the next one does', () => {
  const s3Failed = story
    .and(...failures(3))
    .after(takenBy(s3, 0))
    .and(...failures(3, 's3'))
  s3Failed.when(takenBy(s2, 60)).thenNothing()
  const all = s3Failed.after(takenBy(s4, 0)).and(...failures(7, 's4'))
  all.when(takenBy(s2, 0)).thenNothing()
  all
    .and(fact('FencingFailed', { server: 's1', generation: 2, executor: 's4', attempt: 8, because: 'x' }))
    .when(takenBy(s2, 0))
    .thenFollows(that('FencingRequested', { executor: 's2', because: '8 attempts by s4 failed' }))
})

test('an executor is not replaced by a server that is down itself, nor while the cluster is suspended', () => {
  story.and(declaredDown('s3', 4)).when(takenBy(s3, 1000)).thenNothing()
  story
    .and(declaredDown('s3', 4))
    .when(takenBy(s4, 90))
    .thenFollows(that('FencingRequested', { executor: 's4' }))
  story.and(fact('ClusterSuspended')).when(takenBy(s3, 1000)).thenNothing()
})
