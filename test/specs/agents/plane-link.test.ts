/** What an agent tells a data plane by itself. */
import { expect, test } from 'vitest'
import { PlaneLink } from '../../../src/agents/mirror/plane-link.ts'
import type { LocalConnection } from '../../../src/world/world.ts'
import { VirtualWorld } from '../virtual-world.ts'

const settingsOf = (ackMs: number): string =>
  JSON.stringify({
    ...{ mirror: '1'.repeat(32), server: 'alpha', peer: 'beta', data: '/d', metadata: '/m', keyFile: '/k' },
    ...{ nbd: '/n', control: '/c', ackMs, resyncBytesPerSecond: 1_048_576 },
    connects: [{ own: { address: '10.0.0.1', port: 1 }, peer: { address: '10.0.0.2', port: 1 } }],
  })

/** A data plane that runs already, and does what it is told. */
const linked = (does: 'serve' | 'follow') => {
  const virtual = new VirtualWorld()
  const orders: Readonly<Record<string, unknown>>[] = []
  const connect = async (): Promise<LocalConnection> => {
    let heard: (text: string) => void = () => {}
    return {
      close: () => {},
      onClose: () => {},
      onText: (listener) => {
        heard = listener
      },
      send: (line) => {
        const order = JSON.parse(line)
        orders.push(order)
        const answer = order.do === 'status' ? { say: 'status', disks: null, because: null, does } : { say: 'done' }
        queueMicrotask(() => heard(`${JSON.stringify({ ...answer, id: order.id })}\n`))
      },
    }
  }
  const { world } = virtual
  const link = new PlaneLink(
    {
      ...world,
      local: { ...world.local, connect },
      files: { ...world.files, read: async () => settingsOf(10_000) },
      processes: {
        ...world.processes,
        members: async () => [{ pid: 7, startTicks: 1 }],
        onExit: () => () => {},
      },
    },
    {
      ...{ command: ['baton'], tag: 'mirror', places: { settings: '/s', control: '/c', output: '/o' } },
      asked: async () => 'unknown',
      ...{ told: () => {}, changed: () => {}, died: () => {}, say: () => {} },
    },
  )
  return { virtual, link, limits: () => orders.filter((order) => order.do === 'limits') }
}

test('limits that change are told to a data plane that serves, once each time', async () => {
  const { virtual, link, limits } = linked('serve')
  link.want(settingsOf(10_000))
  await virtual.pass(10_000)
  expect(limits()).toMatchObject([{ ackMs: 10_000, queueBytes: 67_108_864, resyncBytesPerSecond: 1_048_576 }])
  link.want(settingsOf(300))
  await virtual.pass(10_000)
  expect(limits()).toMatchObject([{ ackMs: 10_000 }, { ackMs: 300 }])
  link.release()
})

test('one that follows is not told: it is started anew when its settings change', async () => {
  const { virtual, link, limits } = linked('follow')
  link.want(settingsOf(10_000))
  await virtual.pass(5000)
  expect(limits()).toEqual([])
  link.release()
})
