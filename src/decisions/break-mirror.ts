/** The active side wants to go on alone. Recorded before it acknowledges anything that only it has (D4). */
import type { MirrorEvent } from '../events/index.ts'
import { sideOf } from '../projections/mirror-sides.ts'
import type { State } from '../projections/state.ts'
import { type MirrorAnswer, ownerObjection, refused } from './mirror-answer.ts'
import { constructedMirror, pairOf } from './mirror-pair.ts'

export type Break = Extract<MirrorEvent, { type: 'MirrorBroken' }>['data']

/** By compare-and-set with whatever else is decided: a takeover that was recorded first makes this a refusal. */
export const breakMirror = (state: State, wish: Break): MirrorAnswer => {
  const { mirror: name, current, stale, generation, epoch } = wish
  const mirror = constructedMirror(state, name)
  if (mirror === null) return refused(`${name} was never initialised`)
  const isRecorded = mirror.generation === generation && mirror.current === current && mirror.stale === stale
  if (isRecorded && mirror.epoch === epoch) return { answer: 'so-already' }
  const objection = ownerObjection(state, { mirror: name, server: current, epoch })
  if (objection !== null) return objection
  const pair = pairOf(state, name)
  if (current === stale || !pair.includes(current) || !pair.includes(stale))
    return refused(`${current} and ${stale} are not the two servers of ${name}`)
  if (mirror.stale === current)
    return refused(`${mirror.current} has every acknowledged write, ${current} lacks some: ${mirror.because}`)
  const verdict = sideOf(mirror, current).seen?.verdict
  const isForced = mirror.forced?.server === current
  if (!isForced && (verdict?.is === 'older' || verdict?.is === 'unknown')) return refused(verdict.because)
  return {
    answer: 'record',
    decision: {
      events: [{ type: 'MirrorBroken', data: { ...wish, because: wish.because.slice(0, 500) } }],
      because: { wasCurrent: mirror.current, wasStale: mirror.stale, before: mirror.generation },
      causedBy: null,
    },
  }
}
