/** Replay from the beginning gives the state that the log was folded to live; a snapshot is the replay up to its place. */
import { foldInPlace, freshState, type State } from '../../projections/state.ts'
import { places } from '../cluster.ts'
import type { Invariant, Scene } from '../scene.ts'

export const sameState: Invariant = {
  name: 'replay equals live',
  watch: (scene) => ({
    wrote: (host, path, content) => {
      if (path !== places.snapshot) return
      // cast: written by the product a moment ago.
      const { state } = JSON.parse(content) as { readonly state: string }
      const snapshot = JSON.parse(state) as State // cast: as above
      const replayed = JSON.stringify(replay(scene, snapshot.position.sequence))
      if (canonical(snapshot) !== canonical(JSON.parse(replayed)))
        scene.violate(`the snapshot of ${host} at ${snapshot.position.sequence} is not what the log says`)
    },
    settled: () => {
      const live = scene.state()
      if (canonical(live) !== canonical(replay(scene, scene.committed.length)))
        scene.violate('the state folded live is not that of a replay')
    },
  }),
}

const replay = ({ committed }: Scene, until: number): State => {
  const state = freshState()
  foldInPlace(state, committed.slice(0, until))
  return state
}

/** Whatever the order of keys: a fold in place and one on copies may add them in another. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, one: unknown) =>
    typeof one === 'object' && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  )
