/** What the log says to the engine of a mirror that asks. */
import type { Epoch } from '../events/index.ts'
import type { State } from '../projections/state.ts'
import type { Decision } from './decision.ts'
import { ownershipOf } from './mirror-pair.ts'

/**
 * `record`: so it is, once this is on the log. `so-already`: a retry. `refused`: never; the engine stops. `not-now`:
 * nobody can say yet; the engine asks again, and holds what it holds.
 */
export type MirrorAnswer =
  | { readonly answer: 'record'; readonly decision: Decision }
  | { readonly answer: 'so-already' }
  | { readonly answer: 'refused' | 'not-now'; readonly because: string }

export const refused = (because: string): MirrorAnswer => ({ answer: 'refused', because })
export const notNow = (because: string): MirrorAnswer => ({ answer: 'not-now', because })

/** Only the owner of the group speaks for its mirror, under the epoch of that very ownership. Null = it does. */
export const ownerObjection = (
  state: State,
  { mirror, server, epoch }: { readonly mirror: string; readonly server: string; readonly epoch: Epoch },
): MirrorAnswer | null => {
  const owned = ownershipOf(state, mirror)
  if (owned?.server !== server) return refused(`${server} does not own the group of ${mirror}`)
  if (owned.epoch !== epoch) return refused(`epoch ${epoch} is over: the group has been given away since`)
  // It was declared down and may run on; whether it is current is decided with whether it is off.
  return owned.phase === 'uncertain' ? notNow(`${server} was declared down, and is not proven off yet`) : null
}
