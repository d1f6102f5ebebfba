/** Commands of the administrator's own. */
import type { World } from '../../world/world.ts'
import { commandOfScript } from '../script.ts'
import {
  type FenceAnswer,
  type FenceDriver,
  type FenceTarget,
  type Limit,
  offAndSeen,
  type PowerStatus,
  troubleOf,
} from './driver.ts'

type Verb = 'off' | 'on' | 'status'

export const commandDriver = (world: World): FenceDriver<'command'> => {
  const run = async (target: FenceTarget<'command'>, limit: Limit, verb: Verb, text: string) => {
    const { server, name, directory } = target
    await world.files.makeDirectory(directory)
    const command = await commandOfScript(world, { text, path: `${directory}/${name}.${verb}`, user: undefined })
    const environment = { BATON_FENCE_SERVER: server, BATON_FENCE_DEVICE: name, BATON_FENCE_ACTION: verb }
    return await world.processes.run(command, { timeoutMs: limit.leftMs(), signal: limit.signal, environment })
  }
  const order = async (target: FenceTarget<'command'>, limit: Limit, verb: 'off' | 'on'): Promise<FenceAnswer> => {
    const text = target.device[verb]
    if (text === undefined) return { ok: true }
    try {
      const result = await run(target, limit, verb, text)
      return result.code === 0 && !result.timedOut
        ? { ok: true }
        : { ok: false, because: troubleOf(result, `its command for ${verb}`) }
    } catch (error) {
      return { ok: false, because: `its command for ${verb} cannot be run: ${String(error)}` }
    }
  }
  const status = async (target: FenceTarget<'command'>, limit: Limit): Promise<PowerStatus> => {
    const { status: text } = target.device
    if (text === undefined) return { power: 'unknown', because: 'it has no command for status' }
    try {
      const result = await run(target, limit, 'status', text)
      if (result.code === 0) return { power: 'on' }
      if (result.code === 2) return { power: 'off' }
      return { power: 'unknown', because: troubleOf(result, 'its command for status') }
    } catch (error) {
      return { power: 'unknown', because: `its command for status cannot be run: ${String(error)}` }
    }
  }
  return {
    off: async (target, limit) => {
      if (target.device.status === undefined) return await order(target, limit, 'off')
      return await offAndSeen(world, limit, {
        order: () => order(target, limit, 'off'),
        look: () => status(target, limit),
      })
    },
    on: (target, limit) => order(target, limit, 'on'),
    status,
  }
}
