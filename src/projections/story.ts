/** Why a group is where it is: the causal chain from its root cause to the outcome, as `baton why` tells it (X1). */
import {
  type Author,
  type Event,
  type GroupName,
  type Recorded,
  type Sequence,
  sequence as sequenceOf,
  type WallTime,
} from '../events/index.ts'
import { headlineOf } from './overview.ts'
import type { State } from './state.ts'
import { chainOf, endOf, type Relevant, relevantTo, turningPointOf } from './story-chain.ts'
import { becauseInWords } from './story-words.ts'
import { durationInWords } from './wording.ts'
import { describeEvent } from './words.ts'

/** One commit of the chain, as far as it is about the group. */
export type Step = {
  readonly sequence: Sequence
  readonly at: WallTime
  /** By the clocks of those who wrote, so it may be off by their difference. */
  readonly sinceRootMs: number
  readonly by: Author
  readonly causedBy: Sequence | null
  readonly kind: StepKind
  /** A sentence an event. */
  readonly what: readonly string[]
  /** The inputs of the decision that mattered: a line a value. */
  readonly because: readonly string[]
}
export type StepKind = 'cause' | 'decision' | 'progress' | 'trouble' | 'non-action' | 'outcome'

export type Story = {
  readonly group: GroupName
  /** What is so now: `web is online on s2 since …` without the time. */
  readonly headline: string
  readonly since: WallTime
  /** From the root cause to the outcome; empty when the group was never started. */
  readonly steps: readonly Step[]
  /** Left out in the middle of `steps`, after the one at `mostSteps / 2`. */
  readonly omittedSteps: number
  /** From the root cause to the outcome; null while it is under way. */
  readonly elapsedMs: number | null
  /** What happened to the group after that and did not move it. */
  readonly later: readonly Step[]
  /** Older ones of `later` that were left out. */
  readonly omitted: number
}
export type Telling =
  | { readonly story: Story }
  /** The chain goes back further than the commits given: they must begin at `needs` or before. */
  | { readonly needs: Sequence }
  | { readonly unknown: string }

export { describeEvent } from './words.ts'

/** More than this is not read at a glance; `baton log show` has it. */
const mostLater = 30
export const mostSteps = 200

/** `commits`: consecutive, up to and with the one at the position of `state`. */
export const tellStory = (state: State, commits: readonly Recorded[], group: GroupName): Telling => {
  const now = Object.hasOwn(state.groups, group) ? state.groups[group] : undefined
  if (!now) return { unknown: unknownGroup(state, group) }
  const relevant = relevantTo(state, commits, group)
  const first = commits[0]?.position.sequence ?? 1
  const turningPoint = turningPointOf(relevant)
  if (turningPoint === null && first > 1) return { needs: sequenceOf(first - 1) }
  const chain = chainOf(relevant, turningPoint)
  if ('needs' in chain) return chain
  const { root, members } = chain
  const end = turningPoint === null ? null : endOf(relevant, turningPoint)
  const isMain = (sequence: number) =>
    turningPoint !== null &&
    sequence >= root &&
    (members.has(sequence) || sequence <= (end ?? Number.POSITIVE_INFINITY))
  const rootAt = relevant.commits.get(root)?.commit.at ?? state.at
  const touching = [...relevant.touching.union(members)].toSorted((a, b) => a - b)
  const told = touching.map((sequence) => stepOf(relevant, sequence, { rootAt, root, end }))
  const shown = withoutStarts(told.filter((one) => one !== null))
  const steps = shown.filter(({ step }) => isMain(step.sequence)).map(({ step }) => step)
  const later = shown.filter(({ step }) => step.sequence > root && !isMain(step.sequence)).map(({ step }) => step)
  const endedAt = end === null ? undefined : relevant.commits.get(end)?.commit.at
  return {
    story: {
      group,
      ...headlineOf(state, group),
      steps: steps.length <= mostSteps ? steps : [...steps.slice(0, mostSteps / 2), ...steps.slice(-mostSteps / 2)],
      omittedSteps: Math.max(0, steps.length - mostSteps),
      elapsedMs: endedAt === undefined ? null : endedAt - rootAt,
      later: later.slice(-mostLater),
      omitted: Math.max(0, later.length - mostLater),
    },
  }
}

const unknownGroup = (state: State, group: string): string => {
  const known = Object.keys(state.groups)
  const names = known.length === 0 ? 'there is none' : `one of: ${known.join(', ')}`
  return `there is no group ${group} at sequence ${state.position.sequence}: ${names}`
}

type Told = { readonly step: Step; readonly events: readonly Event[] }

const stepOf = (
  { commits, eventsAt }: Relevant,
  sequence: number,
  story: { readonly rootAt: WallTime; readonly root: number; readonly end: number | null },
): Told | null => {
  const recorded = commits.get(sequence)
  const events = eventsAt(sequence)
  if (!recorded || events.length === 0) return null
  const { commit, position } = recorded
  const step: Step = {
    sequence: position.sequence,
    at: commit.at,
    sinceRootMs: commit.at - story.rootAt,
    by: commit.by,
    causedBy: commit.causedBy,
    kind: kindOf(events, sequence, story),
    what: events.map(describeEvent),
    because: becauseInWords(events, commit.because),
  }
  return { step, events }
}

const kindOf = (
  events: readonly Event[],
  sequence: number,
  { root, end }: { readonly root: number; readonly end: number | null },
): StepKind => {
  const has = (...types: readonly Event['type'][]) => events.some(({ type }) => types.includes(type))
  if (has('FencingFailed')) return 'trouble'
  if (has('GroupFailed', 'ActivationFailed', 'DeactivationFailed', 'ResourceLost') && sequence !== root)
    return 'trouble'
  if (has('FailoverSuppressed', 'RecoverySuppressed', 'OperationRefused', 'GroupWaiting')) return 'non-action'
  if (sequence === end) return 'outcome'
  if (sequence === root) return 'cause'
  return has('GroupAssigned', 'GroupStopping', 'ServerDeclaredDown', 'RecoveryStarted', 'FencingRequested')
    ? 'decision'
    : 'progress'
}

/** The start of what has ended says nothing that its end, with its duration, does not. */
const withoutStarts = (told: readonly Told[]): readonly Told[] => {
  const ended = new Set<string>()
  const kept: Told[] = []
  for (const one of told.toReversed()) {
    const events = one.events.filter((event) => {
      if (event.type === 'ActivationStarted' || event.type === 'DeactivationStarted')
        return !ended.delete(keyOf(event.type === 'ActivationStarted', event.data))
      if (event.type === 'ResourceActivated' || event.type === 'ActivationFailed') ended.add(keyOf(true, event.data))
      if (event.type === 'ResourceDeactivated' || event.type === 'DeactivationFailed')
        ended.add(keyOf(false, event.data))
      return true
    })
    if (events.length > 0) kept.push({ events, step: { ...one.step, what: events.map(describeEvent) } })
  }
  return kept.toReversed()
}

type Activation = { readonly resource: string; readonly epoch: number }
const keyOf = (isActivation: boolean, { resource, epoch }: Activation): string =>
  `${isActivation ? 'on' : 'off'} ${resource} ${epoch}`

/** `after 1.25 s`, or that it goes on. */
export const elapsedInWords = ({ elapsedMs }: Pick<Story, 'elapsedMs'>): string =>
  elapsedMs === null ? 'still under way' : `${durationInWords(Math.max(0, elapsedMs))} from cause to outcome`
