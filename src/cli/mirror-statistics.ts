/** `baton mirror statistics`: what the data planes of this server counted in the last minute. */
import { readFile } from 'node:fs/promises'
import type { Command as Subcommand } from 'commander'
import type { LastRow } from '../agents/mirror/statistics-rows.ts'
import { agentStatus } from './agent-client.ts'
import { CommandFailed, type Deps, exitCode } from './deps.ts'
import { examples, printJson, type StateOption, withState } from './options.ts'
import { row, table } from './table.ts'

type Options = StateOption & { readonly json?: boolean }
/** `last` null: its file has no row yet. */
type Told = { readonly name: string; readonly file: string; readonly last: LastRow | null }

export const addStatistics = (mirror: Subcommand, deps: Deps): void => {
  const statistics = mirror
    .command('statistics [mirror]')
    .description(
      'Shows the last row of the statistics of every mirror disk that has a copy on this server: a minute each. All rows ' +
        'are in perf/disk of the state directory.',
    )
    .option('--json', 'print JSON')
  const lines = ['baton mirror statistics', 'baton mirror statistics web.data --json']
  examples(withState(statistics, deps), ...lines).action(async (name: string | undefined, options: Options) => {
    const told = await toldOf(name, options, deps)
    if (options.json) await printJson(deps, told.map(asJson))
    else await deps.print(`${(await linesOf(told)).join('\n')}\n`)
  })
}

const toldOf = async (wanted: string | undefined, { state: directory }: Options, deps: Deps): Promise<Told[]> => {
  const { state, voter } = await agentStatus(directory, deps.signal)
  const [{ configuredMirrors, pairOf }, { lastRowOf }] = await Promise.all([
    import('../decisions/mirror-pair.ts'),
    import('../agents/mirror/statistics-rows.ts'),
  ])
  // A mirror has the same number on both servers.
  const all = configuredMirrors(state)
    .map((name, index) => ({ name, file: `${directory}/perf/disk/nmp${index + 1}.cur` }))
    .filter(({ name }) => pairOf(state, name).some((server) => server === voter))
  const found = all.filter(({ name }) => wanted === undefined || name === wanted)
  if (wanted !== undefined && found.length === 0) {
    const there = all.length === 0 ? `${voter} has none` : `${voter} has ${all.map(({ name }) => name).join(', ')}`
    throw new CommandFailed(exitCode.usage, `there is no mirror ${wanted} with a copy on ${voter}`, there)
  }
  return Promise.all(found.map(async (one) => ({ ...one, last: lastRowOf(await textOf(one.file)) })))
}

const textOf = async (path: string): Promise<string> => {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''
    throw new CommandFailed(exitCode.failed, `${path} cannot be read: ${String(error)}`, 'try as root', {
      cause: error,
    })
  }
}

const asJson = ({ name, file, last }: Told) => ({
  name,
  file,
  date: last?.date ?? null,
  values: Object.fromEntries((last?.cells ?? []).map(([title, value]) => [title, Number(value)])),
})

/** A column for each mirror. */
const linesOf = async (told: readonly Told[]): Promise<readonly string[]> => {
  if (told.length === 0) return ['no mirror disks on this server']
  const { shownStatistic } = await import('../agents/mirror/statistics-rows.ts')
  const titles = [...new Set(told.flatMap(({ last }) => last?.cells.map(([title]) => title) ?? []))]
  const cellOf = ({ last }: Told, wanted: string): string =>
    shownStatistic(last?.cells.find(([title]) => title === wanted)?.[1] ?? '')
  return table([
    row('', ...told.map(({ name }) => name)),
    row('Date', ...told.map(({ last }) => last?.date ?? 'no row yet')),
    ...titles.map((title) => row(title, ...told.map((one) => cellOf(one, title)))),
  ])
}
