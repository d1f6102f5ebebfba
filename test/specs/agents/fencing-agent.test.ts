/** The part of an agent that ends machines: what it goes by. */
import { expect, test } from 'vitest'
import { fencingAgent } from '../../../src/agents/fencing/fencing-agent.ts'
import { startRecorder } from '../../../src/agents/log/recorder.ts'
import type { Event } from '../../../src/events/index.ts'
import { memoryLog } from '../../../src/events/memory-log.ts'
import { fold, initialState } from '../../../src/projections/state.ts'
import type { Files, Processes, World } from '../../../src/world/world.ts'
import { digestOf, fact, storyOf } from '../../recorded-log.ts'
import { cluster, declaredDown, fencingRequested, joined, knows, s2, webOnS1 } from '../decisions/demo.ts'
import type { Given } from '../spec.ts'
import { VirtualWorld } from '../virtual-world.ts'

const fencing = {
  policy: 'required',
  check: 0,
  devices: { bmc: { type: 'command', off: 'switch it off' } },
  levels: { s1: [['bmc']] },
}
const ordered = fact('FinalActionOrdered', { server: 's2', action: 'panic', boot: 'boot-1', because: 'x' })
const panic = 'echo 1 > /proc/sys/kernel/sysrq; echo c > /proc/sysrq-trigger'

const isCommit = (given: Given): given is readonly [Event, ...Event[]] => Array.isArray(given)
const logOf = (given: readonly Given[]) => storyOf(given.map((one) => (isCommit(one) ? one : [one])))

/** s2, whose agent has just been started, holds a lease and has read `read` of the log; `rest` is still on its way. */
const begin = ({ read, rest = [] }: { readonly read: readonly Given[]; readonly rest?: readonly Given[] }) => {
  const virtual = new VirtualWorld()
  const ran: string[] = []
  const run: Processes['run'] = async (words) => {
    ran.push(words.at(-1) ?? '')
    return { code: 0, signal: null, stdout: '', stderr: '', timedOut: false, elapsedMs: 1 }
  }
  const files: Files = { ...virtual.world.files, makeDirectory: async () => {} }
  const world: World = { ...virtual.world, files, processes: { ...virtual.world.processes, run } }
  const before = logOf(read)
  const log = memoryLog(digestOf, logOf([...read, ...rest]))
  const recorder = startRecorder(world, log, { by: 'server:s2', from: fold(initialState, before) })
  const tend = (): void => agent.tend(recorder.state())
  const agent = fencingAgent(world, {
    me: s2,
    recorder,
    facts: () => knows(s2, { hears: ['s3'] }),
    voter: { hasLease: () => true },
    store: { finalAction: () => null, noteFinalAction: async () => {} },
    isFirst: () => true,
    monitors: { logDirectory: '/state/log' },
    say: () => {},
    wake: tend,
  })
  recorder.onFold(tend)
  tend()
  const commit = async (): Promise<void> => {
    await recorder.submit('join', () => ({ events: [joined('s2', 'boot-1')], because: {}, causedBy: null }))
    tend()
  }
  const silentMs = () => Object.values(recorder.state().fencing.pending).map(agent.silentMs)
  const add = (event: Event) => recorder.submit('more', () => ({ events: [event], because: {}, causedBy: null }))
  return { virtual, ran, commit, add, silentMs, tend, stop: agent.stop }
}
const down: readonly Given[] = [
  ...cluster({ cluster: { fencing } }),
  ...webOnS1,
  [fencingRequested, declaredDown('s1', 2)],
]

test('an agent that was started again goes by the log only once a commit of its own is on it', async () => {
  const story = begin({ read: [...down, ordered] })
  await story.virtual.pass(1000)
  story.tend()
  expect(story.ran).toEqual([])
  await story.commit()
  await story.virtual.pass(1000)
  expect(story.ran.toSorted()).toEqual([panic, 'switch it off'])
  story.stop()
})

test('what the rest of the log takes back is not done', async () => {
  const failed = fact('FinalActionFailed', { server: 's2', action: 'panic', because: 'it did not help' })
  const story = begin({ read: [...down, ordered], rest: [joined('s1'), failed] })
  await story.commit()
  await story.virtual.pass(1000)
  expect(story.ran).toEqual([])
  story.stop()
})

test('it counts for how long nothing new was seen of a request, but not while the cluster is suspended', async () => {
  const elsewhere = fact('FencingRequested', { ...fencingRequested.data, executor: 's3' })
  const story = begin({ read: [...down, elsewhere] })
  await story.commit()
  await story.virtual.pass(60_000)
  expect(story.silentMs()).toEqual([60_000])
  await story.add(fact('FencingFailed', { server: 's1', generation: 2, executor: 's3', attempt: 1, because: 'x' }))
  await story.virtual.pass(5000)
  expect(story.silentMs()).toEqual([5000])
  await story.add(fact('ClusterSuspended'))
  await story.virtual.pass(60_000)
  await story.add(fact('ClusterResumed'))
  await story.virtual.pass(7000)
  expect(story.silentMs()).toEqual([7000])
  story.stop()
})
