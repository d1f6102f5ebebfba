/** Processes of a simulated host as one of them sees and starts them. Commands are programs of this product, or a reset. */
import type { Processes, ProcessIdentity, RunResult } from '../world/world.ts'
import type { SimulatedProcess } from './process.ts'

const ran: RunResult = { code: 0, signal: null, stdout: '', stderr: '', timedOut: false, elapsedMs: 1 }

export type ProgramParts = {
  readonly reset: () => void
  readonly command: (...run: Parameters<Processes['run']>) => Promise<RunResult> | null
}

export const simulatedProcesses = (process: SimulatedProcess, { reset, command }: ProgramParts): Processes => {
  const { host } = process
  const find = ({ pid, startTicks }: ProcessIdentity): SimulatedProcess | undefined => {
    const found = host.processes.get(pid)
    return found?.identity.startTicks === startTicks ? found : undefined
  }
  const tagged = (tag: string) => [...host.processes.values()].filter((one) => one.tag === tag)
  /** A signal takes effect between two steps: whoever sends one to itself finishes what it does. */
  const send = (target: SimulatedProcess, signal: string) =>
    host.scheduler.after(0, () => {
      if (signal === 'SIGSTOP') target.stop()
      else if (signal === 'SIGCONT') target.go()
      else if (signal === 'SIGTERM' && target.terminated) target.enter(target.terminated)
      else target.exit(null)
    })
  return {
    run: (argv, options) =>
      command(argv, options) ??
      process.answer(1, () => {
        if (argv[0] === '/bin/sh') reset()
        return ran
      }),
    launch: ([, , ...argv], { tag }) => process.answer(1, () => host.launch(argv, tag).identity),
    members: (tag) => process.answer(0.2, () => tagged(tag).map(({ identity }) => identity)),
    signalAll: (tag, signal) =>
      process.answer(0.2, () => {
        const found = tagged(tag)
        for (const target of found) send(target, signal)
        return found.length
      }),
    onExit: (identity, exited) => {
      const told = (code: number | null) => host.scheduler.after(0.05, () => process.enter(() => exited(code)))
      const target = find(identity)
      if (target) return target.onExit(told)
      return told(null)
    },
    own: () => process.identity,
    isAlive: (identity) => find(identity) !== undefined,
    signal: (identity, signal) => {
      const target = find(identity)
      if (target) send(target, signal)
      return target !== undefined
    },
  }
}
