/** `baton status`: everything at a glance, from any server, also without quorum or agent. */
import { hash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { State } from '../projections/state.ts'
import { agentStatus } from './agent-client.ts'
import { type AddCommands, CommandFailed, type Deps, exitCode } from './deps.ts'
import { examples, printJson, type ReadOptions, reading, withSource, zoneOf } from './options.ts'
import { type Known, statusLines } from './status-lines.ts'
import { pathLines, pathRows } from './status-paths.ts'
import { foldTo } from './table.ts'

type StatusOptions = ReadOptions & { readonly watch?: boolean; readonly paths?: boolean }

/** Between two looks of `--watch`: often enough to see a takeover happen. */
const watchMs = 500

export const addStatus: AddCommands = (program, deps) => {
  const status = program
    .command('status')
    .summary('everything at a glance')
    .description(
      'Shows the cluster, its servers, groups and monitors, as this server knows them and how old that is. Works without quorum; without an agent it shows the last snapshot.',
    )
    .option('--paths', 'every heartbeat path: when it was heard last, how long answers take, late beats')
    .option('-w, --watch', 'show it again whenever it changes, until Ctrl-C')
  examples(
    reading(status, deps),
    'baton status',
    'baton status --watch',
    'baton status --paths',
    'baton status --json | jq .state.groups.web.ownership',
    'baton status --file incident.log',
  ).action(async (options: StatusOptions) => {
    if (options.paths) await showPaths(options, deps)
    else if (options.watch) await watch(options, deps)
    else await show(await look(options, deps), options, deps)
  })
}

const look = async (options: ReadOptions, deps: Deps): Promise<Known> => {
  if (options.file !== undefined)
    return await withSource(options, deps, async (source) => {
      const { replay } = await import('./log-source.ts')
      return { from: 'file', name: source.name, state: await replay(source, null) }
    })
  try {
    const status = await agentStatus(options.state, deps.signal)
    return { from: 'agent', status, state: status.state }
  } catch (error) {
    if (!(error instanceof CommandFailed) || error.code !== exitCode.unreachable) throw error
    const path = join(options.state, 'snapshot.json')
    const state = await snapshotOf(path)
    if (state === null) throw error
    return { from: 'snapshot', name: path, state }
  }
}

/** Only an agent knows: what is heard is not on the log. */
const showPaths = async (options: ReadOptions, deps: Deps): Promise<void> => {
  if (options.file !== undefined)
    throw new CommandFailed(
      exitCode.usage,
      '--paths with --file: what is heard is not on the log',
      'leave one of them out; `baton alerts --file` tells which paths were lost',
    )
  const status = await agentStatus(options.state, deps.signal)
  const paths = pathRows(status)
  if (options.json) await printJson(deps, paths)
  else await deps.print(`${pathLines(status, paths, deps.colours).join('\n')}\n`)
}

/** What the agent wrote last; null when there is none that can be read. */
export const snapshotOf = async (path: string): Promise<State | null> => {
  try {
    const snapshot: unknown = JSON.parse(await readFile(path, 'utf8'))
    if (!isSnapshot(snapshot) || hash('sha256', snapshot.state, 'base64url') !== snapshot.digest) return null
    const state: unknown = JSON.parse(snapshot.state)
    return isState(state) ? state : null
  } catch {
    return null
  }
}
const isSnapshot = (snapshot: unknown): snapshot is { readonly state: string; readonly digest: string } =>
  typeof snapshot === 'object' &&
  snapshot !== null &&
  'digest' in snapshot &&
  'state' in snapshot &&
  typeof snapshot.state === 'string'
/** Enough, since its digest holds: an agent wrote it. */
const isState = (state: unknown): state is State =>
  typeof state === 'object' && state !== null && 'position' in state && 'groups' in state && 'servers' in state

const show = async (known: Known, options: ReadOptions, deps: Deps): Promise<void> => {
  if (options.json) {
    const { from, state } = known
    const ageMs = deps.now() - state.at
    await printJson(deps, from === 'agent' ? { from, ...known.status } : { from, name: known.name, ageMs, state })
    return
  }
  await deps.print(`${linesOf(known, options, deps).join('\n')}\n`)
}

const linesOf = (known: Known, options: ReadOptions, deps: Deps): readonly string[] =>
  statusLines(known, { colours: deps.colours, zone: zoneOf(options, deps), now: deps.now() })

/** On a terminal it is drawn over; elsewhere it is printed again when its sequence or the agent's view has changed. */
const watch = async (options: ReadOptions, deps: Deps): Promise<void> => {
  let printed = ''
  if (deps.isTerminal) await deps.print('\u001b[?25l\u001b[2J')
  try {
    while (!deps.signal.aborted) {
      const known = await lookOrSay(options, deps)
      if (deps.isTerminal) await redraw(known, options, deps)
      else {
        const key = typeof known === 'string' ? known : `${known.from} ${known.state.position.sequence}`
        if (key !== printed) await (typeof known === 'string' ? deps.print(`${known}\n`) : show(known, options, deps))
        printed = key
      }
      await pause(watchMs, deps.signal)
    }
  } finally {
    if (deps.isTerminal) await deps.print('\u001b[?25h')
  }
}

/** A watch outlives an agent that restarts. */
const lookOrSay = async (options: ReadOptions, deps: Deps): Promise<Known | string> => {
  try {
    return await look(options, deps)
  } catch (error) {
    if (deps.signal.aborted) return ''
    if (error instanceof CommandFailed && error.code === exitCode.unreachable) return error.message
    throw error
  }
}

const redraw = async (known: Known | string, options: ReadOptions, deps: Deps): Promise<void> => {
  const { columns, rows } = deps.size()
  const lines = typeof known === 'string' ? [deps.colours.red(known)] : linesOf(known, options, deps)
  const folded = lines.flatMap((line) => foldTo(line, columns))
  const shown = folded.slice(0, rows - 1).map((line) => `${line}\u001b[K`)
  if (!deps.signal.aborted) await deps.print(`\u001b[H${shown.join('\n')}\n\u001b[J`)
}

const pause = async (ms: number, signal: AbortSignal): Promise<void> => {
  const { setTimeout: wait } = await import('node:timers/promises')
  await wait(ms, undefined, { signal }).catch(() => {})
}
