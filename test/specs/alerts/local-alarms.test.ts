import { expect, test } from 'vitest'
import { logAlarm, majorityAlarm, storeAlarm } from '../../../src/agents/alerts/alarms.ts'
import { type Alarm, localAlarms } from '../../../src/agents/alerts/local-alarms.ts'
import { witnessAlarms } from '../../../src/agents/alerts/witness-alarms.ts'
import { voterName } from '../../../src/events/index.ts'
import { initialState } from '../../../src/projections/state.ts'
import { VirtualWorld } from '../virtual-world.ts'

const s1 = voterName('s1')

/** Messages as a target gets them, while the alarms are looked at. */
const raise = (...alarms: readonly Alarm[]) => {
  const virtual = new VirtualWorld()
  const told: string[] = []
  const target = {
    name: 'file',
    send: async (alerts: readonly { readonly message: string }[]) => {
      told.push(...alerts.map(({ message }) => message))
    },
    close: () => {},
  }
  const { stop } = localAlarms(virtual.world, {
    alarms,
    state: () => initialState,
    targets: () => [target],
    trouble: (what) => expect.fail(what),
  })
  return { virtual, told, stop }
}

test('a log that is away for longer than an election is told once, and once when it is back', async () => {
  let awayMs = 0
  const { virtual, told, stop } = raise(logAlarm(s1, () => awayMs))
  awayMs = 9000
  await virtual.pass(2000)
  expect(told).toEqual([])
  awayMs = 11_000
  await virtual.pass(5000)
  expect(told).toEqual([expect.stringContaining('s1 cannot reach the log for 11.0 s: nothing is decided')])
  awayMs = 0
  await virtual.pass(2000)
  expect(told).toHaveLength(2)
  expect(told[1]).toContain('reaches the log again')
  stop()
  awayMs = 20_000
  await virtual.pass(5000)
  expect(told).toHaveLength(2)
})

test('a store that is not the admitted one is told once, and once when it is admitted', async () => {
  let isForeign = true
  const { virtual, told } = raise(storeAlarm(s1, () => isForeign))
  await virtual.pass(60_000)
  isForeign = false
  await virtual.pass(1000)
  expect(told).toEqual([
    'The word of voter s1 counts for nothing: its voter.json was replaced or restored from a backup.',
    'The word of voter s1 counts again, after 1 min 1 s.',
  ])
})

test('a lost majority is told with what becomes of the groups; a server that never had one says nothing', async () => {
  const now = { lease: false, keeps: true }
  const facts = { hasLease: () => now.lease, keeps: () => now.keeps, held: () => ['web'] }
  const { virtual, told, stop } = raise(majorityAlarm(s1, facts))
  await virtual.pass(2000)
  expect(told).toEqual([])
  now.lease = true
  await virtual.pass(1000)
  now.lease = false
  await virtual.pass(3000)
  expect(told).toEqual(['Server s1 has lost its majority of voters: it goes on with web.'])
  now.lease = true
  await virtual.pass(1000)
  expect(told).toHaveLength(2)
  stop()
})

test('a witness tells that it hears no majority, once it has heard one; and that its log is away', async () => {
  const now = { awayMs: 0, silent: ['s1', 's2'] }
  const facts = {
    isForeign: () => false,
    outOfTouchMs: () => now.awayMs,
    voters: () => ({ heard: ['w', 's1', 's2'].filter((name) => !now.silent.includes(name)), silent: now.silent }),
    state: () => initialState,
    conditions: () => ({ rateErrorPercent: null, certificateDays: 400 }),
  }
  const { virtual, told, stop } = raise(...witnessAlarms(voterName('w'), facts))
  await virtual.pass(2000)
  expect(told).toEqual([])
  now.silent = ['s1']
  await virtual.pass(1000)
  expect(told).toEqual([])
  now.silent = ['s1', 's2']
  await virtual.pass(1000)
  expect(told).toEqual(['Witness w hears no majority of the voters any more: it does not hear s1 and s2.'])
  now.awayMs = 12_000
  await virtual.pass(1000)
  expect(told[1]).toBe('Witness w cannot reach the log for 12.0 s.')
  Object.assign(now, { awayMs: 0, silent: [] })
  await virtual.pass(1000)
  expect(told.slice(2).toSorted()).toEqual([
    expect.stringContaining('Witness w hears a majority of the voters again'),
    expect.stringContaining('Witness w reaches the log again'),
  ])
  stop()
})

test('the certificate of a witness is told of again when it is nearer to its end, and when it is renewed', async () => {
  let certificateDays = 400
  const facts = {
    isForeign: () => false,
    outOfTouchMs: () => 0,
    voters: () => ({ heard: ['w'], silent: [] }),
    state: () => initialState,
    conditions: () => ({ rateErrorPercent: null, certificateDays }),
  }
  const { virtual, told, stop } = raise(...witnessAlarms(voterName('w'), facts))
  for (const days of [400, 89, 88, 6, 0, 3650]) {
    certificateDays = days
    await virtual.pass(1000)
  }
  expect(told).toEqual([
    'The certificate of witness w ends: it ends within 90 days.',
    'The certificate of witness w ends: it ends within 7 days.',
    'The certificate of witness w ends: it has ended.',
    'The certificate of witness w is good for long again.',
  ])
  stop()
})
