/**
 * Topology `pair`: which of the two copies of the log a commit must be on. It follows from what stands before that
 * commit and from nothing else, so whoever appends after a commit knows it for certain.
 */
import { type BatonEvent, type Sequence, sequence, type VoterName } from '../events/index.ts'

export type LogSides = {
  /** Whose copy takes a commit first; null in other topologies. */
  readonly head: VoterName | null
  /** The head's copy alone; otherwise a commit stands once it is on both. */
  readonly isAlone: boolean
  /** The commit since which it is so. */
  readonly since: Sequence
}

/** As the log of a new pair begins: on both, the first server's first. */
export const sidesOf = (members: readonly VoterName[]): LogSides => ({
  head: members[0] ?? null,
  isAlone: false,
  since: sequence(0),
})

/** A server that is declared down, or leaves, leaves the log to the other; only that one takes it back. */
export const foldSides = (
  sides: LogSides,
  event: BatonEvent | { readonly type: 'UnknownEvent' },
  { sequence: at, members }: { readonly sequence: Sequence; readonly members: readonly VoterName[] },
): LogSides => {
  switch (event.type) {
    case 'ServerDeclaredDown':
    case 'ServerLeft': {
      const head = members.find((member) => member !== event.data.server)
      const isMember = members.some((member) => member === event.data.server)
      return sides.isAlone || head === undefined || !isMember ? sides : { head, isAlone: true, since: at }
    }
    case 'LogCopyJoined':
      return sides.isAlone && event.data.server !== sides.head ? { ...sides, isAlone: false, since: at } : sides
    default:
      return sides
  }
}
