/** Which commits belong to the story of a group: those about it, and those that led to them. */
import { type Event, type GroupName, type Recorded, type Sequence, sequence as sequenceOf } from '../events/index.ts'
import { monitorsOf } from './configuration.ts'
import type { State } from './state.ts'

export type Relevant = {
  readonly commits: ReadonlyMap<number, Recorded>
  /** Sequences of the commits that are about the group or led to one that is, in order. */
  readonly touching: ReadonlySet<number>
  /** What of a commit is told: what is about the group, or the whole of a mere cause. */
  readonly eventsAt: (sequence: number) => readonly Event[]
  readonly group: GroupName
  readonly first: number
}

/** Of a cause that is about other things, no more than this many events are told. */
const mostForeign = 4

export const relevantTo = (state: State, commits: readonly Recorded[], group: GroupName): Relevant => {
  const bySequence = new Map<number, Recorded>(commits.map((one) => [one.position.sequence, one]))
  const isAbout = aboutness(state, commits, group)
  const about = new Map<number, readonly Event[]>()
  for (const { position, commit } of commits) {
    const events = commit.events.filter(isAbout)
    if (events.length > 0) about.set(position.sequence, events)
  }
  const touching = new Set(about.keys())
  for (const sequence of about.keys())
    for (let at = causeAt(bySequence, sequence); at !== null && !touching.has(at); at = causeAt(bySequence, at))
      if (bySequence.has(at)) touching.add(at)
  const eventsAt = (sequence: number): readonly Event[] =>
    about.get(sequence) ?? bySequence.get(sequence)?.commit.events.slice(0, mostForeign) ?? []
  return {
    commits: bySequence,
    touching: new Set([...touching].toSorted((a, b) => a - b)),
    eventsAt,
    group,
    first: commits[0]?.position.sequence ?? 1,
  }
}

const causeAt = (commits: ReadonlyMap<number, Recorded>, sequence: number): number | null =>
  commits.get(sequence)?.commit.causedBy ?? null

/** Whether an event is about the group: by its name, its monitors, its operators' requests, or what came with it. */
const aboutness = (state: State, commits: readonly Recorded[], group: GroupName): ((event: Event) => boolean) => {
  const configuration = state.configuration.current
  const monitors = new Set(
    Object.entries(configuration ? monitorsOf(configuration) : {})
      .filter(([, monitor]) => monitor.target?.group === group)
      .map(([name]) => name),
  )
  const operations = new Set<string>()
  for (const { commit } of commits)
    for (const event of commit.events)
      if (event.type === 'OperationRequested' && 'group' in event.data.command && event.data.command.group === group)
        operations.add(event.data.operation)
  const isCompanion = companionsOf(commits, group)
  const isFence = fencesOf(commits, group)
  return (event) => {
    switch (event.type) {
      case 'OperationRequested':
      case 'OperationRefused':
      case 'OperationFinished':
        return operations.has(event.data.operation) || isCompanion(event)
      case 'FencingRequested':
      case 'FencingFailed':
      case 'FencingConfirmed':
      case 'FencingConfirmedByOperator':
      case 'FencingUnneeded':
      case 'FencingForgone':
        return isFence(event.data)
      case 'MirrorBroken':
      case 'MirrorJoined':
      case 'MirrorForced':
        return event.data.mirror.startsWith(`${group}.`)
      case 'RecoveryStarted':
        return event.data.group === group || monitors.has(event.data.monitor)
      case 'MonitorVerdictChanged':
      case 'RecoverySuppressed':
      case 'RecoveryCountsReset':
      case 'DummyFailureEnabled':
      case 'DummyFailureDisabled':
        return monitors.has(event.data.monitor)
      default:
        return 'group' in event.data ? event.data.group === group : isCompanion(event)
    }
  }
}

/** By its own name, or as one of those that wait for a fence. */
const concerns = (event: Event, group: GroupName): boolean =>
  event.type === 'FencingRequested'
    ? event.data.groups.includes(group)
    : 'group' in event.data && event.data.group === group

/** What became of the requests to prove a server off that the group waited for. */
const fencesOf = (
  commits: readonly Recorded[],
  group: GroupName,
): ((fence: { readonly server: string; readonly generation: number }) => boolean) => {
  const key = ({ server, generation }: { readonly server: string; readonly generation: number }) =>
    `${server} ${generation}`
  const waitedFor = new Set<string>()
  for (const { commit } of commits)
    for (const event of commit.events)
      if (event.type === 'FencingRequested' && event.data.groups.includes(group)) waitedFor.add(key(event.data))
  return (fence) => waitedFor.has(key(fence))
}

/** What was decided in one commit with something about the group: the end of its server, a new configuration. */
const companionsOf = (commits: readonly Recorded[], group: GroupName): ((event: Event) => boolean) => {
  const companions = new Set<Event>()
  for (const { commit } of commits) {
    const isAboutGroup = commit.events.some((event) => concerns(event, group))
    if (!isAboutGroup) continue
    for (const event of commit.events) if (!('group' in event.data)) companions.add(event)
  }
  return (event) => companions.has(event)
}

const turning: ReadonlySet<Event['type']> = new Set<Event['type']>([
  'GroupAssigned',
  'GroupStopping',
  'GroupStopped',
  'GroupFailed',
  'GroupWaiting',
  'FailoverSuppressed',
  'FencingRequested',
])

