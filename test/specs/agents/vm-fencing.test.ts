/** Virtual machines as fence devices: what each hypervisor is told, and which of its words are a proof. */
import { describe, expect, test } from 'vitest'
import { type DeviceOf, limitOf } from '../../../src/agents/fencing/driver.ts'
import { vmDriver } from '../../../src/agents/fencing/vm.ts'
import { storedConfiguration } from '../../../src/events/index.ts'
import type { Processes, RunResult, World } from '../../../src/world/world.ts'
import { VirtualWorld } from '../virtual-world.ts'

type Hypervisor = DeviceOf<'vm'>['hypervisor']

const deviceOf = (more: object): DeviceOf<'vm'> => {
  const { fencing } = storedConfiguration.parse({
    ...{ cluster: 'test', servers: [{ name: 'beta', addresses: { lan: '10.0.0.1' } }] },
    fencing: { devices: { one: { type: 'vm', ...more } } },
  })
  const { one } = fencing.devices
  if (one?.type !== 'vm') throw new Error('another device')
  return one
}

/** A hypervisor that answers every question the same; orders are content. */
const setUp = (more: object, answer: Partial<RunResult> = {}) => {
  const virtual = new VirtualWorld()
  const asked: string[] = []
  const run: Processes['run'] = async (words) => {
    asked.push(words.join(' '))
    return { code: 0, signal: null, stdout: '', stderr: '', timedOut: false, elapsedMs: 1, ...answer }
  }
  const world: World = { ...virtual.world, processes: { ...virtual.world.processes, run } }
  const target = { server: 'beta', name: 'one', directory: '/run', device: deviceOf(more) }
  return {
    asked,
    pass: virtual.pass,
    driver: vmDriver(world),
    target,
    limit: limitOf(world, 5000, new AbortController().signal),
  }
}

const off = async (more: object, answer: Partial<RunResult> = {}) => {
  const { driver, target, limit, pass, asked } = setUp(more, answer)
  const ended = driver.off(target, limit)
  await pass(6000)
  return { outcome: await ended, asked }
}
const asks = async (hypervisor: Hypervisor, stdout: string, code = 0) => {
  const { driver, target, limit } = setUp({ hypervisor }, { stdout, code })
  return (await driver.status(target, limit)).power
}

const states: Readonly<Record<Hypervisor, (state: string) => string>> = {
  virsh: (state) => `${state}\n\n`,
  qm: (state) => `status: ${state}\n`,
  xe: (state) => `${state}\n`,
  vboxmanage: (state) => `name="beta"\nVMState="${state}"\nVMStateChangeTime="2026-01-01T00:00:00"\n`,
}

describe.each([
  {
    hypervisor: 'virsh',
    told: ['virsh --quiet destroy beta', 'virsh --quiet start beta', 'virsh --quiet domstate beta'],
    isOff: ['shut off', 'crashed'],
    isOn: ['running', 'idle', 'paused', 'in shutdown', 'pmsuspended'],
  },
  {
    hypervisor: 'qm',
    told: ['qm stop beta --skiplock 1', 'qm start beta', 'qm status beta'],
    isOff: ['stopped'],
    isOn: ['running', 'paused', 'suspended', 'prelaunch'],
  },
  {
    hypervisor: 'xe',
    told: [
      'xe vm-shutdown uuid=beta --force',
      'xe vm-start uuid=beta',
      'xe vm-param-get uuid=beta param-name=power-state',
    ],
    isOff: ['halted'],
    isOn: ['running', 'paused', 'suspended'],
  },
  {
    hypervisor: 'vboxmanage',
    told: [
      'VBoxManage controlvm beta poweroff',
      'VBoxManage startvm beta --type headless',
      'VBoxManage showvminfo beta --machinereadable',
    ],
    isOff: ['poweroff', 'aborted'],
    isOn: ['running', 'paused', 'stuck', 'saved', 'starting', 'stopping'],
  },
] as const)('$hypervisor', ({ hypervisor, told: [toldOff, toldOn, question], isOff, isOn }) => {
  const says = states[hypervisor]

  test('stops the machine hard, and is asked whether it has', async () => {
    const { outcome, asked } = await off({ hypervisor }, { stdout: says(isOff[0]) })
    expect(outcome).toEqual({ ok: true })
    expect(asked).toEqual([toldOff, question])
  })

  test('starts it', async () => {
    const { driver, target, limit, asked } = setUp({ hypervisor })
    expect(await driver.on(target, limit)).toEqual({ ok: true })
    expect(asked).toEqual([toldOn])
  })

  test.each(isOff)('proves it off by "%s"', async (state) => {
    expect(await asks(hypervisor, says(state))).toBe('off')
    expect(await asks(hypervisor, says(state), 1)).toBe('unknown')
  })

  test.each(isOn)('takes it for on by "%s"', async (state) => {
    expect(await asks(hypervisor, says(state))).toBe('on')
    const { outcome } = await off({ hypervisor }, { stdout: says(state) })
    expect(outcome).toEqual({ ok: false, because: 'it is still on when its time was over' })
  })

  test.each(['no state', ''])('proves nothing by other words: "%s"', async (state) => {
    expect(await asks(hypervisor, says(state))).toBe('unknown')
    expect(await asks(hypervisor, '')).toBe('unknown')
    expect(await asks(hypervisor, `a machine of the name ${isOff[0]}x\n`)).toBe('unknown')
  })
})

test('a machine goes by its own name or number, on the host where it is', async () => {
  const virsh = { hypervisor: 'virsh', uri: 'qemu+ssh://h/system', through: ['ssh', 'root@h'], hostMap: { beta: 'b' } }
  const { asked } = await off(virsh, { stdout: 'shut off\n' })
  expect(asked).toEqual(
    ['destroy', 'domstate'].map((verb) => `ssh root@h virsh --quiet --connect qemu+ssh://h/system ${verb} b`),
  )
})

test('a hypervisor that fails three looks in a row is broken; what it was told may still come', async () => {
  const { outcome, asked } = await off({ hypervisor: 'qm' }, { code: 255, stderr: 'no route to host\n' })
  expect(outcome).toEqual({ ok: false, because: 'qm status ended with code 255: no route to host' })
  expect(asked.filter((words) => words.startsWith('qm status'))).toHaveLength(3)
})
