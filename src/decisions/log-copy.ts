/** Topology `pair`: what is recorded about the two copies of the log. */
import type { Sequence, ServerName } from '../events/index.ts'
import { pairMembersOf } from '../projections/configuration.ts'
import { serverOf } from '../projections/servers.ts'
import type { State } from '../projections/state.ts'
import type { Decision } from './decision.ts'

export type PairSight = {
  /** The other's copy is complete, it answers, and nothing stands in for it (liveness-pair.ts). */
  readonly mayRejoin: boolean
  /** Commits of this server that are not on the log. */
  readonly setAside: { readonly after: Sequence; readonly count: number; readonly file: string } | null
}

/** Only whoever is alone ends that, so that no commit of its own can miss the other copy. */
export const takeCopyBack = (state: State, me: ServerName, pair: PairSight | null): Decision | null => {
  const { head, isAlone, since } = state.logSides
  const peer = pairMembersOf(state.configuration.current)?.find((member) => member !== me)
  if (!pair?.mayRejoin || !isAlone || head !== me || peer === undefined) return null
  const { name, status } = serverOf(state.servers, peer)
  // One that has left may go at any time: nothing would say that it is gone.
  if (status !== 'up') return null
  return { events: [{ type: 'LogCopyJoined', data: { server: name } }], because: { aloneSince: since }, causedBy: null }
}

export const tellSetAside = (me: ServerName, pair: PairSight | null): Decision | null =>
  pair?.setAside
    ? { events: [{ type: 'LogTailSetAside', data: { server: me, ...pair.setAside } }], because: {}, causedBy: null }
    : null
