/** Replay from the beginning gives the state that the log was folded to live; a snapshot is the replay up to its place. */
import { isDeepStrictEqual } from 'node:util'
import type { Recorded } from '../../events/index.ts'
import { foldInPlace, freshState, type State } from '../../projections/state.ts'
import { places } from '../kit.ts'
import type { Invariant } from '../scene.ts'

export const sameState: Invariant = {
  name: 'replay equals live',
  watch: (scene) => {
    const replay = replaying()
    return {
      wrote: (host, path, content) => {
        if (path !== places.snapshot) return
        // cast: written by the product a moment ago.
        const { state } = JSON.parse(content) as { readonly state: string }
        const snapshot = JSON.parse(state) as State // cast: as above
        if (!isDeepStrictEqual(snapshot, replay(scene.chronicle.upTo(snapshot.position))))
          scene.violate(`the snapshot of ${host} at ${snapshot.position.sequence} is not what the log says`)
      },
      settled: () => {
        const whole = freshState()
        foldInPlace(whole, scene.committed)
        if (!isDeepStrictEqual(scene.state(), whole) || !isDeepStrictEqual(replay(scene.committed), whole))
          scene.violate('the state folded live is not that of a replay')
      },
    }
  },
}

/** The replay up to a place: goes on from where it stood, begins anew for a place before that, or in another history. */
const replaying = (): ((commits: readonly Recorded[]) => State) => {
  let state = freshState()
  return (commits) => {
    const { sequence, hash } = state.position
    if (sequence > 0 && commits[sequence - 1]?.position.hash !== hash) state = freshState()
    foldInPlace(state, commits.slice(state.position.sequence))
    return state
  }
}
