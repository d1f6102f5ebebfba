/** What a server does to itself when it is ordered to (F1): which command, when, once, and what of a machine that stays. */
import { beforeEach, describe, expect, test } from 'vitest'
import {
  type FinalActionParts,
  type FinalActionRunner,
  finalActionRunner,
} from '../../../src/agents/fencing/final-action.ts'
import { type Recorder, startRecorder } from '../../../src/agents/log/recorder.ts'
import type { FinalActionNote } from '../../../src/agents/voter/voter-store.ts'
import { type Event, type EventLog, type MachineAction, machineActions } from '../../../src/events/index.ts'
import { memoryLog } from '../../../src/events/memory-log.ts'
import { fold, initialState } from '../../../src/projections/state.ts'
import type { Processes, RunResult, World } from '../../../src/world/world.ts'
import { digestOf, fact, storyOf } from '../../recorded-log.ts'
import { cluster, s1, stopped, webOnS1 } from '../decisions/demo.ts'
import type { Given } from '../spec.ts'
import { VirtualWorld } from '../virtual-world.ts'

const finalActions = {
  keepaliveReset: 'echo reset >/dev/keepalive',
  keepalivePanic: 'echo panic >/dev/keepalive',
  bmcNmi: 'echo nmi >/dev/bmc',
  wait: 30_000,
}
const content: RunResult = { code: 0, signal: null, stdout: '', stderr: '', timedOut: false, elapsedMs: 1 }

let virtual: VirtualWorld
let recorder: Recorder
let runner: FinalActionRunner
/** Another, which has done nothing yet. */
let startAgent: () => void
/** What was run, and when, in ms since the order. */
let ran: [command: string, at: number][]
let outcome: Partial<RunResult>
let configured: object
let isLogAway: boolean
/** What of it is on the disk. */
let noted: FinalActionNote | null
let hangs: boolean
const store: FinalActionParts['store'] = {
  finalAction: () => noted,
  noteFinalAction: async (note) => {
    if (hangs) return await new Promise(() => {})
    noted = note
  },
}

const ordered = (action: MachineAction, boot = 'boot-1'): Event =>
  fact('FinalActionOrdered', { server: 's1', action, boot, because: 'web/httpd could not be started' })

/** s1, whose machine is in its first boot, has read this. */
const begin = (...given: readonly Given[]): void => {
  const all = [...cluster({ cluster: { finalActions: configured } }), ...given]
  const log = storyOf(all.map((one) => (isCommit(one) ? one : [one])))
  const kept = memoryLog(digestOf, log)
  const append: EventLog['append'] = async (after, commit) =>
    isLogAway ? { result: 'unavailable', because: 'no majority' } : await kept.append(after, commit)
  recorder = startRecorder(virtual.world, { ...kept, append }, { by: 'server:s1', from: fold(initialState, log) })
  const began = virtual.now
  const run: Processes['run'] = async (words) => {
    ran.push([words.join(' '), virtual.now - began])
    return { ...content, ...outcome }
  }
  const world: World = { ...virtual.world, processes: { ...virtual.world.processes, run } }
  startAgent = () => {
    const tend = (): void => runner.tend(recorder.state())
    runner = finalActionRunner(world, { me: s1, recorder, store, say: () => {}, wake: tend })
    recorder.onFold(tend)
    tend()
  }
  startAgent()
}
const isCommit = (given: Given): given is readonly [Event, ...Event[]] => Array.isArray(given)
const add = (event: Event) => recorder.submit('more', () => ({ events: [event], because: {}, causedBy: null }))
/** The agent looks for what to do, once a second. */
const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) {
    runner.tend(recorder.state())
    await virtual.pass(1000)
  }
}
const failure = () => recorder.state().fencing.finalActions.s1?.failed

beforeEach(() => {
  virtual = new VirtualWorld()
  ran = []
  outcome = {}
  configured = finalActions
  isLogAway = false
  noted = null
  hangs = false
})

