/** Virtual machines, by the command line of their hypervisor. */
import type { World } from '../../world/world.ts'
import {
  type DeviceOf,
  type FenceAnswer,
  type FenceDriver,
  type FenceTarget,
  type Limit,
  offAndSeen,
  type PowerStatus,
  troubleOf,
} from './driver.ts'

type Commands = {
  readonly off: readonly string[]
  readonly on: readonly string[]
  readonly status: readonly string[]
  readonly saysOff: RegExp
  readonly saysOn: RegExp
}

/** How each hypervisor is told; hard stops all, for a guest that hangs does not shut down. */
const presets: Readonly<Record<DeviceOf<'vm'>['hypervisor'], (vm: string, uri: string | undefined) => Commands>> = {
  virsh: (vm, uri) => {
    const virsh = ['virsh', '--quiet', ...(uri === undefined ? [] : ['--connect', uri])]
    return {
      off: [...virsh, 'destroy', vm],
      on: [...virsh, 'start', vm],
      status: [...virsh, 'domstate', vm],
      saysOff: /^(shut off|crashed)\s*$/m,
      saysOn: /^(running|idle|paused|in shutdown|pmsuspended)\s*$/m,
    }
  },
  qm: (vm) => ({
    off: ['qm', 'stop', vm, '--skiplock', '1'],
    on: ['qm', 'start', vm],
    status: ['qm', 'status', vm],
    saysOff: /status:\s*stopped/,
    saysOn: /status:\s*(running|paused|suspended|prelaunch)/,
  }),
  xe: (vm) => ({
    off: ['xe', 'vm-shutdown', `uuid=${vm}`, '--force'],
    on: ['xe', 'vm-start', `uuid=${vm}`],
    status: ['xe', 'vm-param-get', `uuid=${vm}`, 'param-name=power-state'],
    saysOff: /^halted\s*$/m,
    saysOn: /^(running|paused|suspended)\s*$/m,
  }),
  vboxmanage: (vm) => ({
    off: ['VBoxManage', 'controlvm', vm, 'poweroff'],
    on: ['VBoxManage', 'startvm', vm, '--type', 'headless'],
    status: ['VBoxManage', 'showvminfo', vm, '--machinereadable'],
    saysOff: /^VMState="(poweroff|aborted)"/m,
    saysOn: /^VMState="(running|paused|stuck|saved|starting|stopping)"/m,
  }),
}

export const vmCommands = ({ hypervisor, uri, through, hostMap }: DeviceOf<'vm'>, server: string): Commands => {
  const commands = presets[hypervisor](hostMap[server] ?? server, uri)
  const by = (words: readonly string[]) => [...through, ...words]
  return { ...commands, off: by(commands.off), on: by(commands.on), status: by(commands.status) }
}

export const vmDriver = (world: World): FenceDriver<'vm'> => {
  const run = ([program = '', ...words]: readonly string[], limit: Limit) =>
    world.processes.run([program, ...words], { timeoutMs: limit.leftMs(), signal: limit.signal })
  const order = async (
    { device, server }: FenceTarget<'vm'>,
    limit: Limit,
    what: 'off' | 'on',
  ): Promise<FenceAnswer> => {
    const result = await run(vmCommands(device, server)[what], limit)
    return result.code === 0 ? { ok: true } : { ok: false, because: troubleOf(result, `${device.hypervisor} ${what}`) }
  }
  const status = async ({ device, server }: FenceTarget<'vm'>, limit: Limit): Promise<PowerStatus> => {
    const { status: question, saysOff, saysOn } = vmCommands(device, server)
    const result = await run(question, limit)
    if (result.code === 0 && saysOff.test(result.stdout)) return { power: 'off' }
    if (result.code === 0 && saysOn.test(result.stdout)) return { power: 'on' }
    return { power: 'unknown', because: troubleOf(result, `${device.hypervisor} status`) }
  }
  return {
    off: (target, limit) =>
      offAndSeen(world, limit, { order: () => order(target, limit, 'off'), look: () => status(target, limit) }),
    on: (target, limit) => order(target, limit, 'on'),
    status,
  }
}
