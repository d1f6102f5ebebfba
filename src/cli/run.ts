/** Runs one command line and answers its exit code. */
import { Command, CommanderError } from 'commander'
import { addAlerts } from './alerts.ts'
import { addCluster } from './cluster.ts'
import { addConfig } from './config.ts'
import { CommandFailed, type Deps, exitCode } from './deps.ts'
import { addDiskHeartbeat } from './disk-heartbeat.ts'
import { addDoctor } from './doctor.ts'
import { addFence } from './fence.ts'
import { addGroup } from './group.ts'
import { addLog } from './log.ts'
import { addMirror } from './mirror.ts'
import { addMirrorDisk } from './mirror-disk.ts'
import { addMonitor } from './monitor.ts'
import { addProcesses } from './processes.ts'
import { addResource } from './resource.ts'
import { addServer } from './server.ts'
import { addSim } from './sim.ts'
import { addStatus } from './status.ts'
import { addTimeoutRatio } from './timeout-ratio.ts'
import { version } from './version.ts'
import { addWhy } from './why.ts'

const commands = [
  addStatus,
  addWhy,
  addAlerts,
  addDoctor,
  addGroup,
  addResource,
  addServer,
  addFence,
  addMirror,
  addMonitor,
  addCluster,
  addTimeoutRatio,
  addConfig,
  addSim,
  addDiskHeartbeat,
  addLog,
  addProcesses,
  addMirrorDisk,
]

const exitCodes = `
Exit codes:
  0  done
  1  failed
  2  wrong usage, or bad input
  3  refused: nothing was changed, and the message says what would make it possible
  4  no agent answers on this machine
  5  not settled in time; the cluster goes on

The agent is found through --state DIR or BATON_STATE. NO_COLOR turns colours off.`

export const run = async (argv: readonly string[], deps: Deps): Promise<number> => {
  try {
    await programOf(deps).parseAsync(withMoments(argv), { from: 'user' })
    return exitCode.ok
  } catch (error) {
    // commander has said what is wrong; help and version end with 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.ok : exitCode.usage
    if (deps.signal.aborted) return exitCode.ok
    complain(error, deps)
    return error instanceof CommandFailed ? error.code : exitCode.failed
  }
}

/** `--diff -2h -1h`: the second moment must not be taken for an option. */
const withMoments = (argv: readonly string[]): string[] => {
  const at = argv.indexOf('--diff')
  const [first, second] = at < 0 ? [] : argv.slice(at + 1, at + 3)
  if (first === undefined || second === undefined || !/^(-?\d)/.test(second)) return [...argv]
  return [...argv.slice(0, at), `--diff=${first}`, `--diff=${second}`, ...argv.slice(at + 3)]
}

export const programOf = (deps: Deps): Command => {
  const program = new Command('baton')
    .description('High-availability clustering: groups of resources that move between servers.')
    .version(version, '--version')
    .helpCommand(true)
    .showHelpAfterError('(--help shows what is possible)')
    .addHelpText('after', exitCodes)
  for (const add of commands) add(program, deps)
  settle(program, deps)
  return program
}

/** Output and errors of every subcommand go through `deps`. */
const settle = (command: Command, deps: Deps): void => {
  command.exitOverride().configureOutput({
    writeOut: (text) => {
      void deps.print(text)
    },
    writeErr: deps.complain,
    getOutHelpWidth: () => Math.min(100, deps.size().columns),
    getErrHelpWidth: () => Math.min(100, deps.size().columns),
    getOutHasColors: () => false,
    getErrHasColors: () => false,
  })
  for (const inner of command.commands) settle(inner, deps)
}

const complain = (error: unknown, deps: Deps): void => {
  const { red } = deps.colours
  if (!(error instanceof CommandFailed)) {
    deps.complain(`${red('baton:')} ${error instanceof Error ? error.message : String(error)}\n`)
    return
  }
  if (error.message !== '') deps.complain(`${red('baton:')} ${error.message}\n`)
  if (error.remedy !== '') deps.complain(`  ${error.remedy}\n`)
}
