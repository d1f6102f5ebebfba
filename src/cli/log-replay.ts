/** `baton log replay`: the cluster as it was, and what differs between two moments (X2). */
import { diffStates, type StateChange } from '../projections/state-diff.ts'
import { CommandFailed, type Deps, exitCode } from './deps.ts'
import type { ReplayOptions } from './log.ts'
import { replay } from './log-source.ts'
import { printJson, withSource, zoneOf } from './options.ts'
import { statusLines } from './status-lines.ts'
import { type At, formatTime, parseAt } from './times.ts'

export const replayLog = async (options: ReplayOptions, deps: Deps): Promise<void> => {
  if (options.diff !== undefined) return await replayDiff(options.diff, options, deps)
  const at = options.at === undefined ? null : momentOf(options.at, options, deps)
  await withSource(options, deps, async (source) => {
    const state = await replay(source, at)
    if (options.json) return await printJson(deps, state)
    const zone = zoneOf(options, deps)
    // Durations are as they were then.
    const look = { colours: deps.colours, zone, now: at?.kind === 'time' ? at.time : state.at }
    const head = `the cluster at sequence ${state.position.sequence}, ${formatTime(state.at, zone)}`
    const [, ...rest] = statusLines({ from: 'file', name: source.name, state }, look)
    await deps.print(`${[`cluster ${state.cluster.name}: ${head}`, ...rest].join('\n')}\n`)
  })
}

const momentOf = (text: string, options: ReplayOptions, deps: Deps): At =>
  parseAt(text, zoneOf(options, deps), deps.now())

const replayDiff = async (moments: readonly string[], options: ReplayOptions, deps: Deps): Promise<void> => {
  const [first, second, ...others] = moments
  if (first === undefined || second === undefined || others.length > 0)
    throw new CommandFailed(exitCode.usage, '--diff takes two moments', 'baton log replay --diff 1000 1043')
  const [a, b] = [momentOf(first, options, deps), momentOf(second, options, deps)]
  await withSource(options, deps, async (source) => {
    const before = await replay(source, a)
    const after = await replay(source, b)
    const changes = diffStates(before, after)
    const between = { before: before.position.sequence, after: after.position.sequence, changes }
    if (options.json) return await printJson(deps, between)
    await deps.print(`${diffLines(between, options, deps).join('\n')}\n`)
  })
}

type Between = { readonly before: number; readonly after: number; readonly changes: readonly StateChange[] }

const diffLines = ({ before, after, changes }: Between, options: ReplayOptions, deps: Deps): readonly string[] => {
  const zone = zoneOf(options, deps)
  const timed = (value: unknown) => (typeof value === 'number' && value > 0 ? formatTime(value, zone) : value)
  const readable = changes.map((change) =>
    change.path.endsWith('.since') ? { ...change, before: timed(change.before), after: timed(change.after) } : change,
  )
  return [
    deps.colours.bold(`from sequence ${before} to ${after}`),
    ...(readable.length === 0 ? ['  nothing differs'] : readable.map(changeLine(deps.colours))),
  ]
}

/** `+ path: value`, `- path: value`, `~ path: before → after`. */
export const changeLine =
  ({ green, red, yellow }: Deps['colours']) =>
  ({ path, before, after }: StateChange): string => {
    if (before === undefined) return green(`  + ${path}: ${short(after)}`)
    if (after === undefined) return red(`  - ${path}: ${short(before)}`)
    return yellow(`  ~ ${path}: ${short(before)} → ${short(after)}`)
  }

const longestValue = 160

const short = (value: unknown): string => {
  const text = typeof value === 'string' && value !== '' ? value : (JSON.stringify(value) ?? 'nothing')
  const line = text.replaceAll('\n', '⏎')
  return line.length <= longestValue ? line : `${line.slice(0, longestValue)}…`
}
