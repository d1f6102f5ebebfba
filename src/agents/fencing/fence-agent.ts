/** Any agent of the fence-agents collection (FenceAgentAPI): options as key=value lines on its input, never as arguments. */
import { delayOf, entryFor, type FenceVerb, retriesOf, timeoutMsOf } from '../../decisions/pacemaker-options.ts'
import type { RunResult, World } from '../../world/world.ts'
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
  return entryFor(options.pcmk_host_map ?? '', server)?.split(',') ?? [server]
}

const argumentOf = ({ options, argument }: Pick<DeviceOf<'agent'>, 'options' | 'argument'>): string =>
  options.pcmk_host_argument ?? argument

/** What goes to its input, without the secrets. Pacemaker's own options are ours to read, not the agent's. */
export const inputOf = (device: DeviceOf<'agent'>, verb: FenceVerb, plug: string): readonly string[] => {
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

/** The time of one order, within what is left. */
const timeoutOf = ({ options }: DeviceOf<'agent'>, verb: FenceVerb, { leftMs }: Limit): number =>
  Math.min(timeoutMsOf(options, verb) ?? Number.POSITIVE_INFINITY, leftMs())

type Order<Meaning> = {
  readonly verb: FenceVerb
  readonly plug: string
  readonly retries: number
  /** What an exit code says; null = nothing, so that it is asked again. */
  readonly means: (code: number | null) => Meaning | null
}

export const fenceAgentDriver = (world: World): FenceDriver<'agent'> => {
  const order = async <Meaning>(
    target: FenceTarget<'agent'>,
    limit: Limit,
    { verb, plug, retries, means }: Order<Meaning>,
  ): Promise<{ readonly meant: Meaning } | { readonly because: string }> => {
    let because = 'there was no time left'
    for (let count = 0; count <= retries && limit.leftMs() > 0 && !limit.signal.aborted; count += 1) {
      const result = await runAgent(world, target, limit, { verb, plug })
      if ('unreadable' in result) return { because: result.unreadable }
      const meant = result.timedOut ? null : means(result.code)
      if (meant !== null) return { meant }
      because = troubleOf(result, `${target.device.agent} ${verb}${plug === '' ? '' : ` ${plug}`}`)
    }
    return { because }
  }
  /** Before the first plug; by chance, so that two who end each other are not equally fast. */
  const delay = async ({ device, server }: FenceTarget<'agent'>, limit: Limit): Promise<void> => {
    const { leastMs, mostMs } = delayOf(device.options, server)
    const ms = leastMs + world.random.fraction() * (mostMs - leastMs)
    if (ms > 0) await pause(world, Math.min(ms, limit.leftMs()))
  }
  const everyPlug = async (target: FenceTarget<'agent'>, limit: Limit, verb: 'off' | 'on'): Promise<FenceAnswer> => {
    const { device, server } = target
    if (verb === 'off') await delay(target, limit)
    const retries = retriesOf(device.options, verb) ?? device.retries
    // One at a time: many devices take one connection only.
    for (const plug of plugsOf(device, server)) {
      // 0: done, and verified by the agent itself.
      const answer = await order(target, limit, { verb, plug, retries, means: (code) => (code === 0 ? true : null) })
      if ('because' in answer) return { ok: false, ...answer }
    }
    return { ok: true }
  }
  const status = async (target: FenceTarget<'agent'>, limit: Limit): Promise<PowerStatus> => {
    const { device, server } = target
    const retries = retriesOf(device.options, 'status') ?? 0
    let power: 'on' | 'off' = 'off'
    for (const plug of plugsOf(device, server)) {
      const answer = await order(target, limit, { verb: 'status', plug, retries, means: powerOf })
      if ('because' in answer) return { power: 'unknown', ...answer }
      if (answer.meant === 'on') power = 'on'
    }
    return { power }
  }
  return {
    off: (target, limit) => everyPlug(target, limit, 'off'),
    on: (target, limit) => everyPlug(target, limit, 'on'),
    status,
  }
}

const powerOf = (code: number | null): 'on' | 'off' | null =>
  code === isOnCode ? 'on' : code === isOffCode ? 'off' : null

/** Runs it once. */
const runAgent = async (
  world: World,
  { device }: FenceTarget<'agent'>,
  limit: Limit,
  { verb, plug }: Pick<Order<unknown>, 'verb' | 'plug'>,
): Promise<RunResult | { readonly unreadable: string }> => {
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
