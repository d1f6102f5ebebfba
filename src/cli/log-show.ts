/** `baton log show` and `follow`. */
import { type Event, isEventType, type Recorded } from '../events/index.ts'
import { becauseInWords } from '../projections/story-words.ts'
import { describeEvent } from '../projections/words.ts'
import { agentStatus } from './agent-client.ts'
import { countOf } from './alerts.ts'
import { CommandFailed, type Deps, exitCode } from './deps.ts'
import type { ShowOptions } from './log.ts'
import { followAgent, type LogSource, readUntil } from './log-source.ts'
import { atOf, withSource, zoneOf } from './options.ts'
import type { At } from './times.ts'
import { formatTime } from './times.ts'

export const showLog = async (options: ShowOptions, deps: Deps): Promise<void> => {
  mustKnow(options.type)
  const from = atOf(options.from, options, deps)
  const to = atOf(options.to, options, deps)
  await withSource(options, deps, async (source) => {
    let found = 0
    for await (const batch of from === null
      ? [await latestOf(source, { ...options, to }, deps)]
      : wantedFrom(source, { ...options, from, to })) {
      found += batch.length
      await printAll(batch, options, deps)
    }
    if (found === 0) deps.complain('no such commit on the log\n')
  })
}

async function* wantedFrom(
  source: LogSource,
  options: Pick<ShowOptions, 'group' | 'type'> & { readonly from: At; readonly to: At | null },
): AsyncGenerator<readonly Recorded[]> {
  const { from, to } = options
  const after = from.kind === 'sequence' ? Math.max(0, from.sequence - 1) : 0
  for await (const batch of readUntil(source, after, to))
    yield batch.filter((one) => isFrom(one, from) && isWanted(one, options))
}

/** A misspelt type would show nothing, as if nothing had happened. */
const mustKnow = (type: string | undefined): void => {
  if (type === undefined || isEventType(type)) return
  throw new CommandFailed(
    exitCode.usage,
    `"${type}" is no event`,
    'for example GroupAssigned; `baton log show --json` has them all',
  )
}

const isFrom = ({ position, commit }: Recorded, from: At): boolean =>
  from.kind === 'sequence' ? position.sequence >= from.sequence : commit.at >= from.time

/** The latest that are wanted. Of an agent's log only the end is read where no filter asks for more. */
const latestOf = async (
  source: LogSource,
  options: Omit<ShowOptions, 'to'> & { readonly to: At | null },
  deps: Deps,
): Promise<readonly Recorded[]> => {
  const count = countOf(options.last)
  const isPlain = options.file === undefined && options.to === null && !options.group && !options.type
  const last = isPlain ? (await agentStatus(options.state, deps.signal)).knowledge.sequence : 0
  let latest: Recorded[] = []
  for await (const batch of readUntil(source, Math.max(0, last - count), options.to)) {
    latest.push(...batch.filter((one) => isWanted(one, options)))
    if (latest.length > 2 * count) latest = latest.slice(-count)
  }
  return latest.slice(-count)
}

export const followLog = async (options: ShowOptions, deps: Deps): Promise<void> => {
  mustKnow(options.type)
  await withSource(options, deps, async (source) => {
    const latest = await latestOf(source, { ...options, to: null }, deps)
    await printAll(latest, options, deps)
    const shown = latest.at(-1)?.position.sequence
    const after = shown ?? (await agentStatus(options.state, deps.signal)).knowledge.sequence
    for await (const batch of followAgent(options.state, after, deps.signal))
      await printAll(
        batch.filter((one) => isWanted(one, options)),
        options,
        deps,
      )
  })
}

const isWanted = ({ commit }: Recorded, { group, type }: Pick<ShowOptions, 'group' | 'type'>): boolean =>
  commit.events.some((event) => (group === undefined || isAbout(event, group)) && (!type || event.type === type))

const isAbout = (event: Event, group: string): boolean => {
  if ('group' in event.data) return event.data.group === group
  return event.type === 'OperationRequested' && 'group' in event.data.command && event.data.command.group === group
}

const printAll = async (commits: readonly Recorded[], options: ShowOptions, deps: Deps): Promise<void> => {
  if (commits.length === 0) return
  const lines = commits.map((one) => (options.json ? JSON.stringify(plain(one)) : inWords(one, options, deps)))
  await deps.print(`${lines.join('\n')}\n`)
}

const plain = ({ position, previous, commit }: Recorded) => ({ ...position, previous, ...commit })

const inWords = ({ position, commit }: Recorded, options: ShowOptions, deps: Deps): string => {
  const { dim, bold } = deps.colours
  const time = formatTime(commit.at, zoneOf(options, deps))
  const margin = `${`#${position.sequence}`.padEnd(7)} ${time}  ${commit.by.replace(/^server:/, '')}  `
  const [first = '', ...others] = commit.events.map(describeEvent)
  const blank = ' '.repeat(margin.length)
  const verbose = options.verbose
    ? [
        ...(commit.causedBy === null ? [] : [`caused by #${commit.causedBy}`]),
        ...becauseInWords(commit.events, commit.because),
      ]
    : []
  return [
    dim(margin) + (commit.causedBy === null ? bold(first) : first),
    ...others.map((sentence) => blank + sentence),
    ...verbose.map((line) => `${blank}  ${dim(line)}`),
  ].join('\n')
}
