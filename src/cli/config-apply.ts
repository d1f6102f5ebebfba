/** `baton config check`, `apply`, `rollback`. */
import { refusedNow } from '../decisions/apply-configuration.ts'
import { checkConfiguration, formatProblem } from '../decisions/check-configuration.ts'
import { diffConfiguration } from '../decisions/diff-configuration.ts'
import type { Command, Configuration } from '../events/index.ts'
import type { State } from '../projections/state.ts'
import { agentStatus } from './agent-client.ts'
import type { ApplyOptions } from './config.ts'
import { checkFile, lookAtFile } from './config-file.ts'
import { diffLines, numberOf, versionOf } from './config-read.ts'
import { CommandFailed, counted, type Deps, exitCode } from './deps.ts'
import { printJson, withSource } from './options.ts'
import { mustConfirmPossible, send } from './send.ts'

export const checkConfig = async (file: string, { json }: { readonly json?: boolean }, deps: Deps): Promise<void> => {
  if (json) return await checkAsJson(file, deps)
  const { configuration, warnings } = await checkFile(file)
  for (const warning of warnings) await deps.print(`${formatProblem(warning, file)}\n`)
  const { servers, groups, monitors } = configuration
  const content = [
    counted(servers.length, 'server'),
    counted(Object.keys(groups).length, 'group'),
    counted(Object.keys(monitors).length, 'monitor'),
  ]
  const end = warnings.length === 0 ? '' : `, ${counted(warnings.length, 'warning')}`
  await deps.print(`${file}: ${deps.colours.green('in order')}${end} (${content.join(', ')})\n`)
}

const checkAsJson = async (file: string, deps: Deps): Promise<void> => {
  const checked = await lookAtFile(file)
  if (checked.ok) {
    const { warnings, configuration } = checked.file
    return await printJson(deps, { ok: true, warnings, configuration })
  }
  await printJson(deps, checked)
  throw new CommandFailed(exitCode.usage, `${file}: ${counted(checked.problems.length, 'error')}`)
}

export const applyConfig = async (file: string, options: ApplyOptions, deps: Deps): Promise<void> => {
  const { configuration, warnings, source } = await checkFile(file)
  for (const warning of warnings) deps.complain(`${formatProblem(warning, file)}\n`)
  const { state } = await agentStatus(options.state, deps.signal)
  const command = { do: 'apply-configuration', source, note: options.note } as const
  await putInForce(state, { configuration, command }, options, deps)
}

export const rollBack = async (text: string, options: ApplyOptions, deps: Deps): Promise<void> => {
  const version = numberOf(text)
  const { state } = await agentStatus(options.state, deps.signal)
  const { source } = await withSource(options, deps, (log) => versionOf(log, state, version))
  // Checked by today's rules, like any other file.
  const checked = checkConfiguration(source)
  if (!checked.ok) {
    const problems = checked.problems.map((problem) => formatProblem(problem, `version ${version}`))
    throw new CommandFailed(exitCode.failed, [`version ${version} cannot be applied any more:`, ...problems].join('\n'))
  }
  const note = options.note === '' ? `back to version ${version}` : options.note
  const command = { do: 'apply-configuration', source, note } as const
  await putInForce(state, { configuration: checked.configuration, command }, options, deps)
}

type Next = { readonly configuration: Configuration; readonly command: Command }

/** Says what would change; where running groups would stop, asks. @throws CommandFailed */
const putInForce = async (
  state: State,
  { configuration: next, command }: Next,
  options: ApplyOptions,
  deps: Deps,
): Promise<void> => {
  const diff = diffConfiguration(state.configuration.current, next)
  const stopped = [...diff.restarts, ...diff.stops].filter((one) => isHit(state, one))
  const refused = refusedNow(state, next, diff)
  const shown = { ...diff, refused, restarts: diff.restarts.filter((one) => isHit(state, one)) }
  if (!options.json && state.configuration.current !== null) await deps.print(`${diffLines(shown, deps).join('\n')}\n`)
  if (refused.length > 0) {
    const reasons = refused.map(({ path, because }) => `${path}: ${because}`).join('; ')
    throw new CommandFailed(
      exitCode.refused,
      `refused: ${reasons}`,
      [...new Set(refused.map(({ remedy }) => remedy))].join('; '),
    )
  }
  if (stopped.length > 0) {
    const names = [...new Set(stopped.map(({ group }) => group))].join(', ')
    await mustConfirmPossible({ of: command, question: `Apply it, although this interrupts ${names}?` }, options, deps)
  }
  await send(command, options, deps)
}

/** A group that does not run, or runs elsewhere, is not interrupted. */
const isHit = (
  state: State,
  { group, onlyOn }: { readonly group: string; readonly onlyOn: readonly string[] | null },
): boolean => {
  const ownership = Object.hasOwn(state.groups, group) ? state.groups[group]?.ownership : undefined
  if (ownership?.status !== 'assigned') return false
  return onlyOn === null || onlyOn.includes(ownership.server)
}
