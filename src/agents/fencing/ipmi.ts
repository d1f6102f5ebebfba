/** Management controllers (BMC), by ipmitool. The password is read by ipmitool from its file: it is in no argument. */
import type { World } from '../../world/world.ts'
import {
  type DeviceOf,
  type FenceAnswer,
  type FenceDriver,
  type FenceTarget,
  type Limit,
  offAndSeen,
  type PowerStatus,
  pause,
  troubleOf,
} from './driver.ts'

/** ipmitool asks again after so many seconds, so many times, before it gives up one question. */
const askAgainSeconds = 1
const askAgainTimes = 3

/** The command line of one question or order, such as `chassis power off`. */
export const ipmiCommand = (
  { address, port, user, passwordFile, interface: kind, cipher, privilege }: DeviceOf<'ipmi'>,
  ...words: readonly string[]
): readonly [string, ...string[]] => [
  'ipmitool',
  ...['-I', kind, '-H', address, '-p', String(port), '-U', user, '-f', passwordFile, '-L', privilege],
  ...(cipher === undefined || kind === 'lan' ? [] : ['-C', String(cipher)]),
  ...['-N', String(askAgainSeconds), '-R', String(askAgainTimes)],
  ...words,
]

export const ipmiDriver = (world: World): FenceDriver<'ipmi'> => {
  const order = async ({ device }: FenceTarget<'ipmi'>, limit: Limit, what: string): Promise<FenceAnswer> => {
    const options = { timeoutMs: limit.leftMs(), signal: limit.signal }
    const result = await world.processes.run(ipmiCommand(device, 'chassis', 'power', what), options)
    return result.code === 0 ? { ok: true } : { ok: false, because: troubleOf(result, `ipmitool power ${what}`) }
  }
  const status = async ({ device }: FenceTarget<'ipmi'>, limit: Limit): Promise<PowerStatus> => {
    const options = { timeoutMs: limit.leftMs(), signal: limit.signal }
    const result = await world.processes.run(ipmiCommand(device, 'chassis', 'power', 'status'), options)
    const said = /Chassis Power is (on|off)/i.exec(result.stdout)?.[1]?.toLowerCase()
    if (result.code === 0 && (said === 'on' || said === 'off')) return { power: said }
    return { power: 'unknown', because: troubleOf(result, 'ipmitool power status') }
  }
  return {
    off: async (target, limit) => {
      const { action, diagWait } = target.device
      // A reset leaves the power on, so there is nothing to be seen afterwards: it rests on the controller's word.
      if (action === 'reset') return await order(target, limit, 'reset')
      if (action === 'diag') {
        // For the dump only: an NMI proves nothing, and a machine that ignores it is switched off all the same.
        const sent = await order(target, limit, 'diag')
        if (sent.ok) await pause(world, Math.min(diagWait, limit.leftMs()))
      }
      const look = () => status(target, limit)
      return await offAndSeen(world, limit, { order: () => order(target, limit, 'off'), look })
    },
    on: (target, limit) => order(target, limit, 'on'),
    status,
  }
}
