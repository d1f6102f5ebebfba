import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { type CommandOptions, type Entered, enter } from './host-process.ts'
import { LabTrouble } from './trouble.ts'

const defaultTimeoutMs = 30_000

/** How long output is awaited after the end of a command that left a daemon behind, which still holds it open. */
const lateOutputMs = 250

export type RunOptions = CommandOptions & {
  /** What the command reads; nothing when not given. */
  readonly input?: string
  /** A command that takes longer is killed, and the run fails. */
  readonly timeoutMs?: number
}

export type RunResult = { readonly code: number; readonly stdout: string; readonly stderr: string }

/** Runs a command in a host to its end. A code other than 0 is an answer, not a failure. */
export const runIn = async (
  initPid: number,
  command: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> => {
  const input = options.input === undefined ? 'ignore' : 'pipe'
  const output = { stdout: '', stderr: '' }
  let closed: Promise<unknown> = Promise.resolve()
  const entered = await enter(initPid, command, { ...options, stdio: [input, 'pipe', 'pipe'] }, (child) => {
    closed = once(child, 'close')
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream]?.setEncoding('utf8').on('data', (text: string) => {
        output[stream] += text
      })
    }
  })
  entered.child.stdin?.end(options.input)
  const code = await codeOf(entered, command, options.timeoutMs ?? defaultTimeoutMs)
  await Promise.race([closed, pause(lateOutputMs)])
  entered.child.stdout?.destroy()
  entered.child.stderr?.destroy()
  return { code, ...output }
}

const codeOf = async (entered: Entered, command: readonly string[], timeoutMs: number): Promise<number> => {
  const stop = new AbortController()
  const limit = pause(timeoutMs, 'too long' as const, { signal: stop.signal }).catch(() => 'too long' as const)
  const exit = await Promise.race([entered.exited, limit])
  stop.abort()
  if (exit === 'too long') {
    process.kill(entered.pid, 'SIGKILL')
    throw new LabTrouble(`${command.join(' ')} took longer than ${timeoutMs} ms, and was killed`)
  }
  // What a shell would say of a command killed by a signal: 128 and more.
  return exit.code ?? 128
}
