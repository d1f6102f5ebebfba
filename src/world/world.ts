/**
 * Everything impure that the product touches, as narrow interfaces. The real forms stand beside this file; the
 * simulation brings its own. Nothing outside this folder may touch time, chance, network, disk or processes.
 */
import type { Hash, Instant, WallTime } from '../events/ids.ts'

export type Cancel = () => void

export type Clock = {
  /** CLOCK_MONOTONIC in ms: stands still while the machine is suspended. */
  readonly now: () => Instant
  /** CLOCK_BOOTTIME in ms: goes on while the machine is suspended. A growing difference to `now` is a suspend. */
  readonly sinceBoot: () => Instant
  /** For people and for the `at` of commits only. */
  readonly wall: () => WallTime
  /** Runs once after `delayMs`, not earlier; never keeps the process alive by itself. */
  readonly after: (delayMs: number, run: () => void) => Cancel
}

export type Random = {
  /** A new unique id, 22 characters of a subject token. */
  readonly id: () => string
  /** Uniform in [0, 1). */
  readonly fraction: () => number
}

/** Names one process for ever: a pid alone is reused. `startTicks` is field 22 of /proc/PID/stat. */
export type ProcessIdentity = { readonly pid: number; readonly startTicks: number }

export type RunOptions = {
  readonly timeoutMs: number
  readonly signal?: AbortSignal
  readonly input?: string
  /** Added to the agent's own environment. */
  readonly environment?: Readonly<Record<string, string>>
  readonly user?: string
  readonly directory?: string
  /** Appended to with stdout and stderr; otherwise both are returned, 64 KiB of each at most. */
  readonly logFile?: string
  readonly nice?: number
  /** ulimit values by letter. */
  readonly limits?: Readonly<Record<string, number | 'unlimited'>>
  /** What it starts, and what that leaves behind, belongs to this tag (see `launch`). */
  readonly tag?: string
}
export type RunResult = {
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
  readonly timedOut: boolean
  readonly elapsedMs: number
}

export type Processes = {
  /** Runs to the end. Never rejects: a command that cannot be started has code 127 and says why in stderr. At the
   *  time-out or abort its whole process group is killed. */
  readonly run: (argv: readonly [string, ...string[]], options: RunOptions) => Promise<RunResult>
  /** Starts something that stays: own session, survives this process. Resolves when it has been started. */
  readonly launch: (
    argv: readonly [string, ...string[]],
    options: Omit<RunOptions, 'timeoutMs' | 'input' | 'signal'> & { readonly tag: string; readonly logFile: string },
  ) => Promise<ProcessIdentity>
  /** Every living process that was started under `tag`, also by an earlier agent, descendants included. */
  readonly members: (tag: string) => Promise<readonly ProcessIdentity[]>
  /** Signals all of them; answers how many were there. */
  readonly signalAll: (tag: string, signal: 'SIGTERM' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT') => Promise<number>
  /** Event-driven, also for processes that are not our children. `code` is null when it cannot be known. */
  readonly onExit: (process: ProcessIdentity, exited: (code: number | null) => void) => Cancel
  readonly isAlive: (process: ProcessIdentity) => boolean
}

export type Files = {
  /** Content, or null when there is no such file. */
  readonly read: (path: string) => Promise<string | null>
  /** Replaces the file: temporary file, fsync, rename, fsync of the directory. On disk when it resolves. */
  readonly writeDurably: (path: string, content: string) => Promise<void>
  readonly append: (path: string, content: string) => Promise<void>
  readonly remove: (path: string) => Promise<void>
  readonly makeDirectory: (path: string) => Promise<void>
  readonly list: (path: string) => Promise<readonly string[]>
  readonly size: (path: string) => Promise<number>
  readonly rename: (from: string, to: string) => Promise<void>
}

export type Datagrams = {
  /** Listens on `address:port`; @throws when it cannot be bound. */
  readonly bind: (
    at: { readonly address: string; readonly port: number },
    received: (bytes: Uint8Array, from: { readonly address: string; readonly port: number }) => void,
  ) => Promise<DatagramSocket>
}
export type DatagramSocket = {
  /** Best effort; an unreachable network is no error, it is silence. */
  readonly send: (bytes: Uint8Array, to: { readonly address: string; readonly port: number }) => void
  readonly close: () => void
}

export type World = {
  readonly clock: Clock
  readonly random: Random
  readonly processes: Processes
  readonly files: Files
  readonly datagrams: Datagrams
  /** SHA-256, base64url. */
  readonly digest: (bytes: string) => Hash
  /** HMAC-SHA-256. */
  readonly authenticate: (key: Uint8Array, bytes: Uint8Array) => Uint8Array
  /** Identifies this boot of the machine. */
  readonly bootId: () => string
}
