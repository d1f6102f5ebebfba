/** An agent that was started anew tells its data plane again what operators have ordered: what was begun goes on. */
import { expect, test } from 'vitest'
import { clusterPartitionBytes } from '../../../src/mirror/cluster-partition.ts'
import { mirrorId } from '../../../src/mirror/generations.ts'
import type { Ground } from '../../../src/mirror/process/ground.ts'
import { runMirror } from '../../../src/mirror/process/mirror-process.ts'
import { mirrorSettings } from '../../../src/mirror/process/settings.ts'
import { SimulatedDisk } from '../../../src/sim/mirror/block-disk.ts'
import type { LocalConnection, World } from '../../../src/world/world.ts'
import { VirtualWorld } from '../virtual-world.ts'
import { blockBytes, blocks, MirrorPair } from './mirror-pair.ts'

const mirror = '0'.repeat(32)
const dataBytes = blocks * blockBytes
const geometry = { mirror: mirrorId(mirror), dataBytes, blockBytes, regionBytes: 4 * blockBytes }
const generation = '00000000000000a0'

type Said = Readonly<Record<string, unknown>> & { readonly say: string }

/** A data plane on virtual time that serves alone; `agent` starts one that takes the place of the one before. */
const serving = async () => {
  const virtual = new VirtualWorld()
  const sizes = new Map([
    ['/data', dataBytes],
    ['/meta', clusterPartitionBytes(geometry)],
  ])
  const ground: Partial<Ground> = {
    openDisk: (path) => new SimulatedDisk(sizes.get(path) ?? 0),
    listen: async () => () => {},
    serveNbd: async () => () => {},
    readFile: () => Buffer.alloc(32),
  }
  let connected: (connection: LocalConnection) => void = () => {}
  let ids = 0
  const world: Partial<World> = {
    ...virtual.world,
    random: { fraction: () => 0.5, id: () => String(++ids).padStart(32, '0') },
    local: {
      listen: async (_, heard) => {
        connected = heard
        return () => {}
      },
    } as Partial<World['local']> as World['local'], // cast: the rest is not touched
  }
  const place = { address: '127.0.0.1', port: 1 }
  const settings = mirrorSettings.parse({
    ...{ mirror, server: 's2', peer: 's1', data: '/data', metadata: '/meta', keyFile: '/key', nbd: '/nbd' },
    ...{ control: '/control', connects: [{ own: place, peer: place }] },
  })
  // casts: the rest is not touched
  void runMirror(world as World, settings, new AbortController().signal, ground as Ground)
  await virtual.settle()

  const agent = () => {
    let hear: (text: string) => void = () => {}
    const said: Said[] = []
    const connection: LocalConnection = {
      send: (line) => {
        const one: Said = JSON.parse(line)
        said.push(one)
        if (one.say === 'ask') hear(`${JSON.stringify({ do: 'answer', question: one.question, answer: 'recorded' })}\n`)
      },
      onText: (heard) => {
        hear = heard
      },
      onClose: () => {},
      close: () => {},
    }
    connected(connection)
    return async (order: object): Promise<Said | undefined> => {
      const id = said.length + 1
      hear(`${JSON.stringify({ ...order, id })}\n`)
      await virtual.pass(10)
      return said.findLast((one) => one.id === id)
    }
  }
  const first = agent()
  expect(await first({ do: 'format', generation, ...geometry })).toMatchObject({ say: 'done' })
  const activate = { do: 'activate', epoch: 1, isCurrent: true, wasLast: true, generation, connectMs: 0 }
  expect(await first(activate)).toMatchObject({ say: 'done' })
  return { first, agent }
}

test('a resync that was taken is not begun anew, also by another agent', async () => {
  const { first, agent } = await serving()
  const marked = async (ask: typeof first) => (await ask({ do: 'status' }))?.dirtyBlocks
  expect(await first({ do: 'resync', ordered: 41 })).toMatchObject({ say: 'done' })
  expect(await marked(first)).toBe(0)
  const second = agent()
  // Were it carried out, everything would be marked.
  expect(await second({ do: 'resync', everything: true, ordered: 41 })).toMatchObject({ say: 'done' })
  expect(await marked(second)).toBe(0)
  expect(await second({ do: 'resync', everything: true, ordered: 42 })).toMatchObject({ say: 'done' })
  expect(await marked(second)).toBe(blocks)
})

test('a comparison that runs goes on when it is ordered again, and ends for another order', async () => {
  const pair = new MirrorPair()
  await pair.pairUp()
  const order = (ordered: number) =>
    pair.active('alpha').operator.verify({ bytesPerSecond: 65_536, mark: true, ordered })
  expect(order(41)).toBeNull()
  await pair.virtual.pass(1000)
  expect(order(41)).toBeNull()
  expect(pair.told('verify').filter(({ state }) => state === 'interrupted')).toEqual([])
  expect(order(42)).toBeNull()
  expect(pair.told('verify').filter(({ state }) => state === 'interrupted')).toHaveLength(1)
})
