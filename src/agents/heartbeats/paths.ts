/**
 * The heartbeat paths that follow from the configuration, beside LAN (by the kit) and NATS (by the log's connection):
 * opened, closed and opened anew as the folded configuration changes. What a path is made of is its kind's business.
 */
import type { Beat } from '../../decisions/liveness.ts'
import type { Configuration, PathName } from '../../events/index.ts'
import type { World } from '../../world/world.ts'
import type { Say } from '../log/log-link.ts'
import type { Voter } from '../voter/voter.ts'
import type { VoterKit } from '../voter/voter-kit.ts'
import type { HeartbeatPath } from './path.ts'

/** What a path gets to work with, and whom it tells. */
export type PathParts = {
  readonly kit: VoterKit
  /** Names of the groups that are configured now. */
  readonly groups: () => readonly string[]
  /** A beat came in as text (beat-codec.ts). */
  readonly receive: (bytes: Uint8Array, path: PathName) => void
  /** A beat came in, in a form that the path itself has checked to be authentic and whole. */
  readonly hear: (beat: Beat, path: PathName) => void
  /** Something is not what it claims to be; rate-limited by whoever reports it. */
  readonly suspicious: (what: string) => void
  readonly say: Say
}

/** A path that should be there. Everything that it is made from is in `from`: when that changes, it is opened anew. */
export type WantedPath = {
  readonly name: PathName
  readonly from: unknown
  readonly open: () => HeartbeatPath
}

/** One kind of path: those of this voter that a configuration asks for. */
export type PathKind = (world: World, configuration: Configuration, parts: PathParts) => readonly WantedPath[]

export type HeartbeatPaths = {
  /** The newest configuration; null as long as there is none. What is open then is closed by the voter's end. */
  readonly arrange: (configuration: Configuration | null) => void
}

export const heartbeatPaths = (
  world: World,
  kinds: readonly PathKind[],
  { voter, ...parts }: Omit<PathParts, 'receive' | 'hear' | 'groups'> & { readonly voter: Voter },
): HeartbeatPaths => {
  const open = new Map<PathName, { readonly path: HeartbeatPath; readonly key: string }>()
  let arranged: Configuration | null = null
  const close = (name: PathName) => {
    voter.removePath(name)
    open.get(name)?.path.close()
    open.delete(name)
  }
  const begin = ({ name, open: opened }: WantedPath, key: string) => {
    const path = opened()
    open.set(name, { path, key })
    voter.addPath(path)
  }
  return {
    arrange: (configuration) => {
      if (configuration === null || configuration === arranged) return
      arranged = configuration
      const groups = () => Object.keys(arranged?.groups ?? {})
      const all = { ...parts, groups, receive: voter.receive, hear: voter.hear }
      const wanted = kinds.flatMap((kind) => kind(world, configuration, all))
      const keys = new Map(wanted.map(({ name, from }) => [name, JSON.stringify(from)]))
      for (const [name, { key }] of open) if (keys.get(name) !== key) close(name)
      for (const path of wanted) if (!open.has(path.name)) begin(path, keys.get(path.name) ?? '')
    },
  }
}
