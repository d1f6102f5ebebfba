/** Pacemaker's own options of a fence device (`pcmk_*`): what they say here, and which of them say nothing here. */
import type { Path } from './configuration-source.ts'
import { didYouMean } from './did-you-mean.ts'

type Options = Readonly<Record<string, string>>

const verbs = ['off', 'on', 'status'] as const
/** What a fence device is asked for. */
export type FenceVerb = (typeof verbs)[number]

const each = (aspect: string) => verbs.map((verb) => `pcmk_${verb}_${aspect}`)
const times = ['pcmk_delay_base', 'pcmk_delay_max', ...each('timeout')]
const counts = each('retries')
const known = ['pcmk_host_map', 'pcmk_host_list', 'pcmk_host_argument', ...times, ...counts, ...each('action')]

const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  msec: 1,
  '': 1000,
  s: 1000,
  sec: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  hr: 3_600_000,
}

/** A time as Pacemaker writes it, `20`, `20s` or `2min`, in ms; null when it is none. */
const timeOf = (text: string): number | null => {
  const [, number, unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text) ?? []
  const factor = Object.hasOwn(unitMs, unit.toLowerCase()) ? unitMs[unit.toLowerCase()] : undefined
  return number === undefined || factor === undefined ? null : Number(number) * factor
}

/** What a list such as `s1:1,2;s2:3` has for one server; null when it does not name it. */
export const entryFor = (list: string, server: string): string | null =>
  list
    .split(/[;\s]+/)
    .map((one) => /^([^:=]+)[:=](.+)$/.exec(one))
    .find((match) => match?.[1] === server)?.[2] ?? null

/** The time of one order; null = no other limit than the device's own. */
export const timeoutMsOf = (options: Options, verb: FenceVerb): number | null =>
  timeOf(options[`pcmk_${verb}_timeout`] ?? '') || null

/** Further attempts with the same plug; null where nothing is said of it. */
export const retriesOf = (options: Options, verb: FenceVerb): number | null => {
  const text = options[`pcmk_${verb}_retries`]
  return text !== undefined && isCount(text) ? Number(text) : null
}
const isCount = (text: string): boolean => /^\s*\d+\s*$/.test(text)

/** How long to wait before a server is switched off: at least `leastMs`, and by chance up to `mostMs`. */
export const delayOf = (options: Options, server: string): { readonly leastMs: number; readonly mostMs: number } => {
  const { pcmk_delay_base: base = '', pcmk_delay_max: most = '' } = options
  const leastMs = timeOf(entryFor(base, server) ?? base) ?? 0
  return { leastMs, mostMs: Math.max(leastMs, timeOf(most) ?? 0) }
}

export type OptionDoubt = { readonly key: Path; readonly message: string; readonly remedy: string }

const remove = 'remove it'

/** Options that say nothing here, or say it in a way that is not understood. `servers`: those that the device is to end. */
export const doubtfulOptions = (options: Options, servers: readonly string[]): readonly OptionDoubt[] =>
  Object.entries(options).flatMap(([option, value]) => {
    const doubt = doubtOn(option, value, servers)
    return doubt === null ? [] : [{ key: ['options', option], ...doubt }]
  })

const doubtOn = (option: string, value: string, servers: readonly string[]): Omit<OptionDoubt, 'key'> | null => {
  if (option === 'action')
    return { message: 'action is not passed on', remedy: 'write offAction, onAction or statusAction of the device' }
  if (!option.startsWith('pcmk_')) return null
  if (option === 'pcmk_host_list') {
    const missing = servers.filter((server) => !value.split(/[\s,;]+/).includes(server))
    const message = `${option} does not name ${missing.join(', ')}, but fencing.levels does`
    return missing.length === 0 ? null : { message, remedy: 'only fencing.levels counts: correct one of the two' }
  }
  if (times.includes(option))
    return isTime(option, value) ? null : { message: `"${value}" is no time`, remedy: inSeconds }
  if (counts.includes(option))
    return isCount(value) ? null : { message: `"${value}" is no number of attempts`, remedy: 'write a whole number' }
  return known.includes(option) ? null : unused(option)
}

const inSeconds = 'write seconds, or a unit with it: 20, 20s, 2min'

const isTime = (option: string, value: string): boolean => {
  const isPerServer = option === 'pcmk_delay_base' && /[:=]/.test(value)
  if (!isPerServer) return timeOf(value) !== null
  return value.split(/[;\s]+/).every((one) => one === '' || timeOf(one.split(/[:=]/)[1] ?? '') !== null)
}

const unused = (option: string): Omit<OptionDoubt, 'key'> => {
  const message = `${option} says nothing here`
  const [, verb = '', aspect = ''] = /^pcmk_([a-z]+)_([a-z]+)$/.exec(option) ?? []
  if (option === 'pcmk_host_check')
    return { message: `${message}: fencing.levels says which server the device is for`, remedy: remove }
  if (option === 'pcmk_action_limit')
    return { message: `${message}: orders for two servers may reach the device at once`, remedy: remove }
  if (verb === 'reboot')
    return {
      message: `${message}: a server is switched off, seen off, and then switched on`,
      remedy: `write pcmk_off_${aspect} and pcmk_on_${aspect}`,
    }
  if (verb === 'monitor')
    return { message: `${message}: a device is watched by its status`, remedy: `write pcmk_status_${aspect}` }
  return { message, remedy: didYouMean(option, known) }
}
