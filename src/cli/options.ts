/** Options that several commands share, and what they mean. */
import type { Command } from 'commander'
import type { Deps } from './deps.ts'
import type { LogSource } from './log-source.ts'
import { type At, parseAt, type Zone } from './times.ts'

export type StateOption = { readonly state: string }
export type ReadOptions = StateOption & { readonly json?: boolean; readonly utc?: boolean; readonly file?: string }

export const withState = (command: Command, deps: Deps): Command =>
  command.option('--state <dir>', "the agent's state directory (BATON_STATE)", deps.defaultState)

/** Commands that read: `--json`, `--utc`, and a file instead of the agent. */
export const reading = (command: Command, deps: Deps): Command =>
  printing(withState(command, deps).option('--file <file>', 'read an exported log instead of asking the agent'))

export const printing = (command: Command): Command =>
  command.option('--json', 'print JSON').option('--utc', 'times in UTC instead of local time')

export const zoneOf = ({ utc }: ReadOptions, deps: Deps): Zone => ({ isUtc: utc === true, zoneMs: deps.zoneMs })

export const atOf = (text: string | undefined, options: ReadOptions, deps: Deps): At | null =>
  text === undefined ? null : parseAt(text, zoneOf(options, deps), deps.now())

/** The file or the agent, which may be cut off; what reads it says whose damage it is. */
export const withSource = async <T>(
  { file, state }: ReadOptions,
  deps: Deps,
  use: (source: LogSource) => Promise<T>,
): Promise<T> => {
  const { agentSource, fileSource, named } = await import('./log-source.ts')
  const source = file === undefined ? agentSource(state, deps.signal) : fileSource(file)
  if (file === undefined) await sayHowOld(state, deps)
  try {
    return await use(source)
  } catch (error) {
    throw named(source, error)
  }
}

const sayHowOld = async (state: string, deps: Deps): Promise<void> => {
  const [{ agentStatus }, { sayOutOfTouch }] = await Promise.all([
    import('./agent-client.ts'),
    import('./out-of-touch.ts'),
  ])
  sayOutOfTouch(await agentStatus(state, deps.signal), deps)
}

export const printJson = async (deps: Deps, value: unknown): Promise<void> =>
  await deps.print(`${JSON.stringify(value, null, 2)}\n`)

export const examples = (command: Command, ...lines: readonly string[]): Command =>
  command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`)