describe('the command of a final action', () => {
  const commands: Readonly<Record<MachineAction, string>> = {
    shutdown: 'systemctl poweroff',
    reboot: 'systemctl reboot',
    panic: 'echo 1 > /proc/sys/kernel/sysrq; echo c > /proc/sysrq-trigger',
    'keepalive-reset': finalActions.keepaliveReset,
    'keepalive-panic': finalActions.keepalivePanic,
    'bmc-reset': 'ipmitool chassis power reset',
    'bmc-off': 'ipmitool chassis power off',
    'bmc-cycle': 'ipmitool chassis power cycle',
    'bmc-nmi': finalActions.bmcNmi,
  }
  test.each(machineActions)('%s is run once, by a shell', async (action) => {
    begin(ordered(action))
    await virtual.pass(1000)
    runner.tend(recorder.state())
    await virtual.pass(60_000)
    expect(ran).toEqual([[`/bin/sh -c ${commands[action]}`, 0]])
    expect(failure()).toBeNull()
  })

  test('is not run on a machine that has restarted since, nor on another', async () => {
    begin(ordered('panic', 'boot-0'), fact('FinalActionOrdered', { ...ordered('panic').data, server: 's2' }))
    await virtual.pass(200_000)
    expect(ran).toEqual([])
  })

  test('that is not configured is a failure', async () => {
    // The check refuses it; the command may have been taken out since the order.
    configured = {}
    begin(ordered('keepalive-reset'))
    await virtual.pass(1000)
    expect(ran).toEqual([])
    expect(failure()).toBe('no command is configured for it')
  })
})

describe('with groups that can still leave', () => {
  test.each(['reboot', 'shutdown'] as const)('%s waits until they have', async (action) => {
    begin(...webOnS1, ordered(action))
    await virtual.pass(10_000)
    expect(ran).toEqual([])
    await add(stopped('web', 5))
    await virtual.pass(100)
    expect(ran.map(([, at]) => at)).toEqual([10_000])
  })

  test('it waits no longer than is configured', async () => {
    begin(...webOnS1, ordered('reboot'))
    await virtual.pass(finalActions.wait - 1)
    expect(ran).toEqual([])
    await virtual.pass(1)
    expect(ran.map(([, at]) => at)).toEqual([finalActions.wait])
  })

  test.each(['panic', 'keepalive-reset', 'bmc-off'] as const)('%s waits for nothing', async (action) => {
    begin(...webOnS1, ordered(action))
    await virtual.pass(0)
    expect(ran).toHaveLength(1)
  })
})

describe('a machine that goes on', () => {
  test.each([
    [{ code: 1, stderr: 'no such device\n' }, 'its command ended with code 1: no such device'],
    [{ code: null, signal: 'SIGKILL', timedOut: true } as const, 'its command ended with SIGKILL: '],
  ])('since its command failed, says so, once', async (how, because) => {
    outcome = how
    begin(ordered('keepalive-reset'))
    await virtual.pass(200_000)
    expect(ran).toHaveLength(1)
    expect(failure()).toBe(because)
  })

  test('two minutes after its command was content, says so', async () => {
    begin(ordered('keepalive-reset'))
    await virtual.pass(119_999)
    expect(failure()).toBeNull()
    await virtual.pass(1)
    expect(failure()).toBe('the machine still runs two minutes later')
    await virtual.pass(200_000)
    expect(ran).toHaveLength(1)
  })

  test('says so once the log is back, and the next agent does not do it again', async () => {
    outcome = { code: 1, stderr: 'no such device' }
    isLogAway = true
    begin(ordered('bmc-reset'))
    await turns(60)
    expect(failure()).toBeNull()
    isLogAway = false
    await turns(2)
    expect(failure()).toBe('its command ended with code 1: no such device')
    runner.stop()
    startAgent()
    await turns(2)
    expect(ran).toHaveLength(1)
  })

  test.each([
    ['has failed', { code: 1, stderr: 'no such device' }, 'its command ended with code 1: no such device'],
    ['is not known to have failed', { code: 0 }, 'the machine still runs two minutes later'],
  ])('does not do again what %s while the log was away, and says so once it is back', async (_, how, because) => {
    outcome = how
    isLogAway = true
    begin(ordered('bmc-reset'))
    await turns(60)
    runner.stop()
    startAgent()
    await turns(130)
    isLogAway = false
    await turns(2)
    expect(ran).toHaveLength(1)
    expect(failure()).toBe(because)
  })

  test('does its final action though the disk takes no note of it', async () => {
    hangs = true
    begin(ordered('bmc-reset'))
    await turns(2)
    expect(ran).toHaveLength(1)
  })

  test('since it is stopping, waits for nothing any more', async () => {
    begin(ordered('reboot'))
    await virtual.pass(1000)
    runner.stop()
    await virtual.pass(200_000)
    expect(failure()).toBeNull()
  })

  test('and is ordered again, does it again', async () => {
    outcome = { code: 1 }
    begin(ordered('keepalive-reset'))
    await virtual.pass(1000)
    await add(ordered('bmc-reset'))
    await virtual.pass(1000)
    expect(ran.map(([command]) => command)).toEqual([
      `/bin/sh -c ${finalActions.keepaliveReset}`,
      '/bin/sh -c ipmitool chassis power reset',
    ])
  })
})
