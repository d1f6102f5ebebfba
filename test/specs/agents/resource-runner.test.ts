import { beforeEach, describe, expect, test } from 'vitest'
import { readManifest } from '../../../src/agents/guardian/manifest.ts'
import { type ResourceRunner, resourceRunner } from '../../../src/agents/resource-runner.ts'
import type { Outcome, ResourceDriver } from '../../../src/agents/resources/driver.ts'
import type { Effect } from '../../../src/decisions/plan.ts'
import { type Event, resourceName } from '../../../src/events/index.ts'
import type { State } from '../../../src/projections/state.ts'
import { initialState } from '../../../src/projections/state.ts'
import { assigned, cluster, epoch, s1, stopping, web } from '../decisions/demo.ts'
import { stateOf } from '../spec.ts'
import { VirtualWorld } from '../virtual-world.ts'

const manifest = '/state/run/running.json'
const ok: Outcome = { ok: true }
const no: Outcome = { ok: false, because: 'port in use', stalled: false }
const stalled: Outcome = { ok: false, because: 'no end within 1000 ms', stalled: true }

/** A resource whose every answer is scripted; `hang` = it ends when it is cancelled. */
class ScriptedDriver {
  activations: (Outcome | 'hang' | Error)[] = []
  patient: (Outcome | 'hang')[] = []
  forced: Outcome[] = []
  found: 'on' | 'off' | 'partial' = 'off'
  /** Null: nobody watches. */
  lose: ((because: string) => void) | null = null
  readonly calls: string[] = []
  readonly environments: Readonly<Record<string, string>>[] = []

  readonly driver: ResourceDriver = {
    activate: async ({ environment }, { signal }) => {
      this.calls.push('activate')
      this.environments.push(environment)
      const next = this.activations.shift() ?? ok
      if (next instanceof Error) throw next
      return next === 'hang' ? untilAborted(signal) : next
    },
    deactivate: async ({ environment }, { signal, urgent }) => {
      this.calls.push(urgent ? 'force down' : 'deactivate')
      this.environments.push(environment)
      const next = (urgent ? this.forced.shift() : this.patient.shift()) ?? ok
      return next === 'hang' ? untilAborted(signal) : next
    },
    probe: async () => this.found,
    watch: (_, lost) => {
      this.lose = lost
      return () => {
        this.lose = null
      }
    },
  }
}

const untilAborted = (signal: AbortSignal): Promise<Outcome> =>
  new Promise((resolve) =>
    signal.addEventListener('abort', () => resolve({ ok: false, because: 'cancelled', stalled: false })),
  )

const settings = { activation: { retries: 2 }, deactivation: { retries: 1 } }
const configured = cluster({ web: { resources: { httpd: { type: 'exec', start: 'httpd', ...settings } } } })
const state: State = stateOf([...configured, assigned('web', 's1')])
const which = { group: web, resource: resourceName('httpd'), epoch: epoch(5) }
const activate: Effect = { do: 'Activate', ...which }
const cancel: Effect = { do: 'Cancel', group: web, resource: resourceName('httpd') }
const deactivate = (urgent: boolean): Effect => ({ do: 'Deactivate', ...which, urgent })

let virtual: VirtualWorld
let scripted: ScriptedDriver
let runner: ResourceRunner

const newRunner = (): ResourceRunner =>
  resourceRunner(virtual.world, {
    me: s1,
    instance: 'demo-s1',
    installation: { version: '1.0.0', path: '/state', osName: 'Debian', osVersion: '13' },
    drivers: {
      exec: scripted.driver,
      fip: scripted.driver,
      disk: scripted.driver,
      md: scripted.driver,
      service: scripted.driver,
    },
    logDirectory: '/state/log',
    manifest,
    changed: () => undefined,
  })

beforeEach(() => {
  virtual = new VirtualWorld()
  scripted = new ScriptedDriver()
  runner = newRunner()
})

const perform = async (...effects: readonly Effect[]): Promise<void> => {
  runner.perform(effects, state)
  await virtual.settle()
}
const condition = () => runner.observed()[0]?.condition
const said = () => runner.outbox().map(({ type }: Event) => type)

