/** When an operator's order to a mirror is done: as the log and the data plane say, not when it was passed on. */
import { describe, expect, test } from 'vitest'
import { mirrorOrders } from '../../../src/agents/mirror/orders.ts'
import type { PlaneOrder } from '../../../src/agents/mirror/plane-link.ts'
import { mirrorName, serverName } from '../../../src/events/index.ts'
import { mirrorOf } from '../../../src/projections/mirrors.ts'
import { fact } from '../../recorded-log.ts'
import { broken, g1, joinedAs, mirror, paired } from '../decisions/mirror-demo.ts'
import { VirtualWorld } from '../virtual-world.ts'
import { planeOf } from './plane-status.ts'
import { recorderOf } from './recorder-of.ts'

const differs = fact('MirrorVerified', {
  ...{ mirror, server: 's1', checkedBytes: 1_048_576, differentBytes: 4096 },
  differences: [{ at: 0, length: 4096 }],
})

/** An order of an operator to s1, which serves; what the data plane is told, and what becomes of the order. */
const ordering = (order: string, { dirtyBlocks }: { readonly dirtyBlocks: number }) => {
  const recorder = recorderOf([...paired, differs, fact('MirrorOrdered', { mirror, server: 's1', order })])
  const told: PlaneOrder[] = []
  const status = planeOf({ does: 'serve', dirtyBlocks, condition: { pair: 'paired', because: '', dirtyBlocks } })
  const link = {
    status,
    order: async (one: PlaneOrder) => {
      told.push(one)
      return { answer: 'done' as const, more: {} }
    },
    refresh: async () => status,
    restart: async () => {},
  }
  const parts = { name: mirrorName('web', 'data'), me: serverName('s1'), recorder, link, rewritten: () => {} }
  const places = { settings: '', control: '', output: '', nbd: '', blockFile: '', tag: '' }
  const agent = () => {
    const orders = mirrorOrders(new VirtualWorld().world, { ...parts, places })
    return () => orders.carryOut(status)
  }
  const known = () => mirrorOf(recorder.state().mirrors, mirror)
  return { recorder, told, look: agent(), agent, known }
}

describe('a resync after a comparison that found differences', () => {
  test('is told to the data plane once, and done when both sides are joined again', async () => {
    const { recorder, told, look, known } = ordering('resync', { dirtyBlocks: 1 })
    await look()
    await look()
    expect(told).toEqual([{ do: 'resync', everything: false, ordered: 12 }])
    expect(known()?.orders).toHaveLength(1)
    recorder.add(broken('s1', 's2', g1, 8))
    await look()
    expect(known()?.orders).toHaveLength(1)
    recorder.add(joinedAs('s1', 's2', g1, 8))
    await look()
    expect(known()).toMatchObject({ orders: [], verified: null })
    expect(known()?.closedOrders.at(-1)).toMatchObject({ outcome: 'done', detail: 'both sides have everything' })
  })

  test('is told again by an agent that was started anew, as the same order', async () => {
    for (const order of ['resync-full', 'verify']) {
      const { told, look, agent } = ordering(order, { dirtyBlocks: 1 })
      await look()
      await agent()()
      expect(told.map(({ ordered }) => ordered)).toEqual([12, 12])
    }
  })

  test('is done at once when the data plane has copied already what was marked', async () => {
    const { look, known } = ordering('resync', { dirtyBlocks: 0 })
    await look()
    expect(known()?.closedOrders.at(-1)).toMatchObject({
      outcome: 'done',
      detail: expect.stringMatching(/nothing is marked/),
    })
  })
})

describe('a resize that is ordered again soon after one that failed', () => {
  test('does not fail for the reason of the one before it', async () => {
    const recorder = recorderOf([...paired, fact('MirrorOrdered', { mirror, server: 's1', order: 'resize' })])
    const because = 'the data partition has 1048576 bytes, 2097152 are to be mirrored'
    const has = (growth: object | null) => planeOf({ does: 'follow', growth })
    const failedBefore = has({ doneBytes: 0, totalBytes: 0, because })
    // As the data plane does: it forgets why it failed when it is asked how large it is.
    let status = failedBefore
    const link = {
      get status() {
        return status
      },
      order: async ({ do: what }: PlaneOrder) => {
        if (what === 'measure') status = has(null)
        const more = { dataBytes: 2_097_152, mirroredBytes: 1_048_576, metadataBytes: 65_536, neededBytes: 65_536 }
        return { answer: 'done' as const, more }
      },
      refresh: async () => status,
      restart: async () => {},
    }
    const parts = { name: mirrorName('web', 'data'), me: serverName('s2'), recorder, link, rewritten: () => {} }
    const places = { settings: '', control: '', output: '', nbd: '', blockFile: '', tag: '' }
    const orders = mirrorOrders(new VirtualWorld().world, { ...parts, places })
    const known = () => mirrorOf(recorder.state().mirrors, mirror)
    await orders.carryOut(failedBefore)
    expect(known()).toMatchObject({ orders: [{ order: 'resize' }], closedOrders: [] })
    expect(known()?.sides.s2?.measured).toMatchObject({ dataBytes: 2_097_152 })
    await orders.carryOut(link.status)
    expect(known()?.closedOrders).toEqual([])
    await orders.carryOut(failedBefore)
    expect(known()?.closedOrders).toMatchObject([{ outcome: 'failed', detail: `s2 cannot grow: ${because}` }])
  })
})
