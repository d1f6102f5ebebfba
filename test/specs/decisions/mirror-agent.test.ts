/** What the agent of a server with a copy of a mirror may do, and what of it goes to the log. */
import { describe, expect, test } from 'vitest'
import {
  mayFollow,
  mustVoid,
  needsFormat,
  reportResync,
  seeSide,
  startResync,
} from '../../../src/decisions/mirror-agent.ts'
import { mirrorName } from '../../../src/events/index.ts'
import { type Given, stateOf } from '../spec.ts'
import { s1, s2 } from './demo.ts'
import {
  alone,
  broken,
  claims,
  constructed,
  g1,
  g2,
  id,
  joinedAs,
  mirror,
  mirrored,
  ordered,
  paired,
  progressed,
  resyncStarted,
  sideSeen,
  stop,
} from './mirror-demo.ts'

const name = mirrorName('web', 'data')

describe('an agent', () => {
  test('shows a copy once: the same claims are no news', () => {
    const seen = seeSide(stateOf([...paired]), claims('s2', { session: 'two' }) as never)
    expect(seen?.events).toMatchObject([{ type: 'MirrorSideSeen' }])
    expect(
      seeSide(stateOf([...paired, sideSeen('s2', { session: 'two' })]), claims('s2', { session: 'two' }) as never),
    ).toBeNull()
  })

  test('voids a copy from the past only while the other side serves: it may be all that is left', () => {
    const past = sideSeen('s2', { epoch: 3 })
    expect(mustVoid(stateOf([...paired, past]), mirror, s2)).toMatchObject({ copy: 'everything' })
    expect(mustVoid(stateOf([...paired, past, ...stop]), mirror, s2)).toBeNull()
    expect(mustVoid(stateOf([...paired, ...stop, sideSeen('s1', { epoch: 3 }), past]), mirror, s1)).toBeNull()
  })

  test('shows nothing of a mirror that was never made: there is nothing to hold it against', () => {
    expect(seeSide(stateOf(mirrored()), claims('s2') as never)).toBeNull()
    expect(seeSide(stateOf([...mirrored(), constructed()]), claims('s2') as never)).not.toBeNull()
  })

  test('formats what it has shown to be empty, never the only good copy', () => {
    const blank = sideSeen('s2', { id: null, generation: null })
    expect(needsFormat(stateOf([...mirrored(), constructed('full')]), mirror, s2)).toBeNull()
    expect(needsFormat(stateOf([...mirrored(), constructed('full'), blank]), mirror, s2)).toEqual({
      id,
      generation: null,
    })
    expect(needsFormat(stateOf([...alone, sideSeen('s1', { id: null, generation: null })]), mirror, s1)).toBeNull()
  })

  test('leaves a stale copy alone where it is brought up by hand, until that is ordered or has begun', () => {
    const byHand = mirrored({ resync: { automatic: false } })
    const follows = (...more: readonly Given[]) => mayFollow(stateOf([...byHand, ...more]), mirror, s2)
    const stale = alone.slice(byHand.length)
    expect(follows(...stale)).toBe('it lacks something (baton mirror resync web.data)')
    expect(mayFollow(stateOf(alone), mirror, s2)).toBeNull()
    for (const order of ['resync', 'resync-full']) expect(follows(...stale, ordered(order))).toBeNull()
    expect(follows(...stale, resyncStarted)).toBeNull()
    expect(follows(...stale, ordered('verify'))).not.toBeNull()
    expect(follows(...stale, joinedAs('s1', 's2', g1, 8))).toBeNull()
  })

  test('tells that a resync begins again after a break that came in the middle of it', () => {
    const begins = (...more: readonly Given[]) =>
      startResync(stateOf([...alone, resyncStarted, ...more]), resyncStarted.data as never)
    expect(begins()).toBeNull()
    expect(begins(broken('s1', 's2', g2, 8))?.events).toMatchObject([{ type: 'MirrorResyncStarted' }])
  })

  test('tells the progress of a resync every ten percent', () => {
    const report = (given: readonly Given[], doneBytes: number) =>
      reportResync(stateOf(given), { mirror: name, target: s2, doneBytes, totalBytes: 1000, elapsedMs: 900 })
    expect(report([...alone, resyncStarted], 50)).toBeNull()
    expect(report([...alone, resyncStarted], 120)).not.toBeNull()
    expect(report([...alone, resyncStarted, progressed(120)], 190)).toBeNull()
  })
})
