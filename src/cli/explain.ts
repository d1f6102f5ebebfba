/** `baton group explain`: where a group would go now, with a verdict for every server of its list. */
import { placeGroup } from '../decisions/place-group.ts'
import type { GroupName } from '../events/index.ts'
import { headlineOf } from '../projections/overview.ts'
import type { State } from '../projections/state.ts'
import { agentStatus } from './agent-client.ts'
import { CommandFailed, type Deps, exitCode } from './deps.ts'
import { replay } from './log-source.ts'
import { printJson, type ReadOptions, withSource, zoneOf } from './options.ts'
import { sayOutOfTouch } from './out-of-touch.ts'
import { reachableOf } from './reachable.ts'
import { indent, row, table } from './table.ts'
import { formatTime } from './times.ts'

type Known = { readonly state: State; readonly reachable: ReadonlySet<string> }

export const explainGroup = async (name: GroupName, options: ReadOptions, deps: Deps): Promise<void> => {
  const { state, reachable } = await known(options, deps)
  const group = state.groups[name]
  if (!group || !Object.hasOwn(state.groups, name))
    throw new CommandFailed(
      exitCode.usage,
      `there is no group ${name}`,
      `one of: ${Object.keys(state.groups).join(', ') || 'none'}`,
    )
  const owner = group.ownership.status === 'assigned' ? group.ownership.server : null
  const avoid = owner === null ? {} : { [owner]: 'it runs there now' }
  const { chosen, verdicts } = placeGroup(state, name, { reachable, avoid })
  const { headline, since } = headlineOf(state, name)
  if (options.json) return await printJson(deps, { group: name, headline, owner, chosen, verdicts })
  const { green, red, dim, bold } = deps.colours
  const paint = { chosen: green, fit: dim, unfit: red }
  const ifLeaving = owner === null ? 'If it were to start now' : `If it had to leave ${owner} now`
  const lines = [
    `${bold(headline)}, since ${formatTime(since, zoneOf(options, deps))}`,
    `${ifLeaving}: ${chosen === null ? red('no server fits') : `it would go to ${green(chosen)}`}`,
    ...indent(table(verdicts.map(({ server, fit, because }) => row(server, paint[fit](fit), because)))),
  ]
  await deps.print(`${lines.join('\n')}\n`)
}

/** Reachable: what the agent hears; of a file, the servers that were up. */
const known = async (options: ReadOptions, deps: Deps): Promise<Known> => {
  if (options.file !== undefined) {
    const state = await withSource(options, deps, (source) => replay(source, null))
    const up = Object.values(state.servers.byName).filter(({ status }) => status === 'up')
    return { state, reachable: new Set(up.map(({ name }) => name)) }
  }
  const status = await agentStatus(options.state, deps.signal)
  sayOutOfTouch(status, deps)
  return { state: status.state, reachable: reachableOf(status) }
}
