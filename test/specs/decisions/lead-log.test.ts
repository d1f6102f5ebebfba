import { expect, test } from 'vitest'
import { leaderToMoveTo } from '../../../src/decisions/lead-log.ts'
import { type LogStatus, sequence, voterName } from '../../../src/events/index.ts'
import { stateOf } from '../spec.ts'
import { assigned, cluster, everybody, online, stopping } from './demo.ts'

/** s1 leads, and everybody has a current replica. */
const led: LogStatus = {
  reachable: true,
  leader: voterName('s1'),
  last: sequence(9),
  replicas: ['s1', 's2', 's3'].map((name) => ({ voter: voterName(name), current: true })),
}
const onS1 = stateOf([...cluster(), assigned('web', 's1'), online('web', 5)])

test('the log is led by whoever owns the least', () => {
  expect(leaderToMoveTo(onS1, led, everybody)).toBe('s3')
})
test('it stays where it is well', () => {
  expect(leaderToMoveTo(onS1, { ...led, leader: voterName('s2') }, everybody)).toBeNull()
})
test('not to a replica that is behind', () => {
  const replicas = led.replicas.map((one) => (one.voter === 's3' ? { ...one, current: false } : one))
  expect(leaderToMoveTo(onS1, { ...led, replicas }, everybody)).toBe('s2')
})
test('not while a server is silent: its takeover is about to be written', () => {
  expect(leaderToMoveTo(onS1, led, new Set(['s1', 's2']))).toBeNull()
})
test('not while a group is on its way', () => {
  const moving = stateOf([...cluster(), assigned('web', 's1'), online('web', 5), stopping('web', 5, 'GROUPMOVE', 's2')])
  expect(leaderToMoveTo(moving, led, everybody)).toBeNull()
})
test('not without a leader or quorum', () => {
  expect(leaderToMoveTo(onS1, { ...led, leader: null }, everybody)).toBeNull()
  expect(leaderToMoveTo(onS1, { ...led, reachable: false }, everybody)).toBeNull()
})
