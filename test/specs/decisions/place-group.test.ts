import { describe, expect, test } from 'vitest'
import { type PlacementWish, placeGroup } from '../../../src/decisions/place-group.ts'
import { fact } from '../../recorded-log.ts'
import { type Given, stateOf } from '../spec.ts'
import {
  assigned,
  cluster,
  configuredAs,
  cutOff,
  declaredDown,
  everybody,
  left,
  s1,
  s2,
  stopped,
  stopping,
  verdict,
  web,
  webOnS1,
} from './demo.ts'

const placed = (given: readonly Given[], wish: Partial<PlacementWish> = {}) =>
  placeGroup(stateOf(given), web, { reachable: everybody, ...wish })
const why = (given: readonly Given[], wish: Partial<PlacementWish> = {}) =>
  Object.fromEntries(placed(given, wish).verdicts.map(({ server, because }) => [server, because]))

test('a group goes to the first server of its list, and every server gets a verdict', () => {
  expect(placed(cluster())).toEqual({
    chosen: 's1',
    verdicts: [
      { server: 's1', fit: 'chosen', because: 'number 1 of its list' },
      { server: 's2', fit: 'fit', because: 'number 2 of its list' },
      { server: 's3', fit: 'fit', because: 'number 3 of its list' },
    ],
  })
})

describe('a server is not fit', () => {
  test('that has not joined', () => {
    expect(why(cluster().slice(0, 3))).toMatchObject({ s3: 'it has not joined the cluster yet' })
  })
  test('that is down', () => {
    expect(why([...cluster(), declaredDown('s1', 2)])).toMatchObject({ s1: 'it is down' })
  })
  test('that has left, or was told to', () => {
    expect(why([...cluster(), left('s1', 2)])).toMatchObject({ s1: 'it is stopped' })
    expect(why([...cluster(), fact('ServerStopOrdered', { server: 's1' })])).toMatchObject({ s1: 'it is stopped' })
  })
  test('that is not heard', () => {
    const answer = placed(cluster(), { reachable: new Set(['s2', 's3']) })
    expect(answer.chosen).toBe('s2')
    expect(answer.verdicts[0]).toEqual({ server: 's1', fit: 'unfit', because: 'it has not been heard lately' })
  })
  test('that is to be avoided, with the reason', () => {
    expect(why(cluster(), { avoid: { [s1]: 'httpd failed there' } })).toMatchObject({ s1: 'httpd failed there' })
  })
  test('that was not asked for', () => {
    expect(placed(cluster(), { only: s2 }).chosen).toBe('s2')
    expect(why(cluster(), { only: s2 })).toMatchObject({ s1: 'not the server asked for' })
  })
})

test('when no server fits, nobody is chosen', () => {
  expect(placed(cluster(), { reachable: new Set() }).chosen).toBeNull()
})

test('a group that is not configured goes nowhere, without verdicts', () => {
  expect(placeGroup(stateOf(cluster()), 'none' as typeof web, { reachable: everybody })).toEqual({
    chosen: null,
    verdicts: [],
  })
})

describe('exclusion', () => {
  const both = (exclusion: string) => cluster({ web: { exclusion }, db: { exclusion } })

  test('normal: a server with another exclusive group is the last choice', () => {
    const given = [...both('normal'), assigned('db', 's1')]
    expect(placed(given).chosen).toBe('s2')
    expect(why(given)).toMatchObject({ s1: 'db is there, and each is better alone' })
  })
  test('normal: it is chosen all the same when nothing else is free', () => {
    expect(placed([...both('normal'), assigned('db', 's1')], { reachable: new Set(['s1']) }).chosen).toBe('s1')
  })
  test('absolute: never together', () => {
    const answer = placed([...both('absolute'), assigned('db', 's1')], { reachable: new Set(['s1']) })
    expect(answer.chosen).toBeNull()
    expect(answer.verdicts[0]?.because).toBe('db is there, and both exclude each other absolutely')
  })
  test('absolute: not even where the other is about to go', () => {
    const given = [...both('absolute'), assigned('db', 's2'), stopping('db', 5, 'GROUPMOVE', 's1')]
    expect(placed(given).chosen).toBe('s3')
  })
  test('the two kinds do not exclude each other', () => {
    const given = [...cluster({ web: { exclusion: 'absolute' }, db: { exclusion: 'normal' } }), assigned('db', 's1')]
    expect(placed(given).chosen).toBe('s1')
  })
})

test('a server that is cut off from the ping targets is the last choice', () => {
  expect(placed([...cluster(), cutOff('s1')]).chosen).toBe('s2')
  expect(placed([...cluster(), cutOff('s1')], { reachable: new Set(['s1']) }).chosen).toBe('s1')
})

describe('dynamic', () => {
  const dynamic = cluster({ web: { failover: 'dynamic' } })

  test('what was found of a group that has left does not count', () => {
    const watched = cluster({ web: { failover: 'dynamic' }, monitor: { when: 'active' } })
    expect(placed([...watched, ...webOnS1, verdict('s1', 'error')]).chosen).toBe('s2')
    expect(placed([...watched, ...webOnS1, verdict('s1', 'error'), stopped('web', 5)]).chosen).toBe('s1')
  })
  test('nor does the loss of a resource that has no monitor of its own', () => {
    const web = { failover: 'dynamic', resources: { httpd: { type: 'service', unit: 'httpd.service' } } }
    const lost = [...cluster({ web }), ...webOnS1, verdict('s1', 'error', 'web.httpd')]
    expect(placed(lost).chosen).toBe('s2')
    expect(placed([...lost, stopped('web', 5)]).chosen).toBe('s1')
  })
  test('nor does that of a monitor which the configuration has no more', () => {
    const configured = configuredAs({ web: { failover: 'dynamic' }, cluster: { monitors: {} } })
    expect(placed([...dynamic, verdict('s1', 'error'), configured]).chosen).toBe('s1')
    // One that comes late, too.
    expect(placed([...dynamic, configured, verdict('s1', 'error')]).chosen).toBe('s1')
  })
  test('the healthiest server comes first, ties by order', () => {
    expect(placed([...dynamic, verdict('s1', 'error')]).chosen).toBe('s2')
    expect(why([...dynamic, verdict('s1', 'error')])).toMatchObject({ s1: '1 monitor error' })
    expect(placed([...dynamic, verdict('s1', 'error'), verdict('s2', 'error')]).chosen).toBe('s3')
  })
  test('a suspended monitor says nothing', () => {
    const suspended = fact('MonitorSuspended', { monitor: 'look', server: null })
    expect(placed([...dynamic, verdict('s1', 'error'), suspended]).chosen).toBe('s1')
  })
  test('a lost network weighs more than a monitor', () => {
    expect(
      placed([...dynamic, cutOff('s1'), verdict('s2', 'error')], { reachable: new Set(['s1', 's2']) }).chosen,
    ).toBe('s2')
  })
  test('in list order, errors of monitors do not count', () => {
    expect(placed([...cluster(), verdict('s1', 'error')]).chosen).toBe('s1')
  })
})
