/** The executor of a fence: when it tries, when again, and what it never does. */
import { beforeEach, expect, test } from 'vitest'
import type { Fencer } from '../../../src/agents/fencing/fence.ts'
import { FenceKeeper } from '../../../src/agents/fencing/fence-keeper.ts'
import { type Recorder, startRecorder } from '../../../src/agents/log/recorder.ts'
import type { FenceAttempt } from '../../../src/decisions/fence-server.ts'
import type { Event } from '../../../src/events/index.ts'
import { memoryLog } from '../../../src/events/memory-log.ts'
import { fold, initialState } from '../../../src/projections/state.ts'
import { digestOf, fact, storyOf } from '../../recorded-log.ts'
import { cluster, declaredDown, joined, knows, s2, webOnS1 } from '../decisions/demo.ts'
import type { Given } from '../spec.ts'
import { VirtualWorld } from '../virtual-world.ts'

const fencing = {
  cluster: {
    fencing: {
      policy: 'required',
      retries: 1,
      pause: 1000,
      retryEvery: 60_000,
      devices: { bmc: { type: 'command', off: 'true' } },
      levels: { s1: [['bmc']] },
    },
  },
}
const requested = (executor: string): Event =>
  fact('FencingRequested', { server: 's1', generation: 2, groups: ['web'], executor, because: 'policy' })
const dead: FenceAttempt = { ok: false, because: 'no answer' }
const off: FenceAttempt = { ok: true, level: 1, devices: ['bmc'], ms: 5 }

let virtual: VirtualWorld
let recorder: Recorder
let keeper: FenceKeeper
let hasLease: boolean
/** When it tried, in ms since it began; and what comes of each attempt, `dead` when nothing is said. */
let tried: number[]
let outcomes: (FenceAttempt | Promise<FenceAttempt>)[]
let restarted: number
/** What the attempt that was begun last asks before each further level. */
let isStillWanted: () => boolean

const begin = (...more: readonly Given[]): void => {
  const given: readonly Given[] = [...cluster(fencing), ...webOnS1, ...more]
  const log = storyOf(given.map((one) => (isCommit(one) ? one : [one])))
  recorder = startRecorder(virtual.world, memoryLog(digestOf, log), { by: 'server:s2', from: fold(initialState, log) })
  const began = virtual.now
  const fencer: Fencer = {
    fence: async (_server, _configuration, { isWanted }) => {
      tried.push(virtual.now - began)
      isStillWanted = isWanted
      return await (outcomes.shift() ?? dead)
    },
    restart: async () => {
      restarted += 1
      return []
    },
    ask: async () => ({ power: 'on' }),
  }
  const tend = (): void => keeper.tend(recorder.state())
  keeper = new FenceKeeper(virtual.world, {
    me: s2,
    recorder,
    fencer,
    hasLease: () => hasLease,
    facts: () => knows(s2, { hears: ['s3'] }),
    say: () => {},
    wake: tend,
  })
  recorder.onFold(tend)
  tend()
}
const isCommit = (given: Given): given is readonly [Event, ...Event[]] => Array.isArray(given)

beforeEach(() => {
  virtual = new VirtualWorld()
  hasLease = true
  tried = []
  outcomes = []
  restarted = 0
})

const owner = () => {
  const ownership = recorder.state().groups.web?.ownership
  return ownership?.status === 'assigned' ? `${ownership.phase} on ${ownership.server}` : 'stopped'
}

test('it tries at once, soon again, then slowly and without end; nothing moves meanwhile', async () => {
  begin([requested('s2'), declaredDown('s1', 2)])
  await virtual.pass(200_000)
  expect(tried).toEqual([0, 1000, 61_000, 121_000, 181_000])
  expect(owner()).toBe('uncertain on s1')
})

test('what proves the server off moves its groups, and it is switched on again only after that', async () => {
  outcomes = [dead, off]
  begin([requested('s2'), declaredDown('s1', 2)])
  await virtual.pass(500)
  expect([owner(), restarted]).toEqual(['uncertain on s1', 0])
  await virtual.pass(1000)
  expect([owner(), restarted]).toEqual(['starting on s2', 1])
  await virtual.pass(100_000)
  expect(tried).toEqual([0, 1000])
})

