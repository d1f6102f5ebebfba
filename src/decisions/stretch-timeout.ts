/** `baton timeout-ratio`: the heartbeat time-out is stretched for a while, at any time: rule 10 makes it safe. */
import { type Command, formatDuration } from '../events/index.ts'
import type { State } from '../projections/state.ts'
import { stretched } from '../projections/timing.ts'
import { type Decision, together } from './decision.ts'
import type { Operated } from './operate-group.ts'

/** A server that crashed is noticed by then. */
const longestTimeoutMs = 86_400_000

export const operateTimeout = (
  state: State,
  command: Extract<Command, { do: 'stretch-timeout' | 'restore-timeout' }>,
): Operated => {
  const { stretch } = state.cluster
  const heartbeat = state.configuration.current?.heartbeat
  if (!heartbeat) return { refused: 'there is no configuration yet', possible: 'wait until the cluster has begun' }
  if (command.do === 'restore-timeout') {
    if (stretch === null) return { events: [], because: {}, settled: 'the heartbeat time-out is as configured' }
    return {
      events: [{ type: 'TimeoutStretchEnded', data: { because: 'an operator said so' } }],
      because: { ratio: stretch.ratio },
    }
  }
  const { ratio, forMs } = command
  const { timeout, release } = stretched(heartbeat, ratio)
  if (timeout > longestTimeoutMs)
    return {
      refused: `${formatDuration(heartbeat.timeout)} times ${ratio} is more than a day: a crash would not be noticed`,
      possible: `a ratio of at most ${Math.floor(longestTimeoutMs / heartbeat.timeout)}`,
    }
  return { events: [{ type: 'TimeoutStretched', data: { ratio, forMs } }], because: { timeout, release } }
}

/** `stretchedMs`: since this agent read that it is so. Whoever has waited long enough ends it. */
export const endStretch = (state: State, stretchedMs: number): Decision | null => {
  const { stretch } = state.cluster
  if (stretch === null || stretchedMs < stretch.forMs) return null
  const because = `${formatDuration(stretch.forMs)} are over`
  return together([{ type: 'TimeoutStretchEnded', data: { because } }], { ratio: stretch.ratio }, stretch.sequence)
}
