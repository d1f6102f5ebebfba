/** M8: whatever a script finds. */
import type { MonitorConfiguration } from '../../events/index.ts'
import type { Cancel, ProcessIdentity, RunResult, World } from '../../world/world.ts'
import { commandOfScript } from '../script.ts'
import type { MonitorContext, MonitorDriver, Sight } from './driver.ts'

type Configuration = Extract<MonitorConfiguration, { type: 'genw' }>
type Context = MonitorContext<Configuration>

// The runner ends a look by its signal; this is for a runner that does not.
const graceMs = 1000

/** `sync`: the exit code of each run. `async`: one run that stays as long as all is well; only while watched. */
export const genwDriver = (world: World): MonitorDriver<Configuration> => {
  const staying = new Map<string, Staying>()
  return {
    look: async (context, signal) => {
      if (context.configuration.mode === 'sync') return runOnce(world, context, signal)
      const stays = staying.get(tagOf(context))
      return stays ? await stays.look() : { verdict: 'unknown', because: 'its script is not being watched' }
    },
    watch: (context, seen) => {
      if (context.configuration.mode === 'sync') return () => undefined
      const stays = new Staying(world, context, seen)
      staying.set(tagOf(context), stays)
      return () => {
        if (staying.get(tagOf(context)) === stays) staying.delete(tagOf(context))
        stays.stop()
      }
    },
  }
}

const tagOf = ({ instance, monitor }: Context): string => `${instance}.monitor.${monitor}`
const pathOf = ({ logDirectory, monitor }: Context, suffix: string): string =>
  `${logDirectory}/monitor.${monitor}.${suffix}`
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const commandOf = async (world: World, context: Context): Promise<readonly [string, ...string[]]> => {
  await world.files.makeDirectory(context.logDirectory)
  const { script: text, user } = context.configuration
  return commandOfScript(world, { text, path: pathOf(context, 'script'), user })
}

const optionsOf = ({ configuration, environment }: Context) => ({
  environment,
  nice: configuration.nice,
  ...(configuration.user !== undefined && { user: configuration.user }),
})

const runOnce = async (world: World, context: Context, signal: AbortSignal): Promise<Sight> => {
  const { timeout } = context.configuration
  try {
    const command = await commandOf(world, context)
    const result = await world.processes.run(command, { ...optionsOf(context), timeoutMs: timeout + graceMs, signal })
    return sightOf(context, result, signal)
  } catch (error) {
    return { verdict: 'unknown', because: `its script cannot be run: ${messageOf(error)}` }
  }
}

const sightOf = (context: Context, result: RunResult, signal: AbortSignal): Sight => {
  const { normalExit } = context.configuration
  if (result.timedOut || signal.aborted) {
    return {
      verdict: 'unknown',
      because: `its script did not end in ${Math.round(result.elapsedMs)} ms and was killed`,
    }
  }
  const said = (result.stderr.trim() || result.stdout.trim()).split('\n').at(-1)?.slice(0, 200)
  const because = `its script ended with ${result.signal ?? `code ${result.code}`}${said ? `: ${said}` : ''}`
  return { verdict: result.code !== null && normalExit.includes(result.code) ? 'normal' : 'error', because }
}

/** One script that stays. Its end is the error; the next look starts it again. */
class Staying {
  readonly #world: World
  readonly #context: Context
  readonly #seen: (sight: Sight) => void
  #running: ProcessIdentity | null = null
  #starting: Promise<Sight> | null = null
  #stopWatching: Cancel = () => undefined
  #isStopped = false

  constructor(world: World, context: Context, seen: (sight: Sight) => void) {
    this.#world = world
    this.#context = context
    this.#seen = seen
    void this.#start().then((sight) => {
      if (sight.verdict !== 'normal' && !this.#isStopped) seen(sight)
    })
  }

  async look(): Promise<Sight> {
    if (this.#running && this.#world.processes.isAlive(this.#running)) {
      return { verdict: 'normal', because: `its script runs as process ${this.#running.pid}` }
    }
    return this.#start()
  }

  stop(): void {
    this.#isStopped = true
    this.#stopWatching()
    this.#killAll()
  }

  #killAll(): void {
    // What is gone already needs no signal.
    this.#world.processes.signalAll(tagOf(this.#context), 'SIGKILL').catch(() => undefined)
  }

  #start(): Promise<Sight> {
    this.#starting ??= this.#launch().finally(() => {
      this.#starting = null
    })
    return this.#starting
  }

  async #launch(): Promise<Sight> {
    const { processes } = this.#world
    const tag = tagOf(this.#context)
    try {
      // One that an earlier agent left would report to nobody.
      await processes.signalAll(tag, 'SIGKILL')
      const command = await commandOf(this.#world, this.#context)
      if (this.#isStopped) return { verdict: 'unknown', because: 'its script is not being watched' }
      const logFile = pathOf(this.#context, 'log')
      const running = await processes.launch(command, { ...optionsOf(this.#context), tag, logFile })
      this.#running = running
      if (this.#isStopped) this.#killAll()
      this.#stopWatching = processes.onExit(running, (code) => this.#ended(code))
      return { verdict: 'normal', because: `its script was started as process ${running.pid}` }
    } catch (error) {
      return { verdict: 'unknown', because: `its script cannot be run: ${messageOf(error)}` }
    }
  }

  #ended(code: number | null): void {
    this.#running = null
    if (this.#isStopped) return
    this.#seen({ verdict: 'error', because: `its script ended with ${code === null ? 'a signal' : `code ${code}`}` })
  }
}