/** The latest commit that moved the group, or said why it does not move. */
export const turningPointOf = (relevant: Relevant): number | null =>
  [...relevant.touching].findLast((at) =>
    relevant.eventsAt(at).some((event) => turning.has(event.type) && isOf(relevant, event)),
  ) ?? null

const isOf = ({ group }: Relevant, event: Event): boolean => concerns(event, group)

/** `members`: what the root led to, and the signs that came before its decision. */
export type Chain = { readonly root: Sequence; readonly members: ReadonlySet<number> } | { readonly needs: Sequence }

/** Back from the turning point to the root cause, and everything that the root led to. */
export const chainOf = (relevant: Relevant, turningPoint: number | null): Chain => {
  const { commits, first } = relevant
  if (turningPoint === null) return { root: sequenceOf(first), members: new Set() }
  let root = turningPoint
  for (;;) {
    const cause = causeOf(relevant, root)
    if (cause === null) break
    if (cause >= root) break
    if (!commits.has(cause)) return { needs: sequenceOf(cause) }
    root = cause
  }
  const signs = signsBefore(relevant, root)
  root = firstRungBefore(relevant, signs[0] ?? root)
  const members = new Set(signs)
  for (const at of relevant.touching) {
    const cause = causeAt(commits, at)
    if (at === root || at === turningPoint || (cause !== null && members.has(cause))) members.add(at)
  }
  return { root: sequenceOf(root), members }
}

/**
 * What led to a commit. Trouble of a group that was online already is caused on the log by what once gave the group to
 * its server: then it is a root cause itself; and what was decided about it was caused by the trouble.
 */
const causeOf = (relevant: Relevant, at: number): number | null => {
  const cause = causeAt(relevant.commits, at)
  const events = relevant.eventsAt(at)
  const isTrouble = events.some(({ type }) => troubles.has(type))
  const gaveUp = events.some(
    (event) =>
      event.type === 'GroupFailed' || (event.type === 'GroupStopping' && event.data.factor === 'GROUPFAILOVER'),
  )
  if (cause === null || !(isTrouble || gaveUp)) return cause
  const between = [...relevant.touching].filter((one) => one > cause && one < at)
  const wasOnline = between.findLast((one) => relevant.eventsAt(one).some(({ type }) => type === 'GroupOnline'))
  if (wasOnline === undefined) return cause
  if (!gaveUp) return null
  return (
    between.find((one) => one > wasOnline && relevant.eventsAt(one).some(({ type }) => troubles.has(type))) ?? cause
  )
}

const troubles: ReadonlySet<Event['type']> = new Set<Event['type']>([
  'ResourceLost',
  'RecoveryStarted',
  'ActivationFailed',
  'MonitorVerdictChanged',
])

/** Longest time from the first lost path to a takeover that is told as one story. */
const signsWithinMs = 120_000

/** A server declared down was noticed before: the paths on which it fell silent, in order. */
const signsBefore = ({ commits }: Relevant, root: number): readonly number[] => {
  const at = commits.get(root)?.commit.at ?? 0
  const down = commits.get(root)?.commit.events.find((event) => event.type === 'ServerDeclaredDown')
  if (down === undefined) return []
  const signs: number[] = []
  for (let one = root - 1; ; one -= 1) {
    const recorded = commits.get(one)
    if (!recorded || at - recorded.commit.at > signsWithinMs) return signs
    for (const event of recorded.commit.events) {
      if (event.type === 'PathLost' && event.data.peer === down.data.server) signs.unshift(one)
      if (event.type === 'PathRestored' && event.data.peer === down.data.server) return signs
      if (event.type === 'ServerJoined' && event.data.server === down.data.server) return signs
    }
  }
}

/** A recovery that failed the group over, or ended its ladder, began with the first rung under that ownership. */
const firstRungBefore = (relevant: Relevant, root: number): number => {
  const rung = [...relevant.touching]
    .filter((at) => at >= root)
    .flatMap((at) => relevant.eventsAt(at))
    .find((event) => event.type === 'RecoveryStarted' || event.type === 'RecoverySuppressed')
  const isFirst = rung?.type === 'RecoveryStarted' && rung.data.action === 'restart' && rung.data.count === 1
  if (rung === undefined || isFirst) return root
  let first = root
  for (const at of [...relevant.touching].filter((one) => one < root).toReversed()) {
    for (const event of relevant.eventsAt(at)) {
      if (event.type === 'GroupAssigned') return first
      if (event.type === 'RecoveryCountsReset' && event.data.monitor === rung.data.monitor) return first
      if (event.type === 'RecoveryStarted' && event.data.monitor === rung.data.monitor)
        first = Math.min(at, causeAt(relevant.commits, at) ?? at)
    }
  }
  return first
}

/** Where the story ends: the outcome of the turning point; null while it is under way. */
export const endOf = (relevant: Relevant, turningPoint: number): number | null => {
  const ends = (at: number): boolean => {
    const events = relevant.eventsAt(at).filter((event) => isOf(relevant, event))
    const isMoving = events.some(({ type }) => type === 'GroupAssigned' || type === 'GroupStopping')
    return events.some(
      ({ type }) =>
        type === 'GroupOnline' ||
        type === 'GroupFailed' ||
        ((type === 'GroupStopped' || type === 'GroupWaiting' || type === 'FailoverSuppressed') && !isMoving),
    )
  }
  return [...relevant.touching].find((at) => at >= turningPoint && ends(at)) ?? null
}
