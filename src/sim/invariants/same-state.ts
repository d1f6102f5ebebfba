/** Replay from the beginning gives the state that the log was folded to live; a snapshot is the replay up to its place. */
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
        if (canonical(snapshot) !== replay(scene.chronicle.upTo(snapshot.position)))
          scene.violate(`the snapshot of ${host} at ${snapshot.position.sequence} is not what the log says`)
      },
      settled: () => {
        const whole = freshState()
        foldInPlace(whole, scene.committed)
        const replayed = canonical(whole)
        if (canonical(scene.state()) !== replayed || replay(scene.committed) !== replayed)
          scene.violate('the state folded live is not that of a replay')
      },
    }
  },
}

/** The replay up to a place, as text: goes on from where it stood, begins anew for a place that lies before that. */
const replaying = (): ((commits: readonly Recorded[]) => string) => {
  let state = freshState()
  let text: string | null = null
  return (commits) => {
    const { sequence, hash } = state.position
    if (text !== null && sequence === commits.length && commits.at(-1)?.position.hash === hash) return text
    // Or for another history.
    if (sequence > 0 && commits[sequence - 1]?.position.hash !== hash) state = freshState()
    foldInPlace(state, commits.slice(state.position.sequence))
    text = canonical(state)
    return text
  }
}

/** Whatever the order of keys: a fold in place and one on copies may add them in another. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, one: unknown) =>
    typeof one === 'object' && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  )
