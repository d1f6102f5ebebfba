/** What must be so for beats over a serial cable (H3) and over a shared disk (H4). */
import { type Configuration, formatDuration } from '../events/configuration.ts'
import type { RuleContext } from './configuration-rules.ts'
import type { Problem } from './configuration-source.ts'
import { didYouMean } from './did-you-mean.ts'

/** All rules of this file. */
export const heartbeatRules = (context: RuleContext): readonly Problem[] =>
  context.broken(['servers']) || context.broken(['heartbeat'])
    ? []
    : [
        ...everywhereRule(context),
        ...cableRule(context),
        ...lineRule(context),
        ...diskRule(context),
        ...controllerRule(context),
      ]

const needs = {
  com: { what: 'serial line', remedy: 'a cable has two ends: add com:' },
  diskHeartbeat: { what: 'heartbeat disk', remedy: 'a shared disk is seen by every server: add diskHeartbeat:' },
} as const

/** Either every server has it, or nobody hears anything on it. */
const everywhereRule = ({ configuration: { servers }, report }: RuleContext): readonly Problem[] =>
  (['com', 'diskHeartbeat'] as const).flatMap((key) => {
    const { what, remedy } = needs[key]
    const has = servers.find((server) => server[key] !== undefined)
    if (has === undefined) return []
    return servers.flatMap((server, index) => {
      if (server[key] !== undefined) return []
      return [
        report({ path: ['servers', index], message: `${has.name} has a ${what}, ${server.name} has none`, remedy }),
      ]
    })
  })

/** The power of a machine is asked for with the credentials of a fence device. */
const controllerRule = ({ configuration: { servers, fencing }, report }: RuleContext): readonly Problem[] =>
  servers.flatMap(({ bmc }, index) => {
    const device = bmc?.device
    if (device === undefined || fencing.devices[device]?.type === 'ipmi') return []
    const all = Object.entries(fencing.devices).flatMap(([name, { type }]) => (type === 'ipmi' ? [name] : []))
    const message = `there is no fence device ${device} of type ipmi`
    const remedy = didYouMean(device, all) || 'name one of fencing.devices, or leave it out'
    return [report({ path: ['servers', index, 'bmc', 'device'], message, remedy })]
  })

const cableRule = ({ configuration: { servers }, report }: RuleContext): readonly Problem[] => {
  const index = servers.findIndex(({ com }) => com !== undefined)
  if (index < 0 || servers.length === 2) return []
  const message = `a serial cable joins two servers, and there ${servers.length === 1 ? 'is 1' : `are ${servers.length}`}`
  return [report({ path: ['servers', index, 'com'], message, remedy: 'remove com:, or use diskHeartbeat:' })]
}

/** Size of the largest beat on the line: of two servers and a witness (compact-beat.ts), with all groups on one. */
export const comBeatBytes = (groups: number): number => 136 + 10 * groups
const frameBytes = 2
/** A byte takes a start and a stop bit besides its eight. */
const bitsPerByte = 10
/** What of the time between two beats the line may be busy: escaped bytes and slow starts need the rest. */
const largestUse = 0.8

/** For how long a beat keeps a line busy. */
export const lineMs = (bytes: number, baudRate: number): number => (bytes * bitsPerByte * 1000) / baudRate

const lineRule = ({ configuration, report }: RuleContext): readonly Problem[] => {
  const { servers, heartbeat, groups } = configuration
  if (servers.every(({ com }) => com === undefined)) return []
  const { interval, timeout, com } = heartbeat
  const bytes = comBeatBytes(Object.keys(groups).length)
  const needed = lineMs(bytes + frameBytes, com.baudRate)
  const problem = { path: ['heartbeat', 'com', 'baudRate'], remedy: `set ${leastBaudRate(bytes, interval)} or more` }
  const takes = `a beat of ${bytes} bytes takes ${Math.ceil(needed)} ms at ${com.baudRate} baud`
  // Two beats in T are the least by which anybody is heard at all.
  if (needed * 2 > timeout || needed > interval * largestLag) {
    const message = `${takes}, too slow for a beat every ${formatDuration(interval)} and a timeout of ${formatDuration(timeout)}`
    return [report({ ...problem, message })]
  }
  if (needed <= interval * largestUse) return []
  const message = `${takes}, and one is due every ${formatDuration(interval)}: the line will carry only some of them`
  return [report({ ...problem, message, severity: 'warning' })]
}

/** A path that lags further behind the others is taken for silent (`pathLag` in liveness.ts, and some room). */
const largestLag = 6

/** The usual speeds: nothing between them is offered by most lines. */
const usualRates = [9600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 921_600] as const

const leastBaudRate = (bytes: number, interval: number): number =>
  usualRates.find((rate) => lineMs(bytes + frameBytes, rate) <= interval * largestUse) ?? 921_600

/** So many looks at the disk fit into T, or a slow one makes a living server silent. */
const leastLooks = 3

const diskRule = ({ configuration, report }: RuleContext): readonly Problem[] => {
  const { servers, heartbeat, groups } = configuration
  const problems: Problem[] = []
  if (servers.every(({ diskHeartbeat }) => diskHeartbeat === undefined)) return []
  if (heartbeat.disk.interval * leastLooks > heartbeat.timeout) {
    const message = `${formatDuration(heartbeat.disk.interval)} is too long: ${leastLooks} looks at the disk must fit into the timeout of ${formatDuration(heartbeat.timeout)}`
    const remedy = `set ${formatDuration(Math.floor(heartbeat.timeout / leastLooks))} or less`
    problems.push(report({ path: ['heartbeat', 'disk', 'interval'], message, remedy }))
  } else if (heartbeat.disk.interval > heartbeat.interval * largestLag) {
    const message = `${formatDuration(heartbeat.disk.interval)} is too long for a beat every ${formatDuration(heartbeat.interval)}: the disk would lag so far behind that it is taken for silent`
    const remedy = `set ${formatDuration(heartbeat.interval * largestLag)} or less`
    problems.push(report({ path: ['heartbeat', 'disk', 'interval'], message, remedy }))
  }
  const used = disksOf(groups)
  for (const [index, { diskHeartbeat }] of servers.entries()) {
    const by = used.find(({ device }) => device === diskHeartbeat)
    if (by === undefined) continue
    const message = `${diskHeartbeat} is the disk of ${by.resource} in ${by.group}: beats would overwrite what is on it`
    problems.push(report({ path: ['servers', index, 'diskHeartbeat'], message, remedy: 'use a partition of its own' }))
  }
  return problems
}

const disksOf = (groups: Configuration['groups']) =>
  Object.entries(groups).flatMap(([group, { resources }]) =>
    Object.entries(resources).flatMap(([resource, one]) =>
      one.type === 'disk' ? [{ group, resource, device: one.device }] : [],
    ),
  )