describe('activation', () => {
  test('is in the manifest before it begins, so that a guardian can end what an agent left', async () => {
    scripted.activations = ['hang']
    await perform(activate)
    expect(await readManifest(virtual.world, manifest)).toMatchObject([{ group: 'web', epoch: 5, isUp: false }])
    expect(condition()).toBe('activating')
    expect(runner.isAllOff()).toBe(false)
  })
  test('is said with its outcome, and complete in the manifest', async () => {
    await perform(activate)
    expect(condition()).toBe('on')
    expect(said()).toEqual(['ActivationStarted', 'ResourceActivated'])
    expect(await readManifest(virtual.world, manifest)).toMatchObject([{ isUp: true }])
    expect(scripted.environments[0]).toMatchObject({ CLP_EVENT: 'START', BATON_EPOCH: '5' })
  })
  test('is tried again as configured, each time from nothing', async () => {
    scripted.activations = [no, stalled, ok]
    await perform(activate)
    expect(scripted.calls).toEqual(['activate', 'force down', 'activate', 'force down', 'activate'])
    expect(runner.outbox()).toMatchObject([
      { type: 'ActivationStarted', data: { attempt: 1 } },
      { type: 'ActivationFailed', data: { attempt: 1, because: 'port in use', stalled: false } },
      { type: 'ActivationStarted', data: { attempt: 2 } },
      { type: 'ActivationFailed', data: { attempt: 2, stalled: true } },
      { type: 'ActivationStarted', data: { attempt: 3 } },
      { type: 'ResourceActivated', data: { attempt: 3 } },
    ])
    expect(condition()).toBe('on')
  })
  test('has failed when every attempt has', async () => {
    scripted.activations = [no, no, no, ok]
    await perform(activate)
    expect(condition()).toBe('failed')
    expect(scripted.calls.filter((call) => call === 'activate')).toHaveLength(3)
  })
  test('that leaves something which even force cannot take down is stuck', async () => {
    scripted.activations = [no]
    scripted.forced = [no]
    await perform(activate)
    expect(condition()).toBe('stuck')
    expect(said()).toEqual(['ActivationStarted', 'ActivationFailed', 'DeactivationFailed'])
  })
  test('is not begun twice', async () => {
    scripted.activations = ['hang']
    await perform(activate, activate)
    await perform(activate)
    expect(scripted.calls).toEqual(['activate'])
  })
  test('that is cancelled ends off, and is not tried again', async () => {
    scripted.activations = ['hang']
    await perform(activate)
    await perform(cancel)
    expect(scripted.calls).toEqual(['activate', 'force down'])
    expect(condition()).toBe('off')
    expect(runner.isAllOff()).toBe(true)
  })
  test('whose driver throws leaves a resource in nobody’s knowledge: only force is left', async () => {
    scripted.activations = [new Error('bug')]
    await perform(activate)
    expect(condition()).toBe('stuck')
    expect(runner.outbox().at(-1)).toMatchObject({ data: { because: 'even by force: the driver failed: bug' } })
  })
})

describe('deactivation', () => {
  test('is said with its outcome, and gone from the manifest', async () => {
    await perform(activate)
    runner.perform(
      [deactivate(false)],
      stateOf([...configured, assigned('web', 's1'), stopping('web', 5, 'GROUPMOVE', 's2')]),
    )
    await virtual.settle()
    expect(condition()).toBe('off')
    expect(said().slice(2)).toEqual(['DeactivationStarted', 'ResourceDeactivated'])
    expect(await readManifest(virtual.world, manifest)).toEqual([])
    expect(scripted.environments.at(-1)).toMatchObject({ CLP_FACTOR: 'GROUPMOVE', BATON_CAUSE: '6' })
  })
  test('is tried again as configured, then by force', async () => {
    await perform(activate)
    scripted.patient = [no, stalled]
    await perform(deactivate(false))
    expect(scripted.calls.slice(1)).toEqual(['deactivate', 'deactivate', 'force down'])
    expect(condition()).toBe('off')
  })
  test('is stuck when even force fails: it is not off, and says so', async () => {
    await perform(activate)
    scripted.patient = [no, no]
    scripted.forced = [no]
    await perform(deactivate(false))
    expect(condition()).toBe('stuck')
    expect(runner.isAllOff()).toBe(false)
    expect(await readManifest(virtual.world, manifest)).toHaveLength(1)
  })
  test('goes on by force while the world does not answer: a disk that hangs is cut off in the end', async () => {
    await perform(activate)
    scripted.patient = [stalled, stalled]
    scripted.forced = Array.from({ length: 50 }, () => stalled)
    await perform(deactivate(false))
    await virtual.pass(9_800)
    expect(condition()).toBe('deactivating')
    await virtual.pass(1000)
    expect(condition()).toBe('off')
    expect(said().slice(2)).toEqual([
      'DeactivationStarted',
      'DeactivationFailed',
      'DeactivationFailed',
      'ResourceDeactivated',
    ])
  })
  test('is stuck once the world has not answered for long, by force', async () => {
    await perform(activate)
    scripted.patient = [stalled, stalled]
    scripted.forced = Array.from({ length: 1000 }, () => stalled)
    await perform(deactivate(false))
    await virtual.pass(13_000)
    expect(condition()).toBe('stuck')
  })
  test('waits no longer for a world that does not answer when the lease ends', async () => {
    await perform(activate)
    scripted.patient = [stalled, stalled]
    scripted.forced = [stalled]
    await perform(deactivate(false))
    expect(condition()).toBe('deactivating')
    await perform(deactivate(true))
    expect(condition()).toBe('off')
  })
  test('that is urgent is by force at once', async () => {
    await perform(activate)
    await perform(deactivate(true))
    expect(scripted.calls).toEqual(['activate', 'force down'])
  })
  test('that is patient turns urgent when the lease ends', async () => {
    await perform(activate)
    scripted.patient = ['hang']
    await perform(deactivate(false))
    await perform(deactivate(false))
    expect(scripted.calls).toEqual(['activate', 'deactivate'])
    await perform(deactivate(true))
    expect(scripted.calls.slice(2)).toContain('force down')
    expect(scripted.calls.filter((call) => call === 'deactivate')).toHaveLength(1)
    expect(condition()).toBe('off')
  })
})

