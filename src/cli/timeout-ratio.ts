/** `baton timeout-ratio`: the heartbeat time-out is stretched for a while, as before a backup that freezes machines. */
import { durationInWords } from '../projections/wording.ts'
import { agentStatus } from './agent-client.ts'
import { type AddCommands, CommandFailed, exitCode } from './deps.ts'
import { examples, printJson } from './options.ts'
import { changing, type SendOptions, send } from './send.ts'

type Options = SendOptions & {
  readonly ratio?: string
  readonly time?: string
  readonly initialize?: true
  readonly show?: true
}

export const addTimeoutRatio: AddCommands = (program, deps) => {
  const command = program
    .command('timeout-ratio')
    .summary('stretch the heartbeat time-out for a while')
    .description(
      'Stretches the heartbeat time-out for a while: a server that hangs is given up later. Services are not touched.',
    )
    .option('-r, --ratio <ratio>', 'so many times the configured time-out, 1 to 10000')
    .option('-t, --time <duration>', 'for how long, such as 90s, 1h, at most 24d')
    .option('-i, --initialize', 'end it: the time-out is as configured again')
    .option('-s, --show', 'say what is in force')
  examples(changing(command, deps), 'baton timeout-ratio -r 40 -t 1h', 'baton timeout-ratio -i').action(
    async (options: Options) => {
      const chosen = [options.ratio ?? options.time, options.initialize, options.show].filter(
        (one) => one !== undefined,
      )
      const isHalf = chosen.length === 1 && (options.ratio === undefined) !== (options.time === undefined)
      if (isHalf) throw new CommandFailed(exitCode.usage, '-r and -t belong together', 'for example -r 40 -t 1h')
      if (chosen.length !== 1)
        throw new CommandFailed(exitCode.usage, 'what is to be done?', 'write -r and -t, -i, or -s')
      if (options.initialize) return await send({ do: 'restore-timeout' }, options, deps)
      if (options.ratio === undefined && options.time === undefined) return await show(options, deps)
      await send(
        { do: 'stretch-timeout', ratio: ratioOf(options.ratio), forMs: await timeOf(options.time) },
        options,
        deps,
      )
    },
  )
}

const show = async ({ state, json }: Options, deps: Parameters<AddCommands>[1]): Promise<void> => {
  const { stretch } = (await agentStatus(state, deps.signal)).state.cluster
  if (json) return await printJson(deps, { ratio: stretch?.ratio ?? 1, forMs: stretch?.forMs ?? null })
  const text = stretch
    ? `${stretch.ratio} times as configured, for ${durationInWords(stretch.forMs)} since commit ${stretch.sequence}`
    : 'as configured'
  await deps.print(`${text}\n`)
}

const ratioOf = (text: string | undefined): number => {
  const ratio = Number(text)
  if (text !== undefined && /^\d+(\.\d+)?$/.test(text) && ratio >= 1 && ratio <= 10_000) return ratio
  throw new CommandFailed(exitCode.usage, `"${text ?? ''}" is not a ratio`, 'write -r with a number from 1 to 10000')
}

const timeOf = async (text: string | undefined): Promise<number> => {
  const { parseDuration } = await import('../events/duration.ts')
  const ms = text === undefined ? null : parseDuration(text)
  if (ms !== null && ms >= 1000) return ms
  throw new CommandFailed(exitCode.usage, `"${text ?? ''}" is not a time`, 'write -t with 90s, 1h, at most 24d')
}
