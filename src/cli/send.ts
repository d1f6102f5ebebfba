/** Sends a command to the agent and reports its progress until the cluster has settled. */
import type { Command as Subcommand } from 'commander'
import type { CommandProgress, RefusalRequest, Refused } from '../agents/control-protocol.ts'
import type { Command } from '../events/index.ts'
import { durationInWords } from '../projections/wording.ts'
import { agentAlone, agentCommand, agentHandOver, agentRefusal } from './agent-client.ts'
import { CommandFailed, type Deps, exitCode } from './deps.ts'
import { type StateOption, withState } from './options.ts'

export type SendOptions = StateOption & { readonly wait: string; readonly json?: boolean; readonly yes?: boolean }

const defaultWait = '10m'

/** Options of every command that changes something. */
export const changing = (command: Subcommand, deps: Deps): Subcommand =>
  withState(command, deps)
    .option('--wait <duration>', 'report progress for at most this long; 0s = do not wait', defaultWait)
    .option('--json', 'print each step as a line of JSON')

/** For what stops services: it asks, unless `--yes` is given. */
export const dangerous = (command: Subcommand, deps: Deps): Subcommand =>
  changing(command, deps).option('-y, --yes', 'do not ask')

/** @throws CommandFailed when the person does not say yes. */
export const mustConfirm = async (question: string, options: { readonly yes?: boolean }, deps: Deps): Promise<void> => {
  if (options.yes) return
  const answer = await deps.confirm(question)
  if (answer === null)
    throw new CommandFailed(exitCode.usage, `${question} Nobody is there to answer.`, 'say so beforehand with --yes')
  if (!answer) throw new CommandFailed(exitCode.failed, 'nothing was changed')
}

type Asked = { readonly of: RefusalRequest['of']; readonly question: string | (() => Promise<string>) }

/**
 * Nobody should answer for what would be refused anyway.
 * @throws CommandFailed when it would be, or the person does not say yes.
 */
export const mustConfirmPossible = async ({ of, question }: Asked, options: SendOptions, deps: Deps): Promise<void> => {
  if (options.yes) return
  await waitOf(options.wait)
  const refused = await agentRefusal(options.state, { of }, deps.signal)
  if (refused !== null) {
    await report(refused, options, deps)
    throw refusedBecause(refused)
  }
  await mustConfirm(typeof question === 'string' ? question : await question(), options, deps)
}

/** @throws CommandFailed for every end but `done`. */
export const send = async (command: Command, options: SendOptions, deps: Deps): Promise<void> => {
  const waitMs = await waitOf(options.wait)
  const request = { command, by: `operator:${deps.user.slice(0, 60)}`, waitMs }
  await follow(agentCommand(options.state, request, deps.signal), { ...options, waitMs }, deps)
}

/** X6: what `send` is for commands of the log. @throws CommandFailed for every end but `done`. */
export const sendHandOver = async (options: SendOptions, deps: Deps): Promise<void> => {
  const waitMs = await waitOf(options.wait)
  await follow(agentHandOver(options.state, { waitMs }, deps.signal), { ...options, waitMs }, deps)
}

/** Topology `pair`. @throws CommandFailed for every end but `done`. */
export const sendAlone = async (options: SendOptions, deps: Deps): Promise<void> => {
  const waitMs = await waitOf(options.wait)
  const request = { by: `operator:${deps.user.slice(0, 60)}`, waitMs }
  await follow(agentAlone(options.state, request, deps.signal), { ...options, waitMs }, deps)
}

const follow = async (
  steps: AsyncIterable<CommandProgress>,
  options: SendOptions & { readonly waitMs: number },
  deps: Deps,
): Promise<void> => {
  let last: CommandProgress | null = null
  try {
    for await (const progress of steps) {
      last = progress
      await report(progress, options, deps)
    }
  } catch (error) {
    if (!deps.signal.aborted) throw interruptedOr(error, last)
  }
  const failure = failureOf(last, options.waitMs, deps)
  if (failure) throw failure
}

const waitOf = async (text: string): Promise<number> => {
  const { parseDuration } = await import('../events/duration.ts')
  const ms = parseDuration(text)
  const longestMs = 3_600_000
  if (ms !== null && ms <= longestMs) return ms
  throw new CommandFailed(exitCode.usage, `--wait ${text} is not a duration`, 'write 30s, 5m, at most 1h')
}

const report = async (progress: CommandProgress, { json }: SendOptions, deps: Deps): Promise<void> => {
  if (json) {
    await deps.print(`${JSON.stringify(progress)}\n`)
    return
  }
  const { colours } = deps
  switch (progress.step) {
    case 'accepted':
      await deps.print(colours.dim(`accepted at sequence ${progress.sequence} (operation ${progress.operation})\n`))
      return
    case 'progress':
      await deps.print(`  ${progress.text}\n`)
      return
    case 'done':
      await deps.print(`${colours.green('done')}: ${progress.detail} (${durationInWords(progress.elapsedMs)})\n`)
      return
    case 'failed':
    case 'refused':
    case 'timed-out':
      return
    default:
      progress satisfies never
  }
}

const refusedBecause = ({ because, possible }: Refused) =>
  new CommandFailed(exitCode.refused, `refused: ${because}`, possible)

/** What the last step means for the caller; null = it went well. */
const failureOf = (last: CommandProgress | null, waitMs: number, deps: Deps): CommandFailed | null => {
  const goesOn = 'the cluster goes on; see `baton status --watch`'
  switch (last?.step) {
    case 'done':
      return null
    case 'refused':
      return refusedBecause(last)
    case 'failed':
      return new CommandFailed(exitCode.failed, `failed after ${durationInWords(last.elapsedMs)}: ${last.detail}`)
    case 'timed-out': {
      const message = `not settled after ${durationInWords(last.elapsedMs)}: ${last.detail}`
      return new CommandFailed(exitCode.timedOut, message, goesOn)
    }
    default:
      // Asked not to wait: that it was accepted is all there is to know.
      if (last !== null && waitMs === 0) return null
      if (deps.signal.aborted) return new CommandFailed(exitCode.timedOut, 'not waiting any longer', goesOn)
      return new CommandFailed(exitCode.unreachable, 'the agent ended without an answer', 'see `baton status`')
  }
}

/** A connection that breaks after the command was taken does not undo it. */
const interruptedOr = (error: unknown, last: CommandProgress | null): unknown =>
  last === null || error instanceof CommandFailed
    ? error
    : new CommandFailed(
        exitCode.unreachable,
        'the connection to the agent broke after the command was accepted',
        'the cluster goes on; see `baton status`',
        { cause: error },
      )
