/** Fences one server: levels in order, all devices of a level together. What was proven is what they saw, not what they were told. */
import type { FenceAttempt } from '../../decisions/fence-server.ts'
import type { FencingConfiguration } from '../../events/index.ts'
import type { World } from '../../world/world.ts'
import { commandDriver } from './command.ts'
import type { DeviceType, FenceAnswer, FenceDriver, FenceDrivers, FenceTarget, Limit, PowerStatus } from './driver.ts'
import { limitOf } from './driver.ts'
import { fenceAgentDriver } from './fence-agent.ts'
import { ipmiDriver } from './ipmi.ts'
import { vmDriver } from './vm.ts'

export const fenceDrivers = (world: World): FenceDrivers => ({
  ipmi: ipmiDriver(world),
  agent: fenceAgentDriver(world),
  vm: vmDriver(world),
  command: commandDriver(world),
})

export type Fencer = {
  /**
   * One attempt over all levels. What was ordered cannot be called back; `isWanted`, asked before each further level, keeps
   * the next from a server that has come back meanwhile.
   */
  readonly fence: (
    server: string,
    configuration: FencingConfiguration,
    { signal, isWanted }: { readonly signal: AbortSignal; readonly isWanted: () => boolean },
  ) => Promise<FenceAttempt>
  /** Switches a server on again by the level that proved it off; answers what went wrong. */
  readonly restart: (
    server: string,
    level: number,
    configuration: FencingConfiguration,
    signal: AbortSignal,
  ) => Promise<readonly string[]>
  /** What one device says of a server's power. */
  readonly ask: (
    server: string,
    device: string,
    configuration: FencingConfiguration,
    signal: AbortSignal,
  ) => Promise<PowerStatus>
}

export const fencer = (world: World, directory: string): Fencer => {
  const drivers = fenceDrivers(world)
  const targetOf = (server: string, name: string, { devices }: FencingConfiguration): FenceTarget | null => {
    const device = devices[name]
    return device ? { server, name, device, directory } : null
  }
  const offBy = async (target: FenceTarget | null, limit: Limit): Promise<FenceAnswer> =>
    target ? await driverOf(drivers, target).off(target, within(limit, target)) : unknownDevice
  const within = (limit: Limit, { device }: FenceTarget): Limit => {
    const own = limitOf(world, device.timeout, limit.signal)
    return { leftMs: () => Math.min(own.leftMs(), limit.leftMs()), signal: limit.signal }
  }
  return {
    fence: async (server, configuration, { signal, isWanted }) => {
      const began = world.clock.now()
      const limit = limitOf(world, configuration.timeout, signal)
      const levels = configuration.levels[server] ?? []
      const failures: string[] = []
      for (const [index, names] of levels.entries()) {
        if (limit.leftMs() === 0) break
        if (index > 0 && !isWanted()) {
          failures.push(`level ${index + 1} and on: not ordered, nobody asks for it here any more`)
          break
        }
        const answers = await Promise.all(names.map((name) => offBy(targetOf(server, name, configuration), limit)))
        const failed = answers.flatMap((answer, at) => (answer.ok ? [] : [`${names[at]}: ${answer.because}`]))
        const ms = world.clock.now() - began
        if (failed.length === 0) return { ok: true, level: index + 1, devices: names, ms }
        failures.push(`level ${index + 1}: ${failed.join(', ')}`)
      }
      if (levels.length === 0) return { ok: false, because: `no fence device is configured for ${server}` }
      return { ok: false, because: failures.join('; ') }
    },
    restart: async (server, level, configuration, signal) => {
      const names = configuration.levels[server]?.[level - 1] ?? []
      const limit = limitOf(world, configuration.timeout, signal)
      const answers = await Promise.all(
        names.map(async (name): Promise<FenceAnswer> => {
          const target = targetOf(server, name, configuration)
          if (!target || !isToRestart(target, configuration)) return { ok: true }
          return await driverOf(drivers, target).on(target, within(limit, target))
        }),
      )
      return answers.flatMap((answer, at) => (answer.ok ? [] : [`${names[at]}: ${answer.because}`]))
    },
    ask: async (server, device, configuration, signal) => {
      const target = targetOf(server, device, configuration)
      if (!target) return { power: 'unknown', because: unknownDevice.because }
      return await driverOf(drivers, target).status(target, limitOf(world, target.device.timeout, signal))
    },
  }
}

const unknownDevice = { ok: false as const, because: 'there is no such device' }

/** A reset leaves the machine on; a cycle asks for it whatever the cluster's action is. */
const isToRestart = ({ device }: FenceTarget, { action }: FencingConfiguration): boolean =>
  device.type === 'ipmi' && device.action === 'reset'
    ? false
    : action === 'reboot' || (device.type === 'ipmi' && device.action === 'cycle')

/** The table is by type, so the driver fits its device. */
const driverOf = (drivers: FenceDrivers, { device }: FenceTarget): FenceDriver<DeviceType> =>
  // cast: each driver takes the devices of its own key only, and that key is chosen by the device.
  drivers[device.type] as unknown as FenceDriver<DeviceType>
