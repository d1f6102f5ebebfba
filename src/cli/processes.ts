/** The long-running ones: `baton agent`, `witness`, `guardian`, `demo`. */
import { realpathSync } from 'node:fs'
import type { Command } from 'commander'
import type { ProcessOptions } from '../agents/voter/voter-process.ts'
import type { WitnessWebAddress } from '../agents/voter/witness-web.ts'
import { type AddCommands, CommandFailed, type Deps, exitCode } from './deps.ts'
import { examples, type StateOption, withState } from './options.ts'
import { version } from './version.ts'

type AgentOptions = StateOption & {
  readonly natsServer?: string
  readonly respawn?: boolean
  readonly reset?: string
  readonly guardianUnit?: string
}

export const addProcesses: AddCommands = (program, deps) => {
  const agent = program
    .command('agent')
    .summary('run the agent of a server')
    .description('Runs the agent of this server: heartbeats, log, groups, monitors. Usually started by systemd.')
  const guarded = running(agent, deps).option(
    '--guardian-unit <name>',
    'the systemd unit that runs the guardian; without it the agent starts one itself',
  )
  examples(guarded, 'baton agent --state /var/lib/baton').action(async (options: AgentOptions) => {
    const { runAgent } = await import('../agents/agent-process.ts')
    const { realMachine } = await import('../agents/machine.ts')
    const chosen = await processOptions(options)
    await runAgent(realMachine(chosen.natsServer), chosen)
    end()
  })
  const witness = program
    .command('witness')
    .summary('run the witness')
    .description('Runs the witness: it votes and keeps the log, and runs no groups. Usually started by systemd.')
  const webOptions = listening(running(witness, deps).option('--http <address:port>', 'takes beats by HTTP(S) too'))
  examples(webOptions, 'baton witness --state /var/lib/baton').action(async (options: AgentOptions & WebOptions) => {
    const { runWitness } = await import('../agents/voter/witness-process.ts')
    const { realMachine } = await import('../agents/machine.ts')
    const chosen = await processOptions(options)
    await runWitness(realMachine(chosen.natsServer), { ...chosen, web: webAddress(options) })
    end()
  })
  addWitnessWeb(program)
  const guardian = program
    .command('guardian')
    .summary('run the guardian of an agent')
    .description(
      'Takes services down in time when the agent cannot any more. Started by the agent itself, or by systemd.',
    )
    .option('--instance <name>', 'whose processes it may end; as the kit has it, when not said')
  examples(running(guardian, deps), 'baton guardian --state /var/lib/baton', 'baton guardian --reset reboot').action(
    async (options: AgentOptions & { readonly instance?: string }) => {
      const { runGuardian } = await import('../agents/guardian/guardian-process.ts')
      const { realMachine } = await import('../agents/machine.ts')
      const chosen = await processOptions(options)
      await runGuardian(realMachine(chosen.natsServer), { ...chosen, instance: options.instance ?? null })
      end()
    },
  )
  const demo = program
    .command('demo')
    .summary('a whole cluster on this machine, to try out')
    .description('Two servers and a witness on this machine: kills one, shows the service on the other. Until Ctrl-C.')
    .option('--once', 'end after the show instead of leaving the cluster up')
  examples(demo, 'baton demo', 'baton demo --once').action(async (options: { readonly once?: boolean }) => {
    const { runDemo } = await import('./demo.ts')
    await runDemo(deps, options)
  })
}

const largestPort = 65_535

type WebOptions = { readonly http?: string; readonly tlsCertificate?: string; readonly tlsKey?: string }

const listening = (command: Command): Command =>
  command
    .option('--tls-certificate <file>', 'PEM file: https instead of http')
    .option('--tls-key <file>', 'PEM file of its key')

