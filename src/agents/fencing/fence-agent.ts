/** Any agent of the fence-agents collection (FenceAgentAPI): options as key=value lines on its input, never as arguments. */
import type { World } from '../../world/world.ts'
import {
  type DeviceOf,
  type FenceAnswer,
  type FenceDriver,
  type FenceTarget,
  type Limit,
  type PowerStatus,
  pause,
  troubleOf,
} from './driver.ts'

/** Exit codes of `status`: everything else says nothing of the power. */
const isOnCode = 0
const isOffCode = 2

/** Plugs of a server: `hostMap`, else Pacemaker's `pcmk_host_map` (`s1:1,2;s2:3`), else its own name. */
export const plugsOf = ({ hostMap, options, argument }: DeviceOf<'agent'>, server: string): readonly string[] => {
  if (argumentOf({ options, argument }) === 'none') return ['']
  const mapped = hostMap[server]
  if (mapped) return mapped
  const entry = (options.pcmk_host_map ?? '')
    .split(/[;\s]+/)
    .map((one) => /^([^:=]+)[:=](.+)$/.exec(one))
    .find((match) => match?.[1] === server)
  return entry?.[2]?.split(',') ?? [server]
}

const argumentOf = ({ options, argument }: Pick<DeviceOf<'agent'>, 'options' | 'argument'>): string =>
  options.pcmk_host_argument ?? argument

type Verb = 'off' | 'on' | 'status'

/** What goes to its input, without the secrets. Pacemaker's own options are ours to read, not the agent's. */
export const inputOf = (device: DeviceOf<'agent'>, verb: Verb, plug: string): readonly string[] => {
  const { options } = device
  const usual = { off: device.offAction, on: device.onAction, status: device.statusAction }
  const given = Object.entries(options).filter(([key]) => !key.startsWith('pcmk_') && key !== 'action')
  const argument = argumentOf(device)
  return [
    ...given.map(([key, value]) => `${key}=${value}`),
    ...(argument === 'none' || plug === '' ? [] : [`${argument}=${plug}`]),
    `action=${options[`pcmk_${verb}_action`] ?? usual[verb]}`,
  ]
}

/** The time of one order: Pacemaker's `pcmk_off_timeout` in seconds, within what is left. */
const timeoutOf = ({ options }: DeviceOf<'agent'>, verb: Verb, { leftMs }: Limit): number => {
  const seconds = Number.parseFloat(options[`pcmk_${verb}_timeout`] ?? '')
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds * 1000, leftMs()) : leftMs()
}

export const fenceAgentDriver = (world: World): FenceDriver<'agent'> => {
  const run = async ({ device }: FenceTarget<'agent'>, limit: Limit, { verb, plug }: { verb: Verb; plug: string }) => {
    const secrets = await Promise.all(
      Object.entries(device.secrets).map(async ([key, path]) => {
        const secret = await world.files.read(path).catch(() => null)
        return secret === null ? null : `${key}=${secret.replace(/\r?\n$/, '')}`
      }),
    )
    const missing = Object.values(device.secrets).find((_, index) => secrets[index] === null)
    if (missing !== undefined) return { unreadable: `${missing} cannot be read` }
    const input = `${[...secrets, ...inputOf(device, verb, plug)].join('\n')}\n`
    const options = { timeoutMs: timeoutOf(device, verb, limit), signal: limit.signal, input }
    return await world.processes.run([device.agent], options)
  }
  const attempt = async (
    target: FenceTarget<'agent'>,
    limit: Limit,
    verb: Verb,
    plug: string,
  ): Promise<FenceAnswer> => {
    const { device } = target
    const pcmkRetries = Number.parseInt(device.options[`pcmk_${verb}_retries`] ?? '', 10)
    const attempts = 1 + (Number.isNaN(pcmkRetries) ? device.retries : pcmkRetries)
    let because = 'there was no time left'
    for (let count = 0; count < attempts && limit.leftMs() > 0 && !limit.signal.aborted; count += 1) {
      const result = await run(target, limit, { verb, plug })
      if ('unreadable' in result) return { ok: false, because: result.unreadable }
      // 0: done, and verified by the agent itself.
      if (result.code === 0 && !result.timedOut) return { ok: true }
      because = troubleOf(result, `${device.agent} ${verb}${plug === '' ? '' : ` ${plug}`}`)
    }
    return { ok: false, because }
  }
  const everyPlug = async (target: FenceTarget<'agent'>, limit: Limit, verb: Verb): Promise<FenceAnswer> => {
    const delay = Number.parseFloat(target.device.options.pcmk_delay_base ?? '')
    if (verb === 'off' && delay > 0) await pause(world, Math.min(delay * 1000, limit.leftMs()))
    // One at a time: many devices take one connection only.
    for (const plug of plugsOf(target.device, target.server)) {
      const answer = await attempt(target, limit, verb, plug)
      if (!answer.ok) return answer
    }
    return { ok: true }
  }
  const status = async (target: FenceTarget<'agent'>, limit: Limit): Promise<PowerStatus> => {
    let power: 'on' | 'off' = 'off'
    for (const plug of plugsOf(target.device, target.server)) {
      const result = await run(target, limit, { verb: 'status', plug })
      if ('unreadable' in result) return { power: 'unknown', because: result.unreadable }
      if (result.timedOut || (result.code !== isOnCode && result.code !== isOffCode))
        return { power: 'unknown', because: troubleOf(result, `${target.device.agent} status ${plug}`) }
      if (result.code === isOnCode) power = 'on'
    }
    return { power }
  }
  return {
    off: (target, limit) => everyPlug(target, limit, 'off'),
    on: (target, limit) => everyPlug(target, limit, 'on'),
    status,
  }
}
