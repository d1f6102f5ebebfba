/** The shell around every decision: reads the state, calls the decision, appends at the expected sequence, folds. */

import type { Decision } from '../../decisions/decision.ts'
import {
  type Author,
  type Commit,
  commitId,
  type EventLog,
  encodeCommit,
  type LogTrouble,
  type Position,
  type Recorded,
  type Sequence,
  sequence,
  unknownHash,
} from '../../events/index.ts'
import { fold, type State } from '../../projections/state.ts'
import type { World } from '../../world/world.ts'

/** `recorded`: it is on the log at that sequence. `nothing`: the state no longer called for it. `given-up`: the log
 *  did not take it in time; whoever asked asks again if it is still so. */
export type Answer =
  | { readonly answer: 'recorded'; readonly sequence: Sequence }
  | { readonly answer: 'nothing' }
  | { readonly answer: 'given-up'; readonly because: string }

/** Decides on the newest state; called again after every conflict. */
export type Decide = (state: State) => Decision | null

export type Recorder = {
  readonly state: () => State
  /** Queues a decision; a key that is queued already is not queued twice. */
  readonly submit: (key: string, decide: Decide, by?: Author) => Promise<Answer>
  readonly isPending: (key: string) => boolean
  /** Commits in order, with the state before each batch; after it, `state()` holds them. */
  readonly onFold: (heard: FoldListener) => void
  /** A commit of this agent has been accepted since it started (liveness.md rule 7c). */
  readonly hasBarrier: () => boolean
  readonly trouble: () => LogTrouble | null
  readonly stop: () => void
}

/** Conflicts in a row after which a decision is given up: others are writing faster than we can decide. */
const mostConflicts = 20
/** Remembered of what was given up: the log took none of them for ten minutes by then. */
const mostGivenUp = 60
/** For how long an append without an answer is pursued. */
const giveUpMs = 10_000
/** How often the same commit is appended again while its fate is unknown. */
const againMs = 250
/** The pause after a decision that could not be recorded. */
const pauseMs = 50
/** How long a conflict waits for the commit that caused it to be read. */
const catchUpMs = 2000

type FoldListener = (recorded: readonly Recorded[], before: State) => void
type Waiter = { readonly beyond: Sequence; readonly wake: () => void }

/** The log as far as it has been read, folded. */
type Feed = {
  readonly state: () => State
  readonly trouble: () => LogTrouble | null
  readonly isStopped: () => boolean
  readonly onFold: (heard: FoldListener) => void
  readonly accept: (recorded: readonly Recorded[]) => void
  /** Resolves once something beyond `position` has been folded, or after `ms`. */
  readonly advance: (position: Position, ms: number) => Promise<boolean>
  /** Id of the commit that stands at a recent position: how an unknown append learns its fate. */
  readonly idAt: (at: Sequence) => string | undefined
  readonly stop: () => void
}

const followLog = (
  world: World,
  log: EventLog,
  { from, troubled }: { readonly from: State; readonly troubled?: (trouble: LogTrouble | null) => void },
): Feed => {
  let state = from
  let trouble: LogTrouble | null = null
  const chain = chainGuard()
  let isStopped = false
  const listeners: FoldListener[] = []
  const waiters = new Set<Waiter>()
  const recent = new Map<Sequence, string>()

  const inForce = () => chain.breach() ?? trouble
  const tell = (before: LogTrouble | null) => {
    const now = inForce()
    if (now !== before) troubled?.(now)
  }
  const accept = (recorded: readonly Recorded[]) => {
    const known = inForce()
    const news = chain.admit(state.position, recorded)
    tell(known)
    if (news.length === 0) return
    const before = state
    state = fold(before, news)
    for (const { position, commit } of news) recent.set(position.sequence, commit.id)
    for (const at of recent.keys()) if (at < state.position.sequence - 1000) recent.delete(at)
    for (const listener of listeners) listener(news, before)
    for (const waiter of waiters) if (state.position.sequence > waiter.beyond) waiter.wake()
  }
  const setTrouble = (now: LogTrouble | null) => {
    const known = inForce()
    trouble = now
    tell(known)
  }
  const subscription = log.follow(state.position, {
    commits: accept,
    trouble: setTrouble,
    repaired: () => setTrouble(null),
  })
  const advance = (position: Position, ms: number): Promise<boolean> => {
    if (state.position.sequence > position.sequence) return Promise.resolve(true)
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const end = (advanced: boolean) => {
      cancel()
      waiters.delete(waiter)
      resolve(advanced)
    }
    const waiter: Waiter = { beyond: position.sequence, wake: () => end(true) }
    const cancel = world.clock.after(ms, () => end(false))
    waiters.add(waiter)
    return promise
  }
  return {
    state: () => state,
    trouble: inForce,
    isStopped: () => isStopped,
    onFold: (heard) => listeners.push(heard),
    accept,
    advance,
    idAt: (at) => recent.get(at),
    stop: () => {
      isStopped = true
      subscription.stop()
      for (const waiter of waiters) waiter.wake()
    },
  }
}

const isNext = ({ sequence: last, hash }: Position, { position, previous }: Recorded): boolean =>
  position.sequence === last + 1 && (hash === unknownHash || previous === hash)

/**
 * Lets through what follows from what is folded, and nothing else. The log's reader sees to the chain of what it delivers;
 * but what this agent appended comes in beside it.
 */
const chainGuard = () => {
  let breach: LogTrouble | null = null
  return {
    breach: () => breach,
    admit: (after: Position, recorded: readonly Recorded[]): readonly Recorded[] => {
      const all = recorded.filter((one) => one.position.sequence > after.sequence)
      const news = following(after, all)
      const refused = all[news.length]
      // The next that follows ends it. As long as nothing does it is the same one, and said once.
      if (news.length > 0) breach = null
      if (refused) breach ??= breachBy(refused, news.at(-1)?.position ?? after)
      return news
    },
  }
}

