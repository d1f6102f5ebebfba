/** `baton fence …`: what proves a lost server off, whether it answers, and what it has done. */
import type { Command } from 'commander'
import type { FencingConfiguration } from '../events/index.ts'
import type { FencingState } from '../projections/fencing.ts'
import type { State } from '../projections/state.ts'
import { durationInWords } from '../projections/wording.ts'
import { agentStatus } from './agent-client.ts'
import { type AddCommands, CommandFailed, type Deps, exitCode } from './deps.ts'
import { serverNamed } from './names.ts'
import {
  examples,
  printJson,
  type ReadOptions,
  reading,
  type StateOption,
  withSource,
  withState,
  zoneOf,
} from './options.ts'
import { sayOutOfTouch } from './out-of-touch.ts'
import { changing, type SendOptions, send } from './send.ts'
import { row, table } from './table.ts'
import { formatTime } from './times.ts'

export const addFence: AddCommands = (program, deps) => {
  const fence = program.command('fence').summary('fence devices: list, test, history, another attempt')
  fence.description('Shows and tests what proves a lost server off, so that its groups may run elsewhere.')
  const list = fence
    .command('list')
    .description('Lists every server’s fence devices by level, and those that are lost.')
  examples(reading(list, deps), 'baton fence list').action(async (options: ReadOptions) => await show(options, deps))
  addTest(fence, deps)
  const history = fence.command('history').description('Lists the fences of the past, how each ended, and open ones.')
  examples(reading(history, deps), 'baton fence history --json').action(
    async (options: ReadOptions) => await showHistory(options, deps),
  )
  const retry = fence
    .command('retry <server>')
    .description('Tries at once to fence a server that is down and not proven off.')
  examples(changing(retry, deps), 'baton fence retry s1').action(
    async (name: string, options: SendOptions) =>
      await send({ do: 'fence-server', server: serverNamed(name) }, options, deps),
  )
}

const addTest = (fence: Command, deps: Deps): void => {
  const test = fence
    .command('test <server>')
    .description(
      'Asks every fence device of a server for its status, from this machine. It switches nothing. Ends with 1 when one does not answer.',
    )
    .option('--json', 'print JSON')
  examples(withState(test, deps), 'baton fence test s1').action(
    async (name: string, options: StateOption & { readonly json?: boolean }) => await testServer(name, options, deps),
  )
}

const stateOf = async (options: ReadOptions, deps: Deps): Promise<State> => {
  if (options.file === undefined) {
    const status = await agentStatus(options.state, deps.signal)
    sayOutOfTouch(status, deps)
    return status.state
  }
  const { replay } = await import('./log-source.ts')
  return await withSource(options, deps, (source) => replay(source, null))
}

type Listed = {
  readonly server: string
  readonly level: number
  readonly device: string
  readonly type: string
  readonly lost: string | null
}

const listed = ({ levels, devices }: FencingConfiguration, { lostDevices }: FencingState): readonly Listed[] =>
  Object.entries(levels).flatMap(([server, all]) =>
    all.flatMap((names, index) =>
      names.map((device) => ({
        server,
        level: index + 1,
        device,
        type: devices[device]?.type ?? '',
        lost: lostDevices[device]?.because ?? null,
      })),
    ),
  )

const show = async (options: ReadOptions, deps: Deps): Promise<void> => {
  const { configuration, fencing } = await stateOf(options, deps)
  const configured = configuration.current?.fencing
  const rows = configured ? listed(configured, fencing) : []
  if (options.json) return await printJson(deps, { policy: configured?.policy ?? 'off', devices: rows })
  const { bold, red, green } = deps.colours
  const lines = rows.map(({ server, level, device, type, lost }) =>
    row(server, `level ${level}`, device, type, lost === null ? green('answers') : red(`LOST: ${lost}`)),
  )
  const head = `policy ${bold(configured?.policy ?? 'off')}`
  await deps.print(`${[head, ...(rows.length === 0 ? ['no fence devices'] : table(lines))].join('\n')}\n`)
}

const testServer = async (
  name: string,
  { state, json }: StateOption & { readonly json?: boolean },
  deps: Deps,
): Promise<void> => {
  const { configuration, fencing } = (await agentStatus(state, deps.signal)).state
  const configured = configuration.current?.fencing
  const rows = configured ? listed(configured, fencing).filter(({ server }) => server === name) : []
  if (!configured || rows.length === 0) {
    const known = Object.keys(configured?.levels ?? {}).join(', ')
    throw new CommandFailed(
      exitCode.usage,
      `no fence device is configured for ${name}`,
      `there are some for: ${known || 'nobody'}`,
    )
  }
  const [{ realWorld }, { fencer }] = await Promise.all([
    import('../world/real.ts'),
    import('../agents/fencing/fence.ts'),
  ])
  const fences = fencer(realWorld(), `${state}/log`)
  const seen = await Promise.all(
    rows.map(async ({ level, device }) => ({
      level,
      device,
      ...(await fences.ask(name, device, configured, deps.signal)),
    })),
  )
  const { red, green, yellow } = deps.colours
  if (json) await printJson(deps, { server: name, devices: seen })
  else {
    const lines = seen.map((one) => {
      const said =
        one.power === 'unknown' ? red(`no answer: ${one.because}`) : one.power === 'on' ? green('on') : yellow('off')
      return row(`level ${one.level}`, one.device, said)
    })
    await deps.print(`${table(lines).join('\n')}\n`)
  }
  const dead = seen.filter(({ power }) => power === 'unknown').map(({ device }) => device)
  if (dead.length > 0)
    throw new CommandFailed(
      exitCode.failed,
      `no answer from ${dead.join(', ')}`,
      'should this server be lost, it may not be proven off',
    )
}

const showHistory = async (options: ReadOptions, deps: Deps): Promise<void> => {
  const { history, pending } = (await stateOf(options, deps)).fencing
  const open = Object.values(pending)
  if (options.json) return await printJson(deps, { open, history })
  const zone = zoneOf(options, deps)
  const { red, yellow } = deps.colours
  const rows = [
    ...history.map(({ server, outcome, detail, attempts, requestedAt, at, sequence }) =>
      row(
        formatTime(at, zone),
        `#${sequence}`,
        server,
        outcome === 'forgone' ? yellow(outcome) : outcome,
        `after ${durationInWords(Math.max(0, at - requestedAt))}`,
        attempts > 0 ? `${attempts} failed` : '',
        detail,
      ),
    ),
    ...open.map(({ server, since, requestedBy, attempts, lastFailure, executor }) =>
      row(
        formatTime(since, zone),
        `#${requestedBy}`,
        server,
        red('NOT PROVEN OFF'),
        `by ${executor}`,
        attempts > 0 ? `${attempts} failed` : '',
        lastFailure ?? '',
      ),
    ),
  ]
  await deps.print(`${(rows.length === 0 ? ['nobody has been fenced'] : table(rows)).join('\n')}\n`)
}
