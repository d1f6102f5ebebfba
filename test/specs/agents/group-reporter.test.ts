import { beforeEach, describe, expect, test } from 'vitest'
import { type GroupReporter, groupReporter } from '../../../src/agents/group-reporter.ts'
import { type Recorder, startRecorder } from '../../../src/agents/log/recorder.ts'
import { type Event, encodeCommit, groupName } from '../../../src/events/index.ts'
import { largestCommitBytes } from '../../../src/events/jetstream-stream.ts'
import { memoryLog } from '../../../src/events/memory-log.ts'
import { fold, initialState } from '../../../src/projections/state.ts'
import { digestOf, storyOf } from '../../recorded-log.ts'
import { cluster, knows, ofResource, s1, seen, stopping, web, webOnS1 } from '../decisions/demo.ts'
import type { Given } from '../spec.ts'
import { VirtualWorld } from '../virtual-world.ts'

let virtual: VirtualWorld
let outbox: readonly Event[]
let recorder: Recorder
let written: readonly Event[]
/** What it takes until an epoch is on disk as stopped. */
let saved: () => Promise<void>

const isCommit = (given: Given): given is readonly [Event, ...Event[]] => Array.isArray(given)
const before = [...cluster(), ...webOnS1].map((one) => (isCommit(one) ? one : ([one] as const)))
const textOf = (because: string) => `the start script ended with code 1: ${because}`
const attempts = (count: number, resource = 'httpd'): readonly Event[] =>
  Array.from({ length: count }, (_, at) =>
    ofResource('ActivationFailed', resource, 5, {
      attempt: at + 1,
      durationMs: 1234,
      because: textOf('起'.repeat(200)),
      stalled: false,
    }),
  )
const bytesOf = (events: readonly Event[]): number => new TextEncoder().encode(JSON.stringify(events)).length

/** A log like that of the product: it takes no commit that is too large. */
const limitedLog = (log: ReturnType<typeof storyOf>): ReturnType<typeof memoryLog> => {
  const inner = memoryLog(digestOf, log)
  return {
    ...inner,
    append: async (after, commit) => {
      const { length } = new TextEncoder().encode(encodeCommit(commit, after.hash))
      if (length > largestCommitBytes) return { result: 'unavailable', because: `a commit of ${length} bytes` }
      return await inner.append(after, commit)
    },
  }
}

const reporterOf = (...given: readonly Event[]): GroupReporter => {
  const log = storyOf([...before, ...given.map((event) => [event] as const)])
  recorder = startRecorder(virtual.world, limitedLog(log), { by: 'server:s1', from: fold(initialState, log) })
  written = []
  recorder.onFold((recorded) => {
    written = [...written, ...recorded.flatMap(({ commit }) => commit.events)]
  })
  const observed = [seen('address', 'off'), seen('httpd', 'off')]
  const reporter = groupReporter({
    me: s1,
    recorder,
    runner: {
      observed: () => observed,
      outbox: () => outbox,
      recorded: (count) => {
        outbox = outbox.slice(count)
      },
      perform: () => {},
      adopt: async () => {},
      isAllOff: () => true,
      context: () => null,
    },
    stopEpoch: async () => await saved(),
    facts: () => knows(s1),
    clock: virtual.clock,
    phaseMs: () => 1,
    say: () => {},
    wake: () => queueMicrotask(() => reporter.report(recorder.state())),
  })
  return reporter
}
const reportAll = async (reporter: GroupReporter): Promise<void> => {
  reporter.report(recorder.state())
  await virtual.pass(10_000)
}

beforeEach(() => {
  virtual = new VirtualWorld()
  outbox = []
  saved = async () => {}
})

describe('what was kept while the log was away is more than a commit may hold', () => {
  beforeEach(() => {
    outbox = attempts(1000)
    expect(bytesOf(outbox)).toBeGreaterThan(2 * largestCommitBytes)
  })

  test('it gets onto the log, in its order', async () => {
    const all = outbox
    await reportAll(reporterOf())
    expect(outbox).toEqual([])
    expect(written).toEqual(all)
  })
  test('notes come first', async () => {
    const notes = attempts(1000, 'address')
    const all = [...notes, ...outbox]
    const reporter = reporterOf()
    for (const note of notes) reporter.note(note)
    await reportAll(reporter)
    expect(written).toEqual(all)
  })
  test('a group that has stopped does not wait for it', async () => {
    const all = outbox
    await reportAll(reporterOf(stopping('web', 5, 'GROUPMOVE', 's2')))
    expect(outbox).toEqual([])
    expect(written.filter(({ type }) => type === 'ActivationFailed')).toEqual(all)
    expect(recorder.state().groups[groupName('web')]?.ownership).toMatchObject({ status: 'assigned', server: 's2' })
  })
})

test('a group is given on only once it is on disk that its epoch has stopped', async () => {
  let save = (): void => {}
  saved = () =>
    new Promise((resolve) => {
      save = resolve
    })
  await reportAll(reporterOf(stopping('web', 5, 'GROUPMOVE', 's2')))
  expect(written).toEqual([])
  save()
  await virtual.pass(1000)
  expect(recorder.state().groups[web]?.ownership).toMatchObject({ status: 'assigned', server: 's2' })
})

test('nor is it while that cannot be written down, which is tried again', async () => {
  let failures = 0
  saved = async () => {
    failures += 1
    if (failures <= 2) throw new Error('no space left on the device')
  }
  const reporter = reporterOf(stopping('web', 5, 'GROUPMOVE', 's2'))
  reporter.report(recorder.state())
  await virtual.settle()
  expect(written).toEqual([])
  await virtual.pass(20_000)
  expect(failures).toBe(3)
  expect(recorder.state().groups[web]?.ownership).toMatchObject({ status: 'assigned', server: 's2' })
})

test('one outcome alone is told however long it is', async () => {
  const [first] = attempts(1)
  outbox = first ? [first, { ...ofResource('ResourceLost', 'httpd', 5, { because: 'x'.repeat(200_000) }) }] : []
  const all = outbox
  await reportAll(reporterOf())
  expect(written).toEqual(all)
  expect(recorder.state().groups[web]?.ownership).toMatchObject({ phase: 'online' })
})
