/** `baton why GROUP`: the causal chain from root cause to outcome. */
import type { Recorded } from '../events/index.ts'
import type { State } from '../projections/state.ts'
import type { Story } from '../projections/story.ts'
import { agentStatus } from './agent-client.ts'
import { type AddCommands, CommandFailed, type Deps, exitCode } from './deps.ts'
import type { LogSource } from './log-source.ts'
import { groupNamed } from './names.ts'
import { atOf, examples, printJson, type ReadOptions, reading, withSource, zoneOf } from './options.ts'
import type { At } from './times.ts'

type WhyOptions = ReadOptions & { readonly at?: string }

/** Commits that are kept while reading on: the story of a group is rarely longer. */
const windowCommits = 10_000

export const addWhy: AddCommands = (program, deps) => {
  const why = program
    .command('why <group>')
    .summary('why a group is where it is: from root cause to outcome')
    .description(
      'Prints the causal chain of a group: from its root cause, over every decision and the values that decided it, to the outcome.',
    )
    .option('--at <time|sequence>', 'as of then')
  examples(
    reading(why, deps),
    'baton why web',
    'baton why web --at "2026-01-02 03:04:05"',
    'baton why web --at -2h',
    'baton why web --file incident.log --utc',
  ).action(async (name: string, options: WhyOptions) => {
    const at = atOf(options.at, options, deps)
    const story = await withSource(options, deps, (source) => storyFrom(source, { name, at, options }, deps))
    if (options.json) return await printJson(deps, story)
    const { storyLines } = await import('./why-lines.ts')
    const look = { colours: deps.colours, zone: zoneOf(options, deps) }
    await deps.print(`${storyLines(story, look).join('\n')}\n`)
  })
}

type Wish = { readonly name: string; readonly at: At | null; readonly options: ReadOptions }

const storyFrom = async (source: LogSource, { name, at, options }: Wish, deps: Deps): Promise<Story> => {
  const { tellStory } = await import('../projections/story.ts')
  const group = groupNamed(name)
  const { state, window } = await stateAndWindow(source, at, options, deps)
  let commits = window
  for (let size = windowCommits; ; size *= 4) {
    const telling = tellStory(state, commits, group)
    if ('story' in telling) return telling.story
    if ('unknown' in telling) throw new CommandFailed(exitCode.usage, telling.unknown)
    const wanted = Math.min(telling.needs - 1, epochOf(state, name) - 1, state.position.sequence - size)
    const earlier = await commitsAfter(source, Math.max(0, wanted), state)
    if (earlier[0]?.position.sequence === commits[0]?.position.sequence)
      throw new CommandFailed(exitCode.failed, `${source.name} begins after the cause`, 'export the whole log')
    commits = earlier
  }
}

/** The story goes back at least to where the group was given to its owner. */
const epochOf = (state: State, name: string): number => {
  const ownership = state.groups[name]?.ownership
  return ownership?.status === 'assigned' ? ownership.epoch : state.position.sequence
}

const stateAndWindow = async (
  source: LogSource,
  at: At | null,
  options: ReadOptions,
  deps: Deps,
): Promise<{ state: State; window: readonly Recorded[] }> => {
  if (at === null && options.file === undefined) {
    const { state } = await agentStatus(options.state, deps.signal)
    return { state, window: await commitsAfter(source, Math.max(0, state.position.sequence - windowCommits), state) }
  }
  const { replay } = await import('./log-source.ts')
  let window: Recorded[] = []
  const state = await replay(source, at, (batch) => {
    window.push(...batch.map(withoutBytes))
    if (window.length > 2 * windowCommits) window = window.slice(-windowCommits)
  })
  return { state, window }
}

/** Those up to where the state is. */
const commitsAfter = async (source: LogSource, after: number, state: State): Promise<readonly Recorded[]> => {
  const { readUntil } = await import('./log-source.ts')
  const commits: Recorded[] = []
  for await (const batch of readUntil(source, after, { kind: 'sequence', sequence: state.position.sequence }))
    commits.push(...batch.map(withoutBytes))
  return commits
}

/** Many are held at once, and nobody looks at their bytes any more. */
const withoutBytes = (recorded: Recorded): Recorded => ({ ...recorded, bytes: '' })
