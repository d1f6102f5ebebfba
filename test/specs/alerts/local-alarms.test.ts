import { expect, test } from 'vitest'
import { logAlarm, majorityAlarm } from '../../../src/agents/alerts/alarms.ts'
import { type Alarm, localAlarms } from '../../../src/agents/alerts/local-alarms.ts'
import { voterName } from '../../../src/events/index.ts'
import { initialState } from '../../../src/projections/state.ts'
import { VirtualWorld } from '../virtual-world.ts'

const s1 = voterName('s1')

/** Messages as a target gets them, while the alarms are looked at. */
const raise = (alarm: Alarm) => {
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
    alarms: [alarm],
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