const webAddress = ({ http, tlsCertificate, tlsKey }: WebOptions): WitnessWebAddress | undefined => {
  if (http === undefined) return undefined
  const split = /^(.+):(\d{1,5})$/.exec(http)
  const port = Number(split?.[2])
  if (!split || port < 1 || port > largestPort)
    throw new CommandFailed(
      exitCode.usage,
      `--http ${http} is not address:port`,
      'as in 10.0.0.9:29020, [fd00::9]:29020',
    )
  if ((tlsCertificate === undefined) !== (tlsKey === undefined))
    throw new CommandFailed(exitCode.usage, '--tls-certificate and --tls-key belong together', 'give both, or neither')
  const tls = tlsCertificate !== undefined && tlsKey !== undefined ? { certificate: tlsCertificate, key: tlsKey } : null
  return { address: (split[1] ?? '').replace(/^\[(.*)\]$/, '$1'), port, tls }
}

const addWitnessWeb = (program: Command): void => {
  const command = program
    .command('witness-web')
    .summary('run a witness that is only a web service')
    .description(
      'Takes beats by HTTP(S) and passes them on. It has no vote and keeps no log; of the kit it needs cluster.key alone.',
    )
    .requiredOption('--cluster <name>', 'the cluster whose beats it takes')
    .requiredOption('--key <file>', 'cluster.key of any kit of that cluster')
    .requiredOption('--http <address:port>', 'where it listens')
  const example = 'baton witness-web --cluster shop --key cluster.key --http 0.0.0.0:29020'
  examples(listening(command), example).action(
    async (options: WebOptions & { readonly cluster: string; readonly key: string }) => {
      const { runWitnessWeb } = await import('../agents/voter/witness-web.ts')
      const { realMachine } = await import('../agents/machine.ts')
      const at = webAddress(options)
      if (at === undefined) throw new CommandFailed(exitCode.usage, '--http is missing')
      await runWitnessWeb(realMachine(''), {
        ...at,
        cluster: options.cluster,
        keyFile: options.key,
        signal: untilTold(),
      })
      end()
    },
  )
}

/**
 * Done is done: a process or an interface that is still watched would keep the event loop, and with it an agent that
 * beats no more, until its lease is over and the guardian takes down what it left running for the next one.
 */
const end = (): void => {
  process.exit()
}

const running = (command: Command, deps: Deps): Command =>
  withState(command, deps)
    .option('--nats-server <file>', 'the log server (BATON_NATS_SERVER; else on PATH)')
    .option('--respawn', 'the guardian starts the agent again when it dies: where no service manager does')
    .option(
      '--reset <command>',
      'last resort of the guardian: a command that resets the machine, or a final action such as reboot',
    )

const processOptions = async (options: AgentOptions): Promise<ProcessOptions> => {
  const { findNatsServer } = await import('./nats-server.ts')
  const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID } = process.env
  const isWatched = WATCHDOG_USEC !== undefined && (WATCHDOG_PID ?? String(process.pid)) === String(process.pid)
  return {
    stateDirectory: options.state,
    natsServer: options.natsServer ?? (await findNatsServer()),
    version,
    self: [process.execPath, realpathSync(process.argv[1] ?? import.meta.filename)],
    respawn: options.respawn === true,
    reset: await resetOf(options.reset),
    guardianUnit: options.guardianUnit ?? null,
    notifySocket: NOTIFY_SOCKET ?? null,
    watchdogMs: isWatched ? Number(WATCHDOG_USEC) / 1000 : null,
    signal: untilTold(),
  }
}

/** The guardian has no configuration: of a final action it takes the usual command. */
const resetOf = async (reset: string | undefined): Promise<string | null> => {
  const { machineActions, storedConfiguration } = await import('../events/index.ts')
  const { commandOfAction } = await import('../agents/fencing/final-action.ts')
  const action = machineActions.find((one) => one === reset)
  if (reset === undefined || action === undefined) return reset ?? null
  const command = commandOfAction(action, storedConfiguration.unwrap().shape.finalActions.parse({}))
  if (command !== null) return command
  throw new CommandFailed(exitCode.usage, `--reset ${reset} has no usual command`, 'write the command itself')
}

/** Aborted by SIGTERM, or Ctrl-C. */
const untilTold = (): AbortSignal => {
  const told = new AbortController()
  process.once('SIGTERM', () => told.abort())
  process.once('SIGINT', () => told.abort())
  return told.signal
}
