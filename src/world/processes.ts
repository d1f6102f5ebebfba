import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { realClock } from './clock.ts'
import { onExit, rememberChild, signal } from './process-exit.ts'
import { type Command, commandOf } from './process-start.ts'
import { isAlive, readStat } from './process-table.ts'
import { endStart, members, signalAll } from './process-tags.ts'
import type { Cancel, Processes, ProcessIdentity, RunOptions, RunResult } from './world.ts'

/** A process could not be started. */
export class LaunchFailed extends Error {
  override readonly name = 'LaunchFailed'
}

const maxOutputBytes = 65_536
/** As of the shell: the command could not be found or started. */
const cannotStart = 127
// The rest of the output is in the pipe when the process ends; a daemon it left may hold the pipe open for ever.
const restOfOutputMs = 50
// A killed process that does not end is stuck in the kernel; its caller must go on all the same.
const stuckAfterKillMs = 1000

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

type Start = { readonly child: ChildProcess; readonly startedAt: number }

const start = (command: Command, options: RunOptions, output: 'pipe' | number): ChildProcess =>
  spawn(command.file, command.arguments, {
    // A session of its own, therefore a process group of its own.
    detached: true,
    env: command.environment,
    ...(options.directory !== undefined && { cwd: options.directory }),
    stdio: [options.input === undefined ? 'ignore' : 'pipe', output, output],
  })

const collect = (stream: Readable | null): (() => string) => {
  const parts: Buffer[] = []
  let size = 0
  stream?.on('data', (part: Buffer) => {
    const kept = part.subarray(0, Math.max(0, maxOutputBytes - size))
    size += kept.length
    if (kept.length > 0) parts.push(kept)
  })
  return () => Buffer.concat(parts).toString('utf8')
}

const killGroupOf = (child: ChildProcess): void => {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  } catch {
    // All of them ended in between.
  }
}

type Ended = Pick<RunResult, 'code' | 'signal' | 'timedOut'> & { readonly trouble?: string }

/** The end of the process, its time-out or its abort, whichever is there first. */
const ending = (child: ChildProcess, options: RunOptions): Promise<Ended> =>
  new Promise((resolve) => {
    const cancels: Cancel[] = []
    let timedOut = false
    const finish = (ended: Ended): void => {
      for (const cancel of cancels) cancel()
      resolve(ended)
    }
    const kill = (): void => {
      killGroupOf(child)
      cancels.push(realClock.after(stuckAfterKillMs, () => finish({ code: null, signal: 'SIGKILL', timedOut })))
    }
    child.once('error', (error) => finish({ code: cannotStart, signal: null, timedOut, trouble: messageOf(error) }))
    child.once('exit', (code, name) => finish({ code, signal: name, timedOut }))
    cancels.push(
      realClock.after(options.timeoutMs, () => {
        timedOut = true
        kill()
      }),
    )
    options.signal?.addEventListener('abort', kill)
    cancels.push(() => options.signal?.removeEventListener('abort', kill))
    if (options.signal?.aborted) kill()
  })

const restOfOutput = (child: ChildProcess, isClosed: () => boolean): Promise<void> =>
  new Promise((resolve) => {
    if (isClosed()) return resolve()
    const cancel = realClock.after(restOfOutputMs, () => {
      child.stdout?.destroy()
      child.stderr?.destroy()
      resolve()
    })
    child.once('close', () => {
      cancel()
      resolve()
    })
  })

const runStarted = async ({ child, startedAt }: Start, options: RunOptions): Promise<RunResult> => {
  const stdout = collect(child.stdout)
  const stderr = collect(child.stderr)
  let isClosed = false
  child.once('close', () => {
    isClosed = true
  })
  if (options.input !== undefined) {
    // A command that does not want its input closes it.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(options.input)
  }
  const { trouble, ...ended } = await ending(child, options)
  const elapsedMs = realClock.now() - startedAt
  if (trouble === undefined) await restOfOutput(child, () => isClosed)
  return { ...ended, stdout: stdout(), stderr: trouble ?? stderr(), elapsedMs }
}

const refusedResult = (error: unknown): RunResult => ({
  code: cannotStart,
  signal: null,
  stdout: '',
  stderr: messageOf(error),
  timedOut: false,
  elapsedMs: 0,
})

const withLog = <T>(path: string | undefined, work: (output: 'pipe' | number) => T): T => {
  if (path === undefined) return work('pipe')
  const log = openSync(path, 'a', 0o640)
  try {
    return work(log)
  } finally {
    closeSync(log)
  }
}

const run: Processes['run'] = async (argv, options) => {
  const startedAt = realClock.now()
  let command: Command
  try {
    command = await commandOf(argv, options)
  } catch (error) {
    return refusedResult(error)
  }
  try {
    const child = withLog(options.logFile, (output) => start(command, options, output))
    return await runStarted({ child, startedAt }, options)
  } catch (error) {
    return refusedResult(error)
  } finally {
    if (options.tag !== undefined) endStart(options.tag)
  }
}

/** @throws LaunchFailed */
const launch: Processes['launch'] = async (argv, options) => {
  let isBegun = false
  try {
    const command = await commandOf(argv, options)
    isBegun = true
    const child = withLog(options.logFile, (output) => start(command, { ...options, timeoutMs: 0 }, output))
    // Spawning waits for the exec, and only our event loop reaps: the entry in /proc is there even if it has ended.
    const stat = child.pid === undefined ? null : readStat(child.pid)
    if (stat === null) throw await new Promise<Error>((resolve) => child.once('error', resolve))
    child.on('error', () => undefined)
    child.once('exit', () => endStart(options.tag))
    child.unref()
    const identity = { pid: stat.pid, startTicks: stat.startTicks }
    rememberChild(identity, child)
    return identity
  } catch (error) {
    if (isBegun) endStart(options.tag)
    throw new LaunchFailed(`cannot start ${argv[0]}: ${messageOf(error)}`, { cause: error })
  }
}

/** Processes of this machine, as far as this pid namespace reaches. */
const own = (): ProcessIdentity => ({ pid: process.pid, startTicks: readStat(process.pid)?.startTicks ?? 0 })

export const realProcesses: Processes = { run, launch, members, signalAll, onExit, isAlive, signal, own }
