/**
 * Runs resource and monitor drivers inside a host: one request per line of the named pipe it is given, one answer per
 * line of standard output. Ends with its standard input.
 */
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { MonitorContext } from '../../../src/agents/monitors/driver.ts'
import { monitorDrivers } from '../../../src/agents/monitors/drivers.ts'
import { pingTargets } from '../../../src/agents/np/ping.ts'
import type { ResourceContext } from '../../../src/agents/resources/driver.ts'
import { resourceDrivers } from '../../../src/agents/resources/drivers.ts'
import { realWorld } from '../../../src/world/real.ts'
import type { Cancel } from '../../../src/world/world.ts'

export type Request = { readonly id: number } & (
  | { readonly order: 'activate' | 'probe'; readonly context: ResourceContext; readonly timeoutMs: number }
  | {
      readonly order: 'deactivate'
      readonly context: ResourceContext
      readonly timeoutMs: number
      readonly urgent: boolean
    }
  | { readonly order: 'watch'; readonly context: ResourceContext }
  | { readonly order: 'look'; readonly monitor: MonitorContext; readonly timeoutMs: number }
  | { readonly order: 'watch-monitor'; readonly monitor: MonitorContext }
  | { readonly order: 'cancel'; readonly which: number }
  | { readonly order: 'ping'; readonly targets: readonly string[]; readonly timeoutMs: number }
  | { readonly order: 'members'; readonly tag: string }
)
/** `at` is CLOCK_MONOTONIC, which all hosts of a machine share. */
export type Answer = {
  readonly id: number
  readonly value: unknown
  readonly at: number
  readonly elapsedMs: number
  readonly isEvent: boolean
}

const world = realWorld()
const resources = resourceDrivers(world)
const monitors = monitorDrivers(world)
/** What is under way by request: a watch to end, or an attempt to abort. */
const cancels = new Map<number, Cancel>()

const say = (answer: Omit<Answer, 'at'>): void => {
  process.stdout.write(`${JSON.stringify({ ...answer, at: world.clock.now() })}\n`)
}

const perform = async (request: Request): Promise<unknown> => {
  const abort = new AbortController()
  const tell = (value: unknown): void => say({ id: request.id, value, elapsedMs: 0, isEvent: true })
  const limit = { timeoutMs: 'timeoutMs' in request ? request.timeoutMs : 0, signal: abort.signal }
  cancels.set(request.id, () => abort.abort())
  switch (request.order) {
    case 'activate':
      return resources[request.context.configuration.type].activate(request.context, limit)
    case 'deactivate': {
      const { context, urgent } = request
      return resources[context.configuration.type].deactivate(context, { ...limit, urgent })
    }
    case 'probe':
      return resources[request.context.configuration.type].probe(request.context, limit)
    case 'watch':
      cancels.set(
        request.id,
        resources[request.context.configuration.type].watch?.(request.context, tell) ?? (() => {}),
      )
      return 'watching'
    case 'look': {
      const cancel = world.clock.after(request.timeoutMs, () => abort.abort())
      return monitors[request.monitor.configuration.type].look(request.monitor, abort.signal).finally(cancel)
    }
    case 'watch-monitor':
      cancels.set(request.id, monitors[request.monitor.configuration.type].watch?.(request.monitor, tell) ?? (() => {}))
      return 'watching'
    case 'cancel':
      cancels.get(request.which)?.()
      return 'cancelled'
    case 'ping':
      return pingTargets(world, request.targets, request.timeoutMs)
    case 'members':
      return world.processes.members(request.tag)
    default:
      return request satisfies never
  }
}

const serve = async (request: Request): Promise<void> => {
  const started = world.clock.now()
  let value: unknown
  try {
    value = await perform(request)
  } catch (error) {
    value = { threw: String(error) }
  }
  say({ id: request.id, value, elapsedMs: world.clock.now() - started, isEvent: false })
}

const [, , pipe = ''] = process.argv
createInterface({ input: createReadStream(pipe) }).on('line', (line) => {
  void serve(JSON.parse(line))
})
process.stdin.on('end', () => process.exit(0)).resume()
