import { describe, expect, test } from 'vitest'
import { bmcWatch } from '../../../src/agents/heartbeats/bmc.ts'
import { pongTo as answerTo, parsePong, presencePing } from '../../../src/agents/heartbeats/rmcp.ts'
import type { Processes } from '../../../src/world/world.ts'
import { configurationOf, two } from '../configuration/samples.ts'
import { VirtualWorld } from '../virtual-world.ts'

/** What ipmi_sim answered to a ping with tag 0. */
const real = Buffer.from('0600ff06000011be40000010000011be000000008100000000000000', 'hex')
const pongTo = (ping: Uint8Array): Uint8Array => {
  const pong = Uint8Array.from(real)
  pong[9] = ping[9] ?? 0
  return pong
}

describe('presence', () => {
  test('is asked for and read as the standard says', () => {
    expect(Buffer.from(presencePing(7)).toString('hex')).toBe('0600ff06000011be80070000')
    expect(parsePong(real)).toEqual({ tag: 0, speaksIpmi: true })
  })
  test('is answered as it is read, and nothing else is', () => {
    expect(parsePong(answerTo(presencePing(9)) ?? new Uint8Array())).toEqual({ tag: 9, speaksIpmi: true })
    expect(answerTo(real)).toBeNull()
  })
  test.each([
    ['a ping', presencePing(0)],
    ['half a pong', real.subarray(0, 20)],
    ['nothing', new Uint8Array()],
    ['another class', Buffer.from(real.toString('hex').replace('0600ff06', '0600ff07'), 'hex')],
  ])('%s is no pong', (_, bytes) => {
    expect(parsePong(bytes)).toBeNull()
  })
})

const configuration = configurationOf(
  `${two}fencing: { devices: { ipmi: { type: ipmi, address: 10.9.0.2, user: u, passwordFile: /p } } }\n`.replace(
    '10.0.0.2 }',
    '10.0.0.2 }, bmc: { address: 10.9.0.2, device: ipmi }',
  ),
)

/** A controller at 10.9.0.2 that loses the first `lost` datagrams. */
const setUp = (lost: number, power = 'Chassis Power is off\n', current = () => configuration) => {
  const virtual = new VirtualWorld()
  let arrived = 0
  const processes: Partial<Processes> = {
    run: async () => ({ code: 0, signal: null, stdout: power, stderr: '', timedOut: false, elapsedMs: 1 }),
  }
  const world = {
    clock: virtual.clock,
    processes: processes as Processes, // cast: the rest is not touched
    datagrams: {
      bind: async (_: unknown, received: (bytes: Uint8Array, from: { address: string; port: number }) => void) => ({
        send: (bytes: Uint8Array, to: { address: string; port: number }) => {
          arrived += 1
          if (arrived > lost) virtual.clock.after(10, () => received(pongTo(bytes), to))
        },
        close: () => {},
      }),
    },
  }
  const asked = world.clock.now()
  const watch = bmcWatch(world, { me: 'alpha', configuration: current, changed: () => {} })
  return { watch, pass: virtual.pass, asked }
}

test('a controller that answers is present, and its machine as it says', async () => {
  const { watch, pass, asked } = setUp(0)
  await pass(100)
  expect(watch.all()).toMatchObject([{ server: 'beta', isPresent: true, power: 'off', at: asked }])
})

test('controllers that a configuration names later are asked once it is looked at', async () => {
  const named = { now: false }
  const { watch, pass } = setUp(0, undefined, () => (named.now ? configuration : configurationOf(two)))
  await pass(10_000)
  watch.look()
  await pass(100)
  expect(watch.all()).toEqual([])
  named.now = true
  watch.look()
  watch.look()
  await pass(100)
  expect(watch.all()).toMatchObject([{ server: 'beta', isPresent: true }])
  named.now = false
  await pass(10_000)
  expect(watch.all()).toEqual([])
})

test('a lost datagram is asked again; silence is told after the time-out', async () => {
  const { watch, pass } = setUp(2)
  await pass(700)
  expect(watch.all()).toMatchObject([{ isPresent: true }])
  const silent = setUp(1000)
  await silent.pass(999)
  expect(silent.watch.all()).toEqual([])
  await silent.pass(10)
  expect(silent.watch.all()).toMatchObject([{ isPresent: false, power: 'unknown' }])
})