describe('the outbox', () => {
  test('keeps what is not on the log yet', async () => {
    await perform(activate)
    runner.recorded(1)
    expect(said()).toEqual(['ResourceActivated'])
  })
})

test('a manifest that could not be written once is written the next time', async () => {
  virtual.diskTrouble = 'ENOSPC'
  await perform(activate)
  expect(scripted.calls).toEqual([])
  // Nothing was begun, so there is nothing to be taken down.
  expect(condition()).toBe('failed')
  virtual.diskTrouble = null
  await runner.adopt(initialState)
  expect(virtual.disk.has(manifest)).toBe(true)
})

test('what is lost stays so until it is taken down; what is taken down on purpose is not lost', async () => {
  await perform(activate)
  scripted.lose?.('not active any more')
  expect(runner.observed()).toMatchObject([{ condition: 'on', lost: 'not active any more' }])
  await perform(deactivate(false))
  expect(runner.observed()).toMatchObject([{ condition: 'off', lost: null }])
  await perform(activate)
  expect(runner.observed()).toMatchObject([{ condition: 'on', lost: null }])
  scripted.patient = ['hang']
  await perform(deactivate(false))
  expect(scripted.lose).toBeNull()
})

describe('an agent that restarts', () => {
  const restart = async (): Promise<void> => {
    scripted.calls.length = 0
    runner = newRunner()
    await runner.adopt(initialState)
  }

  test('adopts what still runs', async () => {
    await perform(activate)
    scripted.found = 'on'
    await restart()
    expect(runner.observed()).toMatchObject([{ condition: 'on', epoch: 5, since: 5, adopted: true }])
    expect(scripted.calls).toEqual([])
  })
  test.each(['off', 'partial'] as const)('cleans up what is %s', async (found) => {
    await perform(activate)
    scripted.found = found
    await restart()
    expect(scripted.calls).toEqual(['force down'])
    expect(condition()).toBe('off')
  })
  test('cleans up what was only half way up, though it looks up', async () => {
    scripted.activations = ['hang']
    await perform(activate)
    scripted.found = 'on'
    await restart()
    expect(scripted.calls).toEqual(['force down'])
  })
  test('says what it cannot take down', async () => {
    await perform(activate)
    scripted.found = 'partial'
    scripted.forced = [no]
    await restart()
    expect(condition()).toBe('stuck')
    expect(runner.outbox()).toMatchObject([
      { type: 'DeactivationFailed', data: { epoch: 5, because: 'even by force: port in use' } },
    ])
  })
  test('after a boot of the machine finds nothing: nothing of it runs', async () => {
    await perform(activate)
    virtual.boot = 'boot-2'
    scripted.found = 'on'
    await restart()
    expect(runner.observed()).toEqual([])
    expect(scripted.calls).toEqual([])
  })
})

test('a disk that fills up while a resource starts fells nobody: a later agent only does not adopt it', async () => {
  scripted.activations = ['hang']
  await perform(activate)
  virtual.diskTrouble = 'ENOSPC'
  await perform(cancel)
  expect(condition()).toBe('off')
  expect(await readManifest(virtual.world, manifest)).toMatchObject([{ isUp: false }])
})
