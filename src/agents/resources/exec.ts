/** R1: a service started and stopped by scripts. */
import type { ExecConfiguration } from '../../events/index.ts'
import type { Cancel, ProcessIdentity, World } from '../../world/world.ts'
import { commandOfScript } from '../script.ts'
import { within } from '../within.ts'
import type { Limit, Outcome, ResourceContext, ResourceDriver, StopLimit } from './driver.ts'
import { type ExecState, execPaths, execTag, readExecState, writeExecState } from './exec-state.ts'
import { failure, messageOf, remaining, stall } from './outcome.ts'
import { endAll } from './sweep.ts'

type Context = ResourceContext<ExecConfiguration>

// A command that is not there, or refuses its configuration, ends within this time; a later end is told by `watch`.
// It is part of every start and restart, so it must stay well below what a planned move may take (80 ms in all).
const settleMs = 15
// A running service may fill its log at any time.
const logCheckMs = 10_000
// Of the time-out of stopping, kept for ending what the stop script left.
const sweepReserveMs = 2000
// However late it is, a disk that answers has done it by then.
const leastForgetMs = 100

/** R1: scripts of a group, resident or run to the end. */
export const execDriver = (world: World): ResourceDriver<ExecConfiguration> => ({
  activate: async (context, limit) => {
    try {
      return await activate(world, context, limit)
    } catch (error) {
      return failure(messageOf(error))
    }
  },
  deactivate: async (context, limit) => {
    try {
      return await deactivate(world, context, limit)
    } catch (error) {
      return failure(messageOf(error))
    }
  },
  probe: async (context) => {
    const state = await readExecState(world, context)
    if (isOn(world, state)) return 'on'
    return (await world.processes.members(execTag(context))).length > 0 ? 'partial' : 'off'
  },
  watch: (context, lost) => watch(world, context, lost),
})

const isOn = (world: World, state: ExecState | null): boolean => {
  if (state?.phase !== 'started') return false
  // What ran to its end is on until it is stopped: whether its daemons live is the business of monitors.
  return state.mode === 'run-to-end' || (state.main !== null && world.processes.isAlive(state.main))
}

const runOptions = (context: Context) => {
  const { user, directory, limits, environment } = context.configuration
  return {
    tag: execTag(context),
    logFile: execPaths(context).log,
    environment: { ...environment, ...context.environment },
    limits,
    ...(user !== undefined && { user }),
    ...(directory !== undefined && { directory }),
  }
}

const rotateLog = async (world: World, context: Context): Promise<void> => {
  const { log } = execPaths(context)
  if ((await world.files.size(log)) > context.configuration.logSize) await world.files.rotate(log)
}

const activate = async (world: World, context: Context, limit: Limit): Promise<Outcome> => {
  const { mode, start, user } = context.configuration
  const state = await readExecState(world, context)
  if (isOn(world, state)) return { ok: true, detail: 'it was running already' }
  // Without its main process, or half started: what is left of it would only be in the way, holding ports and locks.
  const left = await endAll(world, execTag(context), { patienceMs: 0, signal: limit.signal })
  if (left) return stall(`${left.length} processes of an earlier start do not end`)
  await world.files.makeDirectory(context.logDirectory)
  await rotateLog(world, context)
  await writeExecState(world, context, { phase: 'starting', mode, main: null })
  const command = await commandOfScript(world, { text: start, path: execPaths(context).start, user })
  if (limit.signal.aborted) return failure('cancelled before it was started')
  return mode === 'resident' ? startResident(world, context, command) : runToEnd(world, context, { command, limit })
}

type Argv = readonly [string, ...string[]]

const startResident = async (world: World, context: Context, command: Argv): Promise<Outcome> => {
  const main = await world.processes.launch(command, runOptions(context))
  const [ended] = await Promise.all([
    endWithin(world, main, settleMs),
    writeExecState(world, context, { phase: 'started', mode: 'resident', main }),
  ])
  if (ended === null) return { ok: true, detail: `process ${main.pid}` }
  const hint = ended.code === 0 ? '; a start that puts itself into the background needs mode run-to-end' : ''
  return failure(
    `the start script did not stay: it ended with ${codeText(ended.code)}${hint}${await lastLine(world, context)}`,
  )
}

const endWithin = (world: World, main: ProcessIdentity, ms: number) =>
  new Promise<{ readonly code: number | null } | null>((resolve) => {
    const stop = world.processes.onExit(main, (code) => {
      cancel()
      resolve({ code })
    })
    const cancel = world.clock.after(ms, () => {
      stop()
      resolve(null)
    })
  })

const codeText = (code: number | null): string => (code === null ? 'a signal' : `code ${code}`)

