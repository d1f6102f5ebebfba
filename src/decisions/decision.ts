/** What a decision is: events to record together, or nothing to do, or a refusal; and what deciders know. */
import {
  type Event,
  epochOf,
  type Generation,
  type GroupName,
  type Instant,
  type Sequence,
  type ServerName,
  type SupportReason,
  type VoterName,
} from '../events/index.ts'
import type { Group, Ownership } from '../projections/groups.ts'
import type { State } from '../projections/state.ts'

/** Events to record as one commit. `because`: the inputs that decided it, as values (for `baton why`). */
export type Decision = {
  readonly events: readonly [Event, ...Event[]]
  readonly because: Readonly<Record<string, unknown>>
  /** The commit that led here; null = this is a root cause. */
  readonly causedBy: Sequence | null
}

/** A command that changes nothing: why, and what would make it possible. */
export type Refusal = { readonly refused: string; readonly possible: string }

/** What one agent knows beside the log when it decides. */
export type Facts = {
  readonly me: ServerName
  readonly now: Instant
  /** Servers heard within T, ourselves included. */
  readonly reachable: ReadonlySet<string>
  /** Supports for exactly (server, current generation), and how many would do. */
  readonly supporters: (server: ServerName) => readonly { readonly voter: VoterName; readonly reason: SupportReason }[]
  readonly majority: number
  /** The generation up to which a server itself says, durably, that it released everything (rule 4). */
  readonly renounced?: (server: ServerName) => Generation
}

export type Assigned = Extract<Ownership, { status: 'assigned' }>
/** A group with its owner, for code that only looks at owned groups. */
export type OwnedGroup = Group & { readonly ownership: Assigned }

export const isOwned = (group: Group): group is OwnedGroup => group.ownership.status === 'assigned'
export const groupsOn = (state: State, server: string): readonly OwnedGroup[] =>
  Object.values(state.groups)
    .filter(isOwned)
    .filter((group) => group.ownership.server === server)

/** Joins several decisions into one commit; null when there is nothing to do. */
export const together = (
  events: readonly Event[],
  because: Readonly<Record<string, unknown>>,
  causedBy: Sequence | null,
): Decision | null => {
  const [first, ...rest] = events
  return first ? { events: [first, ...rest], because, causedBy } : null
}

/** The one group of that name as it is configured, with its state. */
export const findGroup = (state: State, name: GroupName) => {
  const configuration = state.configuration.current?.groups[name]
  const group = state.groups[name]
  return configuration && group ? { configuration, group } : null
}

/** The state as if `group` had just been given to `server`: for placing the next one. */
export const withOwner = (state: State, group: Group, server: ServerName): State => ({
  ...state,
  groups: {
    ...state.groups,
    [group.name]: {
      ...group,
      ownership: {
        status: 'assigned',
        server,
        epoch: epochOf(state.position.sequence),
        reason: 'startup',
        phase: 'starting',
        since: state.at,
        because: '',
        orderedBy: state.position.sequence,
        factor: null,
        next: null,
        resources: {},
      },
    },
  },
})