/** The commits up to the first that does not follow from the one before it. */
const following = (after: Position, all: readonly Recorded[]): readonly Recorded[] => {
  const end = all.findIndex((one, at) => !isNext(all[at - 1]?.position ?? after, one))
  return end < 0 ? all : all.slice(0, end)
}

const breachBy = ({ position }: Recorded, last: Position): LogTrouble =>
  position.sequence === last.sequence + 1
    ? { trouble: 'broken-chain', at: position.sequence }
    : { trouble: 'hole', at: next(last) }

/** Others do not rest after this one: a decision that changes how the log is kept waits behind it. */
const abandoned: Answer = { answer: 'given-up', because: 'the log goes on without the other server' }

const next = (after: Position): Sequence => sequence(after.sequence + 1)

/** Appends until it is known whether it stands there: `after + 1` is its only possible place. */
const settle = async (
  world: World,
  log: EventLog,
  feed: Feed,
  { after, commit }: { readonly after: Position; readonly commit: Commit },
): Promise<'appended' | 'conflict' | 'given-up' | 'abandoned'> => {
  const deadline = world.clock.now() + giveUpMs
  let wasUnknown = false
  while (!feed.isStopped()) {
    const answer = await log.append(after, commit)
    const { result } = answer
    if (answer.result === 'appended') {
      // What stands there is known: no need to wait until it has come back through the feed.
      const bytes = encodeCommit(commit, after.hash)
      feed.accept([{ position: answer.position, previous: after.hash, commit, bytes }])
      return 'appended'
    }
    if (result === 'abandoned') return 'abandoned'
    wasUnknown ||= result === 'unknown'
    if (result === 'unavailable' && !wasUnknown) return 'given-up'
    const hasAdvanced = await feed.advance(after, result === 'conflict' ? catchUpMs : againMs)
    if (hasAdvanced) return feed.idAt(next(after)) === commit.id ? 'appended' : 'conflict'
    // A conflict with a commit that nobody can read may be a leader's own uncommitted one: ask again.
    if (world.clock.now() >= deadline) return 'given-up'
  }
  return 'given-up'
}

/** Rule 7c. What was given up before the first commit was accepted may stand on the log yet, and is as good a barrier then. */
const barrierIn = (feed: Feed) => {
  let hasCome = false
  const givenUp = new Set<string>()
  feed.onFold((recorded) => {
    hasCome ||= recorded.some(({ commit }) => givenUp.has(commit.id))
  })
  return {
    hasCome: () => hasCome,
    came: () => {
      hasCome = true
    },
    mayCome: ({ id }: Commit) => {
      if (!hasCome && givenUp.size < mostGivenUp) givenUp.add(id)
    },
  }
}

/** Whoever asked asks again at once: a log that takes nothing must not be asked a thousand times a second. */
const rest = (world: World): Promise<void> => new Promise((resolve) => world.clock.after(pauseMs, resolve))

/** Follows `log` from `from` on and appends what is submitted, one commit at a time. */
export const startRecorder = (
  world: World,
  log: EventLog,
  options: {
    readonly by: Author
    readonly from: State
    readonly troubled?: (trouble: LogTrouble | null) => void
    readonly refuses?: () => string | null
  },
): Recorder => {
  const feed = followLog(world, log, options)
  const barrier = barrierIn(feed)
  const pending = new Map<string, Promise<Answer>>()
  let queue: Promise<unknown> = Promise.resolve()

  const decideAndAppend = async (decide: Decide, by: Author): Promise<Answer> => {
    for (let conflicts = 0; conflicts < mostConflicts && !feed.isStopped(); conflicts++) {
      const trouble = feed.trouble()
      const state = feed.state()
      if (trouble !== null) return { answer: 'given-up', because: `the log is not in order (${trouble.trouble})` }
      if (state.watching !== null)
        return { answer: 'given-up', because: `this software does not know ${state.watching.type}: it only watches` }
      const refusal = options.refuses?.() ?? null
      if (refusal !== null) return { answer: 'given-up', because: refusal }
      const decision = decide(state)
      if (decision === null) return { answer: 'nothing' }
      const after = state.position
      const commit: Commit = { id: commitId(world.random.id()), by, at: world.clock.wall(), ...decision }
      const outcome = await settle(world, log, feed, { after, commit })
      if (outcome === 'abandoned') return abandoned
      if (outcome === 'given-up') {
        barrier.mayCome(commit)
        return { answer: 'given-up', because: 'the log could not be written' }
      }
      if (outcome === 'conflict') continue
      barrier.came()
      return { answer: 'recorded', sequence: next(after) }
    }
    return { answer: 'given-up', because: 'others kept writing first' }
  }

  return {
    state: feed.state,
    submit: (key, decide, by = options.by) => {
      const already = pending.get(key)
      if (already) return already
      const answer = queue.then(() => decideAndAppend(decide, by))
      const rested = answer
        .then(({ answer: found }) => (found === 'given-up' && !feed.isStopped() ? rest(world) : undefined))
        .catch(() => {})
        .finally(() => pending.delete(key))
      queue = answer.then(
        (found) => (found === abandoned ? undefined : rested),
        () => {},
      )
      pending.set(key, answer)
      return answer
    },
    isPending: (key) => pending.has(key),
    onFold: feed.onFold,
    hasBarrier: barrier.hasCome,
    trouble: feed.trouble,
    stop: feed.stop,
  }
}
