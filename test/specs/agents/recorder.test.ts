import { beforeEach, describe, expect, test } from 'vitest'
import { type Answer, type Recorder, startRecorder } from '../../../src/agents/log/recorder.ts'
import type { Decision } from '../../../src/decisions/decision.ts'
import {
  type AppendResult,
  type Commit,
  commitId,
  decodeCommit,
  type Event,
  type EventLog,
  encodeCommit,
  hash,
  type LogReader,
  type LogTrouble,
  type Position,
  type Recorded,
  sequence,
  start,
  wallTime,
} from '../../../src/events/index.ts'
import { initialState, type State } from '../../../src/projections/state.ts'
import { fact } from '../../recorded-log.ts'
import { VirtualWorld } from '../virtual-world.ts'

/** A log whose every answer is scripted. `stores` = what was asked for stands there, whatever was answered. */
class ScriptedLog {
  readonly records: Recorded[] = []
  readonly asked: Commit[] = []
  answers: { readonly result: AppendResult['result']; readonly stores: boolean }[] = []
  #reader: LogReader | null = null

  get tail(): Position {
    return this.records.at(-1)?.position ?? start
  }
  put(commit: Commit): Recorded {
    const bytes = encodeCommit(commit, this.tail.hash)
    const position = { sequence: sequence(this.records.length + 1), hash: hash(`h${this.records.length + 1}`) }
    const recorded = { position, bytes, ...decodeCommit(bytes) }
    this.records.push(recorded)
    return recorded
  }
  /** The feed tells what it has. */
  readonly deliver = (): void => this.#reader?.commits(this.records)
  readonly deliverThese = (recorded: readonly Recorded[]): void => this.#reader?.commits(recorded)
  readonly trouble = (trouble: LogTrouble): void => this.#reader?.trouble(trouble)
  readonly repaired = (): void => this.#reader?.repaired()

  readonly log: EventLog = {
    append: async (after, commit) => {
      this.asked.push(commit)
      const { result, stores } = this.answers.shift() ?? { result: 'appended', stores: true }
      const isThere = this.records.some((one) => one.commit.id === commit.id)
      if (!isThere && after.sequence !== this.tail.sequence) return { result: 'conflict' }
      const recorded = stores && !isThere ? this.put(commit) : this.records.at(-1)
      if (result === 'appended' && recorded) return { result, position: recorded.position }
      return result === 'conflict'
        ? { result }
        : { result: result === 'appended' ? 'unknown' : result, because: 'scripted' }
    },
    follow: (_, reader) => {
      this.#reader = reader
      return { stop: () => undefined }
    },
    status: () => ({ reachable: true, leader: null, last: this.tail.sequence, replicas: [] }),
    moveLeader: async () => undefined,
    close: async () => undefined,
  }
}

const commitOf = (id: string, event: Event): Commit => ({
  id: commitId(id),
  by: 'server:s2',
  at: wallTime(1),
  causedBy: null,
  because: {},
  events: [event],
})
const suspended = fact('ClusterSuspended')
/** Suspends the cluster, once. */
const suspend = (state: State): Decision | null =>
  state.cluster.suspended ? null : { events: [suspended], because: { seen: state.position.sequence }, causedBy: null }

let virtual: VirtualWorld
let log: ScriptedLog
let recorder: Recorder
let refusal: string | null

beforeEach(() => {
  virtual = new VirtualWorld()
  log = new ScriptedLog()
  refusal = null
  recorder = startRecorder(virtual.world, log.log, {
    by: 'server:s1',
    from: initialState,
    refuses: () => refusal,
  })
})

const submit = async (decide: (state: State) => Decision | null = suspend, passMs = 0): Promise<Answer | 'waiting'> => {
  let answer: Answer | 'waiting' = 'waiting'
  void recorder.submit('it', decide).then((given) => {
    answer = given
  })
  await virtual.pass(passMs)
  return answer
}

describe('what is decided', () => {
  test('is on the log, folded at once, and is the barrier of rule 7c', async () => {
    expect(recorder.hasBarrier()).toBe(false)
    expect(await submit()).toEqual({ answer: 'recorded', sequence: 1 })
    expect(recorder.state().cluster.suspended).toBe(true)
    expect(recorder.hasBarrier()).toBe(true)
  })
  test('is nothing when the state does not call for it', async () => {
    expect(await submit(() => null)).toEqual({ answer: 'nothing' })
    expect(recorder.hasBarrier()).toBe(false)
  })
  test('is folded once, though the feed tells it again', async () => {
    await submit()
    log.deliver()
    expect(recorder.state().position.sequence).toBe(1)
  })
  test('one after the other; the same key is not queued twice', async () => {
    const [one, same, other] = [
      recorder.submit('a', suspend),
      recorder.submit('a', suspend),
      recorder.submit('b', suspend),
    ]
    expect(same).toBe(one)
    expect(recorder.isPending('a')).toBe(true)
    expect([await one, await other]).toEqual([{ answer: 'recorded', sequence: 1 }, { answer: 'nothing' }])
    expect(recorder.isPending('a')).toBe(false)
  })
})

