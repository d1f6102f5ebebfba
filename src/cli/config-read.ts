/** `baton config show`, `history`, `diff`. */
import { diffConfiguration } from '../decisions/diff-configuration.ts'
import type { Configuration, Recorded } from '../events/index.ts'
import type { State } from '../projections/state.ts'
import { agentStatus } from './agent-client.ts'
import { checkFile } from './config-file.ts'
import { CommandFailed, type Deps, exitCode } from './deps.ts'
import { changeLine } from './log-replay.ts'
import { type LogSource, readUntil, replay } from './log-source.ts'
import { printJson, type ReadOptions, withSource, zoneOf } from './options.ts'
import { row, table } from './table.ts'
import { formatTime } from './times.ts'

export type Version = { readonly version: number; readonly configuration: Configuration; readonly source: string }

export const stateNow = async (source: LogSource, options: ReadOptions, deps: Deps): Promise<State> =>
  options.file === undefined ? (await agentStatus(options.state, deps.signal)).state : await replay(source, null)

export const showConfig = async (version: string | undefined, options: ReadOptions, deps: Deps): Promise<void> => {
  const found = await withSource(options, deps, async (source) => {
    const state = await stateNow(source, options, deps)
    return version === undefined ? currentOf(state) : await versionOf(source, state, numberOf(version))
  })
  if (options.json) await printJson(deps, found)
  else await deps.print(found.source.endsWith('\n') ? found.source : `${found.source}\n`)
}

const currentOf = ({ configuration: { current, version, source } }: State): Version => {
  if (current !== null) return { version, configuration: current, source }
  throw new CommandFailed(exitCode.failed, 'no configuration is in force yet', 'baton config apply FILE')
}

export const numberOf = (text: string): number => {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new CommandFailed(exitCode.usage, `"${text}" is not a version`, 'a number of `baton config history`')
}

/** An applied version, from the log. @throws CommandFailed when there was none. */
export const versionOf = async (source: LogSource, state: State, version: number): Promise<Version> => {
  if (version === state.configuration.version) return currentOf(state)
  const known = state.configuration.history.find((one) => one.version === version)
  for await (const batch of readUntil(source, known ? known.sequence - 1 : 0, null))
    for (const recorded of batch) {
      const found = appliedIn(recorded, version)
      if (found) return found
    }
  throw new CommandFailed(
    exitCode.usage,
    `there is no version ${version}`,
    `the latest is ${state.configuration.version}: see \`baton config history\``,
  )
}

const appliedIn = ({ commit }: Recorded, version: number): Version | null => {
  for (const { type, data } of commit.events)
    if (type === 'ConfigurationApplied' && data.version === version)
      return { version, configuration: data.configuration, source: data.source }
  return null
}

export const showHistory = async (options: ReadOptions, deps: Deps): Promise<void> => {
  const { history } = (await withSource(options, deps, (source) => stateNow(source, options, deps))).configuration
  if (options.json) return await printJson(deps, history)
  const zone = zoneOf(options, deps)
  const rows = history.map(({ version, sequence, at, by, note }) =>
    row(String(version), formatTime(at, zone), `#${sequence}`, by.replace(/^(operator|server):/, ''), note),
  )
  await deps.print(rows.length === 0 ? 'no configuration was applied yet\n' : `${table(rows).join('\n')}\n`)
}

type Sides = { readonly before: string; readonly after: string | undefined }

export const diffConfig = async ({ before, after }: Sides, options: ReadOptions, deps: Deps): Promise<void> => {
  const [a, b] = await withSource(options, deps, async (source) => {
    const state = await stateNow(source, options, deps)
    const side = (text: string) => sideOf(source, state, text)
    // With one side, it is what would come, or what was: the one in force stands on the other.
    if (after !== undefined) return [await side(before), await side(after)]
    const isVersion = /^\d+$/.test(before)
    const current = state.configuration.current
    return isVersion ? [await side(before), current] : [current, await side(before)]
  })
  if (b === null)
    throw new CommandFailed(exitCode.failed, 'no configuration is in force yet', 'baton config apply FILE')
  const diff = diffConfiguration(a, b)
  if (options.json) return await printJson(deps, diff)
  await deps.print(`${diffLines(diff, deps).join('\n')}\n`)
}

const sideOf = async (source: LogSource, state: State, text: string): Promise<Configuration> =>
  /^\d+$/.test(text)
    ? (await versionOf(source, state, numberOf(text))).configuration
    : (await checkFile(text)).configuration

type Diff = ReturnType<typeof diffConfiguration>

/** What changes, what that stops, and what cannot be. */
export const diffLines = ({ changes, restarts, stops, refused }: Diff, { colours }: Deps): readonly string[] => {
  const { bold, red, yellow } = colours
  const where = (onlyOn: readonly string[] | null) =>
    onlyOn === null ? '' : ` (only where it runs on ${onlyOn.join(', ')})`
  const section = (title: string, lines: readonly string[]) => (lines.length === 0 ? [] : [bold(title), ...lines])
  return [
    ...(changes.length === 0 ? ['nothing differs'] : changes.map(changeLine(colours))),
    ...section(
      'These groups would restart:',
      restarts.map(({ group, because, onlyOn }) => yellow(`  ${group}: ${because}${where(onlyOn)}`)),
    ),
    ...section(
      'These groups would stop:',
      stops.map(({ group, because, onlyOn }) => red(`  ${group}: ${because}${where(onlyOn)}`)),
    ),
    ...section(
      'This cannot be applied while the cluster runs:',
      refused.map(({ path, because, remedy }) => red(`  ${path}: ${because}; ${remedy}`)),
    ),
  ]
}
