/** The active side says that the other one has everything. A late word must not undo a newer break. */
import type { MirrorEvent } from '../events/index.ts'
import { shortOf, sideOf } from '../projections/mirror-sides.ts'
import type { State } from '../projections/state.ts'
import { type MirrorAnswer, notNow, ownerObjection, refused } from './mirror-answer.ts'
import { constructedMirror, pairOf } from './mirror-pair.ts'

export type Join = Extract<MirrorEvent, { type: 'MirrorJoined' }>['data']

export const joinMirror = (state: State, wish: Join): MirrorAnswer => {
  const { mirror: name, source, target, generation, epoch } = wish
  const mirror = constructedMirror(state, name)
  if (mirror === null) return refused(`${name} was never initialised`)
  // What was written since it was told of last may have been forgotten by a data plane that was started anew.
  const isOpen = mirror.epochs.some((one) => one.epoch === epoch && one.covered === 'open')
  const isSo = mirror.stale === null && mirror.generation === generation && mirror.current === source && !isOpen
  if (isSo && mirror.epoch === epoch) return { answer: 'so-already' }
  const objection = ownerObjection(state, { mirror: name, server: source, epoch })
  if (objection !== null) return objection
  const pair = pairOf(state, name)
  if (source === target || !pair.includes(source) || !pair.includes(target))
    return refused(`${source} and ${target} are not the two servers of ${name}`)
  if (mirror.generation !== generation)
    return refused(`both have ${shortOf(generation)}, but the log knows ${shortOf(mirror.generation)}: it is over`)
  if (mirror.stale === source) return refused(`${mirror.current} has every acknowledged write, ${source} lacks some`)
  const verdict = sideOf(mirror, target).seen?.verdict
  // Its own bitmap, by which it was brought up, was void: until it says anew what it has, it is not called current.
  if (verdict?.is === 'older' || verdict?.is === 'unknown') return notNow(`the copy of ${target}: ${verdict.because}`)
  return {
    answer: 'record',
    decision: { events: [{ type: 'MirrorJoined', data: wish }], because: { wasStale: mirror.stale }, causedBy: null },
  }
}
