/**
 * Whether a turn of the agent can be left out. A beat goes out ten times in T, and after most of them a server that holds its
 * lease would find what it found before: nothing to do. What is new wakes the agent by itself, and so does the end of its
 * lease; what only time brings (a path that is silent for T, a failback that is due) may wait a little.
 */

import type { Observed } from '../decisions/plan.ts'
import type { Instant } from '../events/index.ts'
import type { State } from '../projections/state.ts'
import type { World } from '../world/world.ts'
import type { Recorder } from './log/recorder.ts'
import type { ResourceRunner } from './resource-runner.ts'
import type { Voter } from './voter/voter.ts'

export type QuietParts = {
  readonly recorder: Pick<Recorder, 'state' | 'hasBarrier'>
  readonly voter: Pick<Voter, 'hasLease' | 'reachable' | 'liveness' | 'pair'>
  readonly runner: Pick<ResourceRunner, 'observed'>
  readonly wake: () => void
}

export type Quiet = {
  /** A turn is over. */
  readonly looked: (now: Instant) => void
  /** Time has passed: wakes the agent, unless nothing that a turn goes by is other than at the last one, not long ago. */
  readonly passed: () => void
}

/** What only time brings waits for so long at most, or a third of T. */
const mostMs = 1000

type Looked = {
  readonly at: Instant
  readonly state: State
  readonly observed: Observed
  readonly reachable: ReadonlySet<string>
}

export const quietWatch = ({ clock }: Pick<World, 'clock'>, { recorder, voter, runner, wake }: QuietParts): Quiet => {
  let last: Looked | null = null
  /** Without a lease, or in a pair, what only time brings decides who lives: there every beat counts. */
  const isSettled = () => voter.hasLease() && recorder.hasBarrier() && voter.pair() === null
  const isQuiet = (now: Instant): boolean => {
    if (last === null || !isSettled()) return false
    const isRecent = now - last.at < Math.min(mostMs, voter.liveness().timing.timeoutMs / 3)
    const isSame = last.state === recorder.state() && last.observed === runner.observed()
    return isRecent && isSame && areSame(last.reachable, voter.reachable())
  }
  return {
    looked: (at) => {
      last = isSettled()
        ? { at, state: recorder.state(), observed: runner.observed(), reachable: voter.reachable() }
        : null
    },
    passed: () => {
      if (!isQuiet(clock.now())) wake()
    },
  }
}

const areSame = (some: ReadonlySet<string>, others: ReadonlySet<string>): boolean =>
  some.size === others.size && [...some].every((one) => others.has(one))
