/** What an invariant sees of a simulation, and what it is told of. */
import type { Configuration, Recorded } from '../events/index.ts'
import { votersOf } from '../projections/configuration.ts'
import type { State } from '../projections/state.ts'
import type { BeatOracle } from './beats.ts'
import type { Scheduler } from './clock.ts'
import type { Cluster } from './cluster.ts'
import type { Ledger, Run } from './ledger.ts'
import type { ReplicaGroup } from './log/group.ts'

export type Scene = {
  readonly scheduler: Scheduler
  /** As it was in the beginning. */
  readonly configuration: Configuration
  /** The smallest and the largest T that the cluster may ever go by, in ms. */
  readonly timeouts: { readonly least: number; readonly most: number }
  /** Machines have a hardware watchdog; without one, what a frozen machine ran it runs until it is fenced. */
  readonly hasWatchdog: boolean
  /** Whose echoes and supports count now. */
  readonly voters: () => readonly string[]
  readonly cluster: Cluster
  readonly ledger: Ledger
  readonly oracle: BeatOracle
  readonly group: ReplicaGroup
  /** Every commit of the log, as a majority of replicas has them; folded. */
  readonly committed: readonly Recorded[]
  readonly state: () => State
  /** Voter stores that the simulation has wiped on purpose. */
  readonly violate: (what: string) => void
}

/** Told of everything as it happens; looks, and changes nothing. */
export type Observer = {
  readonly committed?: (recorded: Recorded, before: State, after: State) => void
  /** A replica has a commit in its stream. */
  readonly applied?: (host: string, sequence: number, bytes: string) => void
  readonly began?: (run: Run) => void
  readonly ended?: (run: Run, at: number) => void
  /** A file is as it was written. */
  readonly wrote?: (host: string, path: string, content: string) => void
  /** Nothing moves any more, and nothing is broken any more. */
  readonly settled?: () => void
}

export type Invariant = { readonly name: string; readonly watch: (scene: Scene) => Observer }

/** Until the log says who votes, the first configuration does. */
export const votersNow = ({ configuration }: State, first: Configuration): readonly string[] =>
  configuration.voters.length > 0 ? configuration.voters : votersOf(first)
