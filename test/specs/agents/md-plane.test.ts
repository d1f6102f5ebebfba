/** What becomes of a data plane whose resource is taken down. */
import { expect, test } from 'vitest'
import type { Mirrors } from '../../../src/agents/mirror/mirrors.ts'
import type { OrderAnswer } from '../../../src/agents/mirror/plane-link.ts'
import type { ResourceContext } from '../../../src/agents/resources/driver.ts'
import { letGo } from '../../../src/agents/resources/md-plane.ts'
import { epochOf, groupName, resourceName, sequence } from '../../../src/events/index.ts'
import { VirtualWorld } from '../virtual-world.ts'

const context = {
  ...{ group: groupName('db'), resource: resourceName('data'), epoch: epochOf(sequence(5)), environment: {} },
  ...{ logDirectory: '/log', instance: 'test', configuration: { type: 'md' } },
} as unknown as ResourceContext // cast: no more of the configuration is asked for

/** Its data plane answers so when it is told to leave. */
const answering = (answer: Promise<OrderAnswer>) => {
  const virtual = new VirtualWorld()
  const signals: string[] = []
  const processes = {
    ...virtual.world.processes,
    members: async () => (signals.length > 0 ? [] : [{ pid: 7, startTicks: 1 }]),
    signalAll: async (_tag: string, signal: string) => {
      signals.push(signal)
      return 0
    },
  }
  const mirrors: Partial<Mirrors> = { leave: () => answer }
  const take = (limit: { readonly urgent: boolean; readonly signal?: AbortSignal }) =>
    letGo({ ...virtual.world, processes }, mirrors as Mirrors, context, {
      ...{ timeoutMs: 1000, signal: new AbortController().signal },
      ...limit,
    })
  return { signals, take }
}
const notYet = Promise.resolve({ answer: 'refused' as const, because: 'the log has not recorded it yet' })

test('one that must not go yet is left as it is, and the resource is not down', async () => {
  const { signals, take } = answering(notYet)
  expect(await take({ urgent: false })).toMatchObject({ ok: false, because: 'the log has not recorded it yet' })
  expect(signals).toEqual([])
})

test('one that must not go yet is ended by force', async () => {
  const { signals, take } = answering(notYet)
  expect(await take({ urgent: true })).toEqual({ ok: true })
  expect(signals).not.toEqual([])
})

test('one that cannot be told is ended', async () => {
  const { signals, take } = answering(Promise.resolve({ answer: 'lost', because: 'the data plane is not reached' }))
  expect(await take({ urgent: false })).toEqual({ ok: true })
  expect(signals).not.toEqual([])
})

test('whoever waits for one that leaves does so no longer once force is due', async () => {
  const { signals, take } = answering(new Promise(() => {}))
  const force = new AbortController()
  const taken = take({ urgent: false, signal: force.signal })
  force.abort()
  expect(await taken).toMatchObject({ ok: false, because: expect.stringMatching(/cancelled/) })
  expect(signals).toEqual([])
})
