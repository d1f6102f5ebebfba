import { expect, test } from 'vitest'
import { type LossFacts, losePartition } from '../../../src/decisions/lose-partition.ts'

const onLoss = { action: 'os-reboot', after: 5000, practice: false } as const
/** A server that has lost: no lease for long, everything off, and every method says that it is cut off. */
const lost: LossFacts = { leaseLostMs: 6000, isAllOff: true, verdict: 'cut-off', verdictMs: 6000, isExempt: false }

test('a server that lost its lease, released everything and is cut off does what is configured', () => {
  expect(losePartition(lost, onLoss)).toEqual({ action: 'os-reboot', practice: false })
})

test.each<readonly [string, Partial<LossFacts>]>([
  ['it has a lease, or never had one: it may be the survivor, or the first to boot', { leaseLostMs: null }],
  ['something still runs: stopping it comes first', { isAllOff: false }],
  ['it is connected', { verdict: 'connected' }],
  ['it is not known whether it is cut off', { verdict: 'unknown' }],
  ['it lost the lease a moment ago', { leaseLostMs: 4999 }],
  ['it has been cut off for a moment only', { verdictMs: 100 }],
  ['it was told to leave, or the cluster is suspended', { isExempt: true }],
])('nothing is done while %s', (_, facts) => {
  expect(losePartition({ ...lost, ...facts }, onLoss)).toBeNull()
})

test('nothing is done where nothing is configured', () => {
  expect(losePartition(lost, { ...onLoss, action: 'none' })).toBeNull()
})

test('practice is told apart', () => {
  expect(losePartition(lost, { ...onLoss, practice: true })?.practice).toBe(true)
})