/** What people look for first: the last thing it said. */
const lastLine = async (world: World, context: Context): Promise<string> => {
  const lines = (await world.files.read(execPaths(context).log))?.trim().split('\n')
  const last = lines?.at(-1)
  return last ? `: ${last.slice(0, 200)}` : ''
}

type Run = { readonly command: Argv; readonly limit: Limit }

const runToEnd = async (world: World, context: Context, { command, limit }: Run): Promise<Outcome> => {
  const result = await world.processes.run(command, { ...runOptions(context), ...limit })
  if (limit.signal.aborted) {
    await endAll(world, execTag(context), { patienceMs: 0, signal: limit.signal })
    return failure('cancelled while the start script ran')
  }
  if (result.timedOut) return stall(`the start script did not end within ${limit.timeoutMs} ms`)
  if (result.code !== 0) {
    const said = result.stderr.trim() ? `: ${result.stderr.trim()}` : await lastLine(world, context)
    return failure(`the start script ended with ${codeText(result.code)}${said}`)
  }
  await writeExecState(world, context, { phase: 'started', mode: 'run-to-end', main: null })
  return { ok: true }
}

const deactivate = async (world: World, context: Context, limit: StopLimit): Promise<Outcome> => {
  const until = world.clock.now() + limit.timeoutMs
  const isStopScriptDue =
    !limit.urgent && context.configuration.stop !== undefined && (await readExecState(world, context)) !== null
  const stopped = isStopScriptDue ? await runStop(world, context, limit) : null
  if (limit.signal.aborted && !limit.urgent) return failure('cancelled while it was being stopped')
  // After a stop script that hung there is no time left for patience.
  const patienceMs = limit.urgent || stopped?.stalled ? 0 : context.configuration.killAfter
  const left = await endAll(world, execTag(context), {
    patienceMs: Math.min(patienceMs, remaining(world, until) - reserveOf(limit) / 2),
    signal: limit.signal,
  })
  if (left) return stall(`processes do not end even when killed: ${left.map(({ pid }) => pid).join(', ')}`)
  if (stopped) return { ok: false, ...stopped }
  return forget(world, context, Math.max(leastForgetMs, remaining(world, until)))
}

/** A disk that does not answer must not keep the address below it here: others have a share of the time, too. */
const forget = async (world: World, context: Context, timeoutMs: number): Promise<Outcome> => {
  const { state, start, stop } = execPaths(context)
  const removed = Promise.all([state, start, stop].map((path) => world.files.remove(path)))
  const outcome = await within(world, timeoutMs, removed)
  return outcome === 'late'
    ? stall('its processes have ended, but the disk of its files does not answer')
    : { ok: true }
}

const reserveOf = (limit: Limit): number => Math.min(sweepReserveMs, limit.timeoutMs / 5)

/** Null when the stop script succeeded. */
const runStop = async (world: World, context: Context, limit: Limit) => {
  const { stop = '', user } = context.configuration
  const command = await commandOfScript(world, { text: stop, path: execPaths(context).stop, user })
  const timeoutMs = limit.timeoutMs - reserveOf(limit)
  const result = await world.processes.run(command, { ...runOptions(context), timeoutMs, signal: limit.signal })
  if (result.timedOut) {
    return { because: `the stop script did not end within ${Math.round(timeoutMs)} ms; all was killed`, stalled: true }
  }
  if (result.code === 0) return null
  const because = `the stop script ended with ${codeText(result.code)}${await lastLine(world, context)}`
  return { because: `${because}; its processes were ended`, stalled: false }
}

/** The death of a resident process, and the size of the log as long as the service writes it. */
const watch = (world: World, context: Context, lost: (because: string) => void): Cancel => {
  let cancels: Cancel[] = []
  let isCancelled = false
  const cancel = (): void => {
    isCancelled = true
    for (const each of cancels.splice(0)) each()
  }
  const tell = (because: string): void => {
    if (isCancelled) return
    cancel()
    lost(because)
  }
  const checkLog = (): void => {
    cancels = cancels.slice(0, 1)
    // A log that cannot be rotated goes on growing; that is no reason to disturb the service.
    rotateLog(world, context).catch(() => undefined)
    cancels.push(world.clock.after(logCheckMs, checkLog))
  }
  const begin = async (): Promise<void> => {
    const state = await readExecState(world, context)
    if (isCancelled) return
    const main = state?.main
    const watched = main
      ? world.processes.onExit(main, (code) => tell(`process ${main.pid} ended with ${codeText(code)}`))
      : () => undefined
    cancels = [watched, world.clock.after(logCheckMs, checkLog)]
    if (context.configuration.mode === 'resident' && !main) tell('no process of it is known')
  }
  begin().catch((error: unknown) => tell(messageOf(error)))
  return cancel
}
