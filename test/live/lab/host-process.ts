import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { LabTrouble } from './trouble.ts'
import { within } from './until.ts'

/** Entering namespaces takes about 10 ms. */
const startTimeoutMs = 10_000

const program = new URL('enter.pl', import.meta.url).pathname

export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null }

export type CommandOptions = {
  /** Added to the harness's own environment. */
  readonly env?: Readonly<Record<string, string>>
  /** The harness's own working directory when not given. */
  readonly cwd?: string
}

export type SpawnOptions = CommandOptions & {
  /** Gets what the process prints; a file in the lab's directory when not given. */
  readonly logFile?: string
  /** Gets each line of standard output, which then stays out of the log file. */
  readonly onLine?: (line: string) => void
  /** Gives the process an input that stays open until `endInput`; otherwise it reads nothing. */
  readonly keepInputOpen?: boolean
}

/** A long-lived process in a host. */
export type HostProcess = {
  /** As the machine sees it. */
  readonly pid: number
  /** As the host sees it. */
  readonly innerPid: number
  readonly logFile: string
  readonly exited: Promise<Exit>
  readonly isRunning: () => boolean
  readonly kill: (signal?: NodeJS.Signals) => void
  readonly endInput: () => void
  /** What it has printed so far. */
  readonly log: () => Promise<string>
}

export type Entered = { readonly child: ChildProcess; readonly pid: number; readonly exited: Promise<Exit> }

type Stdio = 'ignore' | 'pipe' | number

/**
 * Starts a command in all namespaces of a host. Settles once the command itself runs. Its streams are taken in `wire`,
 * at once: when a command ends, Node throws away what nobody listens to yet.
 */
export const enter = async (
  initPid: number,
  command: readonly string[],
  options: CommandOptions & { readonly stdio: readonly [Stdio, Stdio, Stdio] },
  wire: (child: ChildProcess) => void = () => undefined,
): Promise<Entered> => {
  const namespaces = ['--net', '--pid', '--mount', '--uts', '--ipc', '--no-fork']
  const directory = `--wdns=${options.cwd ?? process.cwd()}`
  const child = spawn('nsenter', [`--target=${initPid}`, ...namespaces, directory, '--', 'perl', program, ...command], {
    stdio: [...options.stdio, 'pipe'],
    env: { ...process.env, ...options.env },
    detached: true,
  })
  child.stdin?.on('error', () => undefined)
  wire(child)
  const exited = exitOf(child)
  const report = await within(startTimeoutMs, `${command[0]} to start`, text(child.stdio[3] as Readable))
  const pid = Number(/^pid (\d+)$/m.exec(report)?.[1])
  if (!pid || report.includes('error')) throw new LabTrouble(`cannot run ${command.join(' ')} in the host: ${report}`)
  return { child, pid, exited }
}

const exitOf = async (child: ChildProcess): Promise<Exit> => {
  await once(child, 'exit')
  return { code: child.exitCode, signal: child.signalCode }
}

export const spawnIn = async (
  initPid: number,
  command: readonly string[],
  options: SpawnOptions & { readonly logFile: string },
): Promise<HostProcess> => {
  const log = openSync(options.logFile, 'a')
  try {
    const stdio: [Stdio, Stdio, Stdio] = [options.keepInputOpen ? 'pipe' : 'ignore', options.onLine ? 'pipe' : log, log]
    const { onLine } = options
    let read: Promise<void> = Promise.resolve()
    const { child, pid, exited } = await enter(initPid, command, { ...options, stdio }, (starting) => {
      if (onLine) read = readLines(starting, onLine)
    })
    const isRunning = (): boolean => child.exitCode === null && child.signalCode === null
    return {
      pid,
      innerPid: innerPidOf(pid),
      logFile: options.logFile,
      exited: read.then(() => exited),
      isRunning,
      kill: (signal = 'SIGTERM') => {
        // Its number may belong to somebody else once it has ended.
        if (isRunning()) signalIfAlive(pid, signal)
      },
      endInput: () => child.stdin?.end(),
      log: () => readFile(options.logFile, 'utf8'),
    }
  } finally {
    closeSync(log)
  }
}

/** Hands over each line; settles after the last one. */
const readLines = async (child: ChildProcess, onLine: (line: string) => void): Promise<void> => {
  if (child.stdout === null) return
  await once(createInterface({ input: child.stdout }).on('line', onLine), 'close')
}

/** The last number of this line is the innermost namespace's. A process that ended already has none. */
const innerPidOf = (pid: number): number => {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Number(/^NSpid:.*\s(\d+)$/m.exec(status)?.[1] ?? 0)
  } catch {
    return 0
  }
}

const signalIfAlive = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended, and a signal to the dead changes nothing.
  }
}