describe('a conflict', () => {
  test('is decided again on what is new', async () => {
    log.put(commitOf('theirs', fact('ClusterCreated', { cluster: 'demo' })))
    expect(await submit()).toBe('waiting')
    log.deliver()
    await virtual.settle()
    expect(log.asked.map(({ because }) => because)).toEqual([{ seen: 0 }, { seen: 1 }])
    expect(recorder.state()).toMatchObject({ cluster: { name: 'demo', suspended: true } })
  })
  test('is over when what is new says that nothing is to be done', async () => {
    const answer = recorder.submit('it', suspend)
    log.put(commitOf('theirs', suspended))
    await virtual.settle()
    log.deliver()
    expect(await answer).toEqual({ answer: 'nothing' })
    expect(recorder.hasBarrier()).toBe(false)
  })
  test('again and again is given up: others write faster than we decide', async () => {
    const decide = (state: State): Decision => {
      log.put(commitOf(`theirs-${state.position.sequence}`, fact('ClusterCreated', { cluster: 'demo' })))
      queueMicrotask(() => queueMicrotask(log.deliver))
      return { events: [suspended], because: {}, causedBy: null }
    }
    expect(await submit(decide, 60_000)).toEqual({ answer: 'given-up', because: 'others kept writing first' })
    expect(log.asked).toHaveLength(20)
  })
})

describe('an append whose reply was lost', () => {
  test('is found on the log by its id: it was recorded', async () => {
    log.answers = [{ result: 'unknown', stores: true }]
    expect(await submit()).toBe('waiting')
    log.deliver()
    await virtual.settle()
    expect(log.asked).toHaveLength(1)
    expect(recorder.hasBarrier()).toBe(true)
    expect(recorder.state().cluster.suspended).toBe(true)
  })
  test('is not there, something else is: decided again', async () => {
    log.answers = [{ result: 'unknown', stores: false }]
    await submit()
    log.put(commitOf('theirs', fact('ClusterCreated', { cluster: 'demo' })))
    log.deliver()
    await virtual.settle()
    expect(log.asked.map(({ because }) => because)).toEqual([{ seen: 0 }, { seen: 1 }])
  })
  test('is asked for again with the same commit, never with another', async () => {
    log.answers = [
      { result: 'unknown', stores: false },
      { result: 'unavailable', stores: false },
      { result: 'unknown', stores: false },
    ]
    expect(await submit(suspend, 1000)).toEqual({ answer: 'recorded', sequence: 1 })
    expect(new Set(log.asked.map(({ id }) => id)).size).toBe(1)
  })
  test('is given up after its time', async () => {
    log.answers = Array.from({ length: 99 }, () => ({ result: 'unknown' as const, stores: false }))
    expect(await submit(suspend, 9000)).toBe('waiting')
    await virtual.pass(2000)
    expect(recorder.isPending('it')).toBe(false)
    expect(recorder.hasBarrier()).toBe(false)
  })
  test('and that was given up is the barrier of rule 7c when it is read after all', async () => {
    log.answers = Array.from({ length: 100 }, () => ({ result: 'unknown' as const, stores: false }))
    expect(await submit(suspend, 20_000)).toMatchObject({ answer: 'given-up' })
    expect(recorder.hasBarrier()).toBe(false)
    const [late] = log.asked
    if (late) log.put(late)
    log.deliver()
    expect(recorder.hasBarrier()).toBe(true)
  })
})

describe('nothing is decided', () => {
  test('while the log cannot be written', async () => {
    log.answers = [{ result: 'unavailable', stores: false }]
    expect(await submit()).toEqual({ answer: 'given-up', because: 'the log could not be written' })
  })
  test('while a pair’s log waits for a declaration; whoever asked waits, the declaration does not', async () => {
    log.answers = [{ result: 'abandoned', stores: false }]
    expect(await submit()).toMatchObject({ answer: 'given-up' })
    expect(recorder.isPending('it')).toBe(true)
    const declaration = recorder.submit('other', suspend)
    await virtual.pass(0)
    expect(await declaration).toMatchObject({ answer: 'recorded' })
    await virtual.pass(50)
    expect(recorder.isPending('it')).toBe(false)
  })
  test('while the log is not in order; and again once it is', async () => {
    log.trouble({ trouble: 'hole', at: sequence(7) })
    expect(await submit()).toEqual({ answer: 'given-up', because: 'the log is not in order (hole)' })
    log.repaired()
    // A log that takes nothing is left in peace for a moment.
    await virtual.pass(50)
    expect(await submit()).toMatchObject({ answer: 'recorded' })
  })
  test('after a commit that does not follow what is folded; and again once one does', async () => {
    await submit()
    const right = log.put(commitOf('right', fact('ClusterResumed')))
    log.deliverThese([{ ...right, previous: hash('other') }])
    expect(recorder.trouble()).toEqual({ trouble: 'broken-chain', at: 2 })
    // What is told again changes nothing.
    log.deliverThese(log.records.slice(0, 1))
    expect(recorder.state().position.sequence).toBe(1)
    expect(await submit()).toEqual({ answer: 'given-up', because: 'the log is not in order (broken-chain)' })
    log.deliver()
    expect(recorder.trouble()).toBeNull()
    expect(recorder.state().position.sequence).toBe(2)
  })
  test('after a gap: nothing beyond it is folded', async () => {
    await submit()
    log.put(commitOf('lost', fact('ClusterResumed')))
    const beyond = log.put(commitOf('beyond', suspended))
    log.deliverThese([beyond])
    expect(recorder.trouble()).toEqual({ trouble: 'hole', at: 2 })
    expect(recorder.state().position.sequence).toBe(1)
  })
  test('by software that does not know what stands on the log: it watches', async () => {
    log.put(commitOf('newer', { type: 'UnknownEvent', data: { was: 'KettleBoiled', version: 1 } }))
    log.deliver()
    expect(await submit()).toMatchObject({ answer: 'given-up', because: expect.stringContaining('it only watches') })
    expect(log.asked).toHaveLength(0)
  })
  test('while whoever runs it refuses', async () => {
    refusal = 'the log ends at 3'
    expect(await submit()).toEqual({ answer: 'given-up', because: 'the log ends at 3' })
  })
})
