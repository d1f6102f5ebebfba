/** R11: a unit of systemd. */
import type { ServiceConfiguration } from '../../events/index.ts'
import type { Cancel, RunResult, World } from '../../world/world.ts'
import type { Limit, Outcome, ResourceContext, ResourceDriver } from './driver.ts'
import { failure, stall } from './outcome.ts'

type Context = ResourceContext<ServiceConfiguration>

// Asking systemd is cheap, but it is a process each time.
const watchMs = 2000
const askMs = 5000

/** See systemctl(1). */
export const serviceDriver = (world: World): ResourceDriver<ServiceConfiguration> => ({
  activate: (context, limit) => order(world, context, { verb: 'start', limit }),
  deactivate: async (context, limit) => {
    const { unit } = context.configuration
    if (limit.urgent) await systemctl(world, ['kill', '--signal=SIGKILL', unit], limit)
    return order(world, context, { verb: 'stop', limit })
  },
  probe: async (context, limit) => probe(world, context, limit),
  watch: (context, lost) => watch(world, context, lost),
})

const systemctl = (world: World, argv: readonly string[], limit: Limit): Promise<RunResult> =>
  world.processes.run(['systemctl', '--no-ask-password', ...argv], limit)

/** As sd_booted(3) finds out. */
const isSystemdRunning = async (world: World): Promise<boolean> =>
  (await world.files.list('/run/systemd/system')).length > 0 || (await world.files.size('/run/systemd/private')) > 0

type Order = { readonly verb: 'start' | 'stop'; readonly limit: Limit }

const order = async (world: World, context: Context, { verb, limit }: Order): Promise<Outcome> => {
  const { unit } = context.configuration
  const result = await systemctl(world, [verb, unit], limit)
  if (result.code === 0) return { ok: true }
  if (limit.signal.aborted) return failure(`cancelled while ${unit} was told to ${verb}`)
  if (result.timedOut) return stall(`${unit} did not ${verb} within ${limit.timeoutMs} ms`)
  if (!(await isSystemdRunning(world))) return failure('systemd is not running on this server')
  return failure(`systemctl ${verb} ${unit} ended with code ${result.code}: ${result.stderr.trim().split('\n')[0]}`)
}

const probe = async (world: World, context: Context, limit: Limit): Promise<'on' | 'off' | 'partial'> => {
  const state = (await systemctl(world, ['is-active', context.configuration.unit], limit)).stdout.trim()
  switch (state) {
    case 'active':
    case 'reloading':
      return 'on'
    case 'activating':
    case 'deactivating':
    case 'maintenance':
      return 'partial'
    default:
      return 'off'
  }
}

/** systemd may restart a unit by itself, so only a unit that is really down is lost. */
const watch = (world: World, context: Context, lost: (because: string) => void): Cancel => {
  const abort = new AbortController()
  let cancel: Cancel = () => undefined
  const look = async (): Promise<void> => {
    const state = await probe(world, context, { timeoutMs: askMs, signal: abort.signal })
    if (abort.signal.aborted) return
    if (state === 'off') lost(`${context.configuration.unit} is not active any more`)
    else schedule()
  }
  const schedule = (): void => {
    cancel = world.clock.after(watchMs, () => {
      look().catch(schedule)
    })
  }
  schedule()
  return () => {
    abort.abort()
    cancel()
  }
}
