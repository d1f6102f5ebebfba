/** A disk of the active side has failed: it wants to go on with the other side's alone. Recorded before anything is acknowledged that only that one has. */
import type { MirrorEvent } from '../events/index.ts'
import { sideOf } from '../projections/mirror-sides.ts'
import type { State } from '../projections/state.ts'
import { type MirrorAnswer, ownerObjection, refused } from './mirror-answer.ts'
import { constructedMirror, pairOf } from './mirror-pair.ts'

export type Detach = Extract<MirrorEvent, { type: 'MirrorDetached' }>['data']

/** Only while both copies are current, under this very ownership: what is left has to have everything. */
export const detachMirror = (state: State, wish: Detach): MirrorAnswer => {
  const { mirror: name, server, current, epoch } = wish
  const mirror = constructedMirror(state, name)
  if (mirror === null) return refused(`${name} was never initialised`)
  if (mirror.detached?.server === server && mirror.epoch === epoch) return { answer: 'so-already' }
  const objection = ownerObjection(state, { mirror: name, server, epoch })
  if (objection !== null) return objection
  const pair = pairOf(state, name)
  if (current === server || !pair.includes(current) || !pair.includes(server))
    return refused(`${server} and ${current} are not the two servers of ${name}`)
  if (mirror.stale !== null) return refused(`only ${mirror.current} has every acknowledged write: ${mirror.because}`)
  if (mirror.epoch !== epoch) return refused(`the log does not know yet that both sides are equal under epoch ${epoch}`)
  const verdict = sideOf(mirror, current).seen?.verdict
  if (verdict?.is === 'older' || verdict?.is === 'unknown') return refused(`the copy of ${current}: ${verdict.because}`)
  return {
    answer: 'record',
    decision: {
      events: [{ type: 'MirrorDetached', data: { ...wish, because: wish.because.slice(0, 500) } }],
      because: { wasCurrent: mirror.current, generation: mirror.generation },
      causedBy: null,
    },
  }
}
