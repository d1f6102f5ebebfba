/** Puts on the log what became of this server's groups: outcomes of resources, groups complete or stopped. */
import { type Decision, type Facts, isOwned } from '../decisions/decision.ts'
import { bytesOf } from '../decisions/embed-scripts.ts'
import { isAllOff, type Observed } from '../decisions/plan.ts'
import { isStopComplete, reportOnline, reportStopped } from '../decisions/report-group.ts'
import type { Epoch, Event, GroupName, Sequence, ServerName } from '../events/index.ts'
import type { State } from '../projections/state.ts'
import type { World } from '../world/world.ts'
import type { Recorder } from './log/recorder.ts'
import type { ResourceRunner } from './resource-runner.ts'

export type ReporterParts = {
  readonly me: ServerName
  readonly recorder: Recorder
  readonly runner: ResourceRunner
  /** Resolves once the epoch is on disk as stopped. */
  readonly stopEpoch: (group: GroupName, epoch: Epoch) => Promise<void>
  readonly facts: () => Facts
  readonly clock: World['clock']
  /** For how long the group has been in that phase, in ms; 0 when it is not. */
  readonly phaseMs: (group: GroupName, phase: 'starting' | 'stopping') => number
  readonly say: (what: string, fields: Readonly<Record<string, unknown>>) => void
  readonly wake: () => void
}

export type GroupReporter = {
  /** Something to put on the log with the next report. */
  readonly note: (event: Event) => void
  readonly report: (state: State) => void
}

/** A disk that refuses a write is not mended sooner. */
const writeAgainMs = 1000
/** What waits for a log that cannot be written; what comes beyond is lost: by then there is enough to explain. */
const mostNotes = 1000

/** In one commit, of what waits: half of what the log takes, for the rest of the commit has to fit in too. */
const mostBytes = 128 * 1024

type Material = {
  readonly state: State
  readonly observed: Observed
  readonly outbox: readonly Event[]
  readonly notes: readonly Event[]
}

export const groupReporter = (parts: ReporterParts): GroupReporter => {
  const { recorder, runner, say, wake, clock } = parts
  let notes: readonly Event[] = []
  const epochsBeingStopped = new Set<Epoch>()

  /** What there was nothing to tell of. */
  let empty: Material | null = null
  const isKnownEmpty = (state: State): boolean =>
    empty?.state === state &&
    empty.observed === runner.observed() &&
    empty.outbox === runner.outbox() &&
    empty.notes === notes

  const reportOutcomes = (state: State): void => {
    const key = 'report outcomes'
    if (recorder.isPending(key) || isKnownEmpty(state)) return
    if (outcomesOf(state, parts, notes).decision === null) {
      empty = { state, observed: runner.observed(), outbox: runner.outbox(), notes }
      return
    }
    let told = { outcomes: 0, notes: 0 }
    const decide = (newest: State) => {
      const outcomes = outcomesOf(newest, parts, notes)
      told = outcomes.told
      return outcomes.decision
    }
    void recorder.submit(key, decide).then(({ answer }) => {
      if (answer === 'recorded') {
        runner.recorded(told.outcomes)
        notes = notes.slice(told.notes)
        // The rest, once this report is over.
        if (runner.outbox().length + notes.length > 0) clock.after(0, wake)
      }
      wake()
    })
  }

  const reportStops = (state: State): void => {
    for (const group of Object.values(state.groups)) {
      const { name } = group
      if (!isOwned(group) || !owns(state, name, parts.me) || !isStopComplete(state, name, runner.observed())) continue
      const { epoch } = group.ownership
      const key = `stopped ${name} ${epoch}`
      if (epochsBeingStopped.has(epoch) || recorder.isPending(key)) continue
      epochsBeingStopped.add(epoch)
      const done = () => {
        epochsBeingStopped.delete(epoch)
        wake()
      }
      void reportStop(parts, name, epoch).then(done, (trouble: unknown) => {
        say('a stop could not be written down', { group: name, trouble: String(trouble) })
        clock.after(writeAgainMs, done)
      })
    }
  }

  return {
    note: (event) => {
      if (notes.length < mostNotes) notes = [...notes, event]
    },
    report: (state) => {
      reportOutcomes(state)
      reportStops(state)
    },
  }
}

/** Rule 7d: the epoch is on disk as stopped before anybody is told so; rule 8: only then the next owner is named. */
const reportStop = async (parts: ReporterParts, name: GroupName, epoch: Epoch): Promise<void> => {
  const { recorder, runner, facts, phaseMs } = parts
  let told = 0
  const decide = (newest: State): Decision | null => {
    const durationMs = Math.round(phaseMs(name, 'stopping'))
    const stopped = isAllOff(name, runner.observed()) ? reportStopped(newest, name, facts(), durationMs) : null
    if (stopped === null) return null
    // What does not fit in is told afterwards: nobody waits for it, but for the group somebody does.
    const outcomes = fitting(runner.outbox())
    told = outcomes.length
    const [first = stopped.events[0], ...others] = [...outcomes, ...stopped.events]
    return { ...stopped, events: [first, ...others] }
  }
  await parts.stopEpoch(name, epoch)
  const { answer } = await recorder.submit(`stopped ${name} ${epoch}`, decide)
  if (answer === 'recorded') runner.recorded(told)
}

type Outcomes = {
  readonly decision: Decision | null
  /** How many of each are in it, the oldest. */
  readonly told: { readonly outcomes: number; readonly notes: number }
}

/** Outcomes of resources, and groups that are complete by them, in one commit; so many as fit, the rest is told after it. */
const outcomesOf = (state: State, parts: ReporterParts, notes: readonly Event[]): Outcomes => {
  const waiting = [...notes, ...parts.runner.outbox()]
  const fit = fitting(waiting)
  const [first, ...others] = fit.length < waiting.length ? fit : [...fit, ...completeBy(state, parts)]
  const told = { outcomes: Math.max(0, fit.length - notes.length), notes: Math.min(fit.length, notes.length) }
  const decision = first ? { events: [first, ...others] as const, because: {}, causedBy: causeOf(state, first) } : null
  return { decision, told }
}

const completeBy = (state: State, { me, runner, phaseMs }: ReporterParts): readonly Event[] =>
  Object.values(state.groups).flatMap(({ name }) => {
    const durationMs = Math.round(phaseMs(name, 'starting'))
    return owns(state, name, me) ? (reportOnline(state, name, runner.observed(), durationMs)?.events ?? []) : []
  })

/** The oldest, as many as one commit takes; at least one. */
const fitting = (events: readonly Event[]): readonly Event[] => {
  let bytes = 0
  const end = events.findIndex((event, at) => {
    bytes += bytesOf(JSON.stringify(event))
    return at > 0 && bytes > mostBytes
  })
  return end < 0 ? events : events.slice(0, end)
}

const owns = (state: State, name: GroupName, me: ServerName): boolean => {
  const group = state.groups[name]
  return group !== undefined && isOwned(group) && group.ownership.server === me
}

/** What ordered the thing that an outcome is the outcome of. */
const causeOf = (state: State, { data }: Event): Sequence | null => {
  if (!('group' in data) || data.group === null) return null
  const group = state.groups[data.group]
  if (!group || !isOwned(group)) return null
  const restart = 'resource' in data ? group.ownership.resources[data.resource]?.restart : null
  return restart ?? group.ownership.orderedBy
}
