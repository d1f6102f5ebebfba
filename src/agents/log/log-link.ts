/**
 * How a voter's process comes by the log: the log server it looks after, the log, and beats over the log's own
 * connection (H1). One form per topology; the simulation has its own.
 */
import type { EventLog, PathName, Position, Sequence } from '../../events/index.ts'
import type { LogSides } from '../../projections/log-sides.ts'
import type { World } from '../../world/world.ts'
import type { Places } from '../node.ts'
import type { CopyStanding, SetAside } from '../pair/log-copier.ts'
import type { VoterKit } from '../voter/voter-kit.ts'

export type Say = (what: string, fields: Readonly<Record<string, unknown>>) => void

/** Beats of path `nats`. What is published while nothing is connected is dropped: a late beat would be a lie. */
export type BeatChannel = {
  readonly name: PathName
  readonly send: (bytes: Uint8Array) => void
  readonly subscribe: (received: (bytes: Uint8Array) => void) => void
}

export type PairLink = {
  /** Whether the rules of who lives let this server's copy go on alone, as of now. */
  readonly judge: (mayGoAlone: boolean) => void
  readonly copies: () => CopyStanding
  /** Something about the copies has changed. */
  readonly onChange: (changed: () => void) => void
  /** Commits of this server that are not on the log, until the log says so. */
  readonly setAside: () => SetAside | null
  /** The log says so of those that are in `file`. */
  readonly setAsideRecorded: (file: string) => Promise<void>
  /** Gives up this server's own history after `common`; the process must start anew after that. */
  readonly yield: (common: Sequence, beforeEmptied: () => Promise<void>) => Promise<void>
}

export type LogLink = {
  /** Usable at once; takes and tells nothing before a log server has been reached. */
  readonly log: EventLog
  /** Called once, with the beats' channel, when a log server has been reached. */
  readonly onBeatChannel: (ready: (channel: BeatChannel) => void) => void
  /** Topology `pair` alone: how the two copies of the log are kept. */
  readonly pair?: PairLink
  /** Leaves the log server running: replacing the agent must not cost the log a replica. */
  readonly close: () => Promise<void>
}

export type LogLinkOptions = {
  readonly kit: VoterKit
  readonly places: Places
  /** How far this voter has seen the log: one that ends before is another, or was wiped. */
  readonly seen: () => Position
  /** What a snapshot holds: where reading begins, and whose copy of the log counts there. */
  readonly from: { readonly position: Position; readonly logSides: LogSides }
  /** The log server ended without having been told to. */
  readonly logServerDied?: (because: string) => void
  readonly say: Say
}

/** Resolves nothing, throws nothing: the log may be away for long, and is sought for as long as the process lives. */
export type OpenLogLink = (world: World, options: LogLinkOptions) => LogLink
