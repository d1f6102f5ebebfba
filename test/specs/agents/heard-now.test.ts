import { expect, test } from 'vitest'
import { heardNow } from '../../../src/agents/np/heard-now.ts'
import { hear } from '../../../src/decisions/liveness.ts'
import { pathName } from '../../../src/events/index.ts'
import { at, members, T, Voter } from '../liveness/voters.ts'

const seenBy = (voter: Voter, now: number, isUsable: boolean | null = null, wroteAt = null) =>
  heardNow(
    { liveness: () => voter.l, membership: () => members, isUsable: () => isUsable, wroteAt: () => wroteAt },
    at(now),
  )

test('voters that were heard within T are counted, this one included', () => {
  const voter = new Voter('s1')
  expect(seenBy(voter, 0).voters).toEqual({ heard: 1, majority: 2 })
  voter.hears(new Voter('w').beat(0), 0)
  expect(seenBy(voter, T - 1).voters.heard).toBe(2)
  expect(seenBy(voter, T).voters.heard).toBe(1)
})

test('a disk hears, is silent, is broken here, or is not known', () => {
  const voter = new Voter('s1')
  expect(seenBy(voter, 0).disk).toBe('unknown')
  // Two disks that only have the same name are silent for ever.
  expect(seenBy(voter, 0, true).disk).toBe('unknown')
  voter.l = hear(voter.l, new Voter('s2').beat(0), pathName('disk'), members, at(0))
  expect(seenBy(voter, 10, true).disk).toBe('hears')
  expect(seenBy(voter, T, true).disk).toBe('silent')
  expect(seenBy(voter, 10, false).disk).toBe('broken')
})

test('what was heard is as old as when it was heard, not as new as the look at it', () => {
  const voter = new Voter('s1')
  expect(seenBy(voter, 10).asOf).toEqual({ majority: null, com: null, disk: null })
  voter.l = hear(voter.l, new Voter('s2').beat(0), pathName('com'), members, at(20))
  expect(seenBy(voter, T).asOf).toEqual({ majority: at(20), com: at(20), disk: null })
})