test('what another server is to do is not its business', async () => {
  begin([requested('s3'), declaredDown('s1', 2)])
  await virtual.pass(100_000)
  expect(tried).toEqual([])
})

test('without a lease it does not begin', async () => {
  hasLease = false
  begin([requested('s2'), declaredDown('s1', 2)])
  await virtual.pass(10_000)
  expect(tried).toEqual([])
})

test('a proof that was found after the lease had ended waits until there is one again', async () => {
  const found = Promise.withResolvers<FenceAttempt>()
  outcomes = [found.promise]
  begin([requested('s2'), declaredDown('s1', 2)])
  hasLease = false
  found.resolve(off)
  await virtual.pass(10_000)
  expect(owner()).toBe('uncertain on s1')
  hasLease = true
  keeper.tend(recorder.state())
  await virtual.pass(100)
  expect(owner()).toBe('starting on s2')
  expect(tried).toEqual([0])
})

test('no further level is wanted without a lease, or in a suspended cluster', async () => {
  outcomes = [Promise.withResolvers<FenceAttempt>().promise]
  begin([requested('s2'), declaredDown('s1', 2)])
  expect(isStillWanted()).toBe(true)
  hasLease = false
  expect(isStillWanted()).toBe(false)
  hasLease = true
  const record = (event: Event) => recorder.submit('a test', () => ({ events: [event], because: {}, causedBy: null }))
  await record(fact('ClusterSuspended', {}))
  expect(isStillWanted()).toBe(false)
})

test('no further level is wanted once the server has joined again', async () => {
  outcomes = [Promise.withResolvers<FenceAttempt>().promise]
  begin([requested('s2'), declaredDown('s1', 2)])
  const event = joined('s1')
  await recorder.submit('a test', () => ({ events: [event], because: {}, causedBy: null }))
  expect(isStillWanted()).toBe(false)
})

test('a server that joined again meanwhile is left alone, and what was found of its last life moves nothing', async () => {
  const found = Promise.withResolvers<FenceAttempt>()
  outcomes = [found.promise]
  begin([requested('s2'), declaredDown('s1', 2)])
  await recorder.submit('join', () => ({ events: [joined('s1')], because: {}, causedBy: null }))
  found.resolve(off)
  await virtual.pass(100_000)
  expect(owner()).toBe('starting on s1')
  expect([tried, restarted]).toEqual([[0], 0])
})

test.each(['s2', 's3'])('what was found for one request answers no other: given to %s', async (executor) => {
  const found = Promise.withResolvers<FenceAttempt>()
  outcomes = [found.promise]
  begin([requested('s2'), declaredDown('s1', 2)])
  await recorder.submit('again', () => ({ events: [requested(executor)], because: {}, causedBy: null }))
  found.resolve(off)
  await virtual.pass(500)
  expect([owner(), restarted]).toEqual(['uncertain on s1', 0])
})

test('an operator who asks does not wait for the pause', async () => {
  begin([requested('s2'), declaredDown('s1', 2)])
  await virtual.pass(10_000)
  await recorder.submit('retry', () => ({ events: [requested('s2')], because: {}, causedBy: null }))
  await virtual.pass(2500)
  expect(tried).toEqual([0, 1000, 10_000, 11_000])
})

test('an agent that takes over after a failed attempt keeps the pause', async () => {
  begin(
    [requested('s2'), declaredDown('s1', 2)],
    fact('FencingFailed', { server: 's1', generation: 2, executor: 's2', attempt: 2, because: 'no answer' }),
  )
  await virtual.pass(59_000)
  expect(tried).toEqual([])
  await virtual.pass(2000)
  expect(tried).toEqual([60_000])
})

test('a suspended cluster fences nobody', async () => {
  begin([requested('s2'), declaredDown('s1', 2)], fact('ClusterSuspended'))
  await virtual.pass(100_000)
  expect(tried).toEqual([])
})
