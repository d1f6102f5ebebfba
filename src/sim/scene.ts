/** What an invariant sees of a simulation, and what it is told of. */
import type { Configuration, Recorded } from '../events/index.ts'
import { votersOf } from '../projections/configuration.ts'
import type { Mirror } from '../projections/mirrors.ts'
import type { State } from '../projections/state.ts'
import type { BeatOracle } from './beats.ts'
import type { Chronicle } from './chronicle.ts'
import type { Scheduler } from './clock.ts'
import type { Cluster } from './cluster.ts'
import type { Ledger, Run } from './ledger.ts'
import type { ReplicaGroup } from './log/group.ts'
import type { SimulatedMirrors } from './mirror/mirrors.ts'
import type { PairTruth } from './pair-truth.ts'
import type { PairPlan } from './plan.ts'

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
  /** Null: a quorum. */
  readonly pair: PairPlan | null
  readonly pairTruth: PairTruth | null
  readonly chronicle: Chronicle
  /** Whether an operator ever vouched that a server of a pair is off. */
  readonly hasVouched: () => boolean
  /** Every commit of the log that stands; folded. */
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

/** What happened, for people. */
export type Moment = {
  readonly at: number
  readonly kind: 'fault' | 'order' | 'commit' | 'run' | 'said' | 'expect'
  readonly text: string
}

export type Invariant = { readonly name: string; readonly watch: (scene: Scene) => Observer }

/** Until the log says who votes, the first configuration does. */
export const votersNow = ({ configuration }: State, first: Configuration): readonly string[] =>
  configuration.voters.length > 0 ? configuration.voters : votersOf(first)

/** Every group runs, whole, where the log says, and nowhere else. */
export const isEverythingOnline = ({ groups, configuration }: State, ledger: Ledger): boolean => {
  const all = Object.values(groups)
  return (
    all.length > 0 &&
    all.every(({ name, ownership }) => {
      if (ownership.status !== 'assigned' || ownership.phase !== 'online') return false
      const runs = ledger.running().filter(({ group }) => group === name)
      const wanted = Object.keys(configuration.current?.groups[name]?.resources ?? {}).length
      return runs.length === wanted && runs.every((run) => run.isUp && !run.isBroken && run.host === ownership.server)
    })
  )
}

/** Both copies have everything, and nothing keeps them apart. */
export const isMirrorWhole = (known: Mirror | undefined): boolean =>
  known?.id != null && known.stale === null && known.mayConnect && !known.split && known.orders.length === 0

export const areMirrorsWhole = ({ mirrors }: State, { all }: SimulatedMirrors): boolean =>
  all.every(({ name }) => isMirrorWhole(mirrors[name]))

/** In a pair both copies of the log count, and hold all that stands. */
export const areCopiesWell = ({ areApart, stores }: ReplicaGroup, { committed, state }: Chronicle): boolean =>
  !areApart ||
  (!state.logSides.isAlone && [...stores.values()].every(({ stream }) => stream.length >= committed.length))
