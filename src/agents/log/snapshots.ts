/** Snapshots of the folded state: a cache of the log, so that an agent starts fast. Never a source of truth. */
import { z } from 'zod'
import { decode } from '../../events/index.ts'
import { initialState, type State } from '../../projections/state.ts'
import type { World } from '../../world/world.ts'

/** Raised whenever a fold of the same log gives another state: older snapshots are then folded anew from the log. */
const format = 6

const envelope = z.object({
  format: z.literal(format),
  cluster: z.string(),
  digest: z.string(),
  state: z.string(),
})
const stateShape = z.object({
  position: z.object({ sequence: decode.sequence, hash: decode.hash }),
  groups: z.record(z.string(), z.unknown()),
})

/** The state of the newest usable snapshot; the initial state when there is none. */
export const readSnapshot = async (world: World, path: string, cluster: string): Promise<State> => {
  const text = await world.files.read(path).catch(() => null)
  if (text === null) return initialState
  try {
    const found = envelope.parse(JSON.parse(text))
    if (found.cluster !== cluster || world.digest(found.state) !== found.digest) return initialState
    const state: unknown = JSON.parse(found.state)
    stateShape.parse(state)
    // cast: its own digest holds: this software wrote it, in this format.
    return state as State
  } catch {
    return initialState
  }
}

export const writeSnapshot = (world: World, path: string, cluster: string, snapshot: State): Promise<void> => {
  const state = JSON.stringify(snapshot)
  return world.files.write(path, JSON.stringify({ format, cluster, digest: world.digest(state), state }))
}
