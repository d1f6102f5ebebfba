/** Servers that are down and not yet proven off, how earlier ones were, fence devices that are lost, final actions ordered. */
import type {
  FencingEvent,
  Generation,
  GroupName,
  MachineAction,
  Sequence,
  ServerName,
  WallTime,
} from '../events/index.ts'
import type { Moment } from './servers.ts'

/** A server whose groups are uncertain: it was declared down, and may still run them. */
export type PendingFence = {
  readonly server: ServerName
  readonly generation: Generation
  readonly groups: readonly GroupName[]
  /** The one server that acts. */
  readonly executor: ServerName
  readonly because: string
  readonly since: WallTime
  /** The latest request: attempts count from it. */
  readonly requestedBy: Sequence
  readonly attempts: number
  readonly lastFailure: string | null
  /** The latest failure of each server that has tried, whoever the executor is now. A snapshot of an earlier version has none. */
  readonly failures?: Readonly<Record<string, string>>
}

export type FenceOutcome = 'confirmed' | 'by operator' | 'unneeded' | 'forgone' | 'came back'

/** How one request ended. */
export type FenceEnding = {
  readonly server: ServerName
  readonly generation: Generation
  readonly outcome: FenceOutcome
  readonly detail: string
  readonly attempts: number
  readonly requestedAt: WallTime
  readonly at: WallTime
  readonly sequence: Sequence
}

export type OrderedAction = {
  readonly action: MachineAction
  readonly boot: string
  readonly because: string
  readonly sequence: Sequence
  /** Why it came to nothing; null while it is under way. */
  readonly failed: string | null
}

export type FencingState = {
  readonly pending: Readonly<Record<string, PendingFence>>
  /** Oldest first, the latest `keptEndings`. */
  readonly history: readonly FenceEnding[]
  readonly lostDevices: Readonly<Record<string, { readonly since: WallTime; readonly because: string }>>
  /** By server: what it is to do to itself, until its machine has restarted. */
  readonly finalActions: Readonly<Record<string, OrderedAction>>
}

export const noFencing: FencingState = { pending: {}, history: [], lostDevices: {}, finalActions: {} }

const keptEndings = 50

type Mutable = { -readonly [K in keyof FencingState]: FencingState[K] }
type ByName<T> = Record<string, T>

/** What a fold of a fencing event means for the groups of its server. */
export type Freed = { readonly server: ServerName; readonly because: string }

/** Folds one event in place; answers the server whose groups nobody owns from here on, or null. */
export const foldFencing = (draft: FencingState, { type, data }: FencingEvent, moment: Moment): Freed | null => {
  const state: Mutable = draft
  switch (type) {
    case 'FencingRequested': {
      const earlier = pendingOf(draft, data)
      const pending: ByName<PendingFence> = state.pending
      pending[data.server] = {
        ...data,
        since: earlier?.since ?? moment.at,
        requestedBy: moment.sequence,
        attempts: 0,
        lastFailure: earlier?.lastFailure ?? null,
        failures: earlier?.failures ?? {},
      }
      return null
    }
    case 'FencingFailed': {
      const known = pendingOf(draft, data)
      const pending: ByName<PendingFence> = state.pending
      if (!known) return null
      const { attempt: attempts, because: lastFailure, executor } = data
      const failures = { ...known.failures, [executor]: lastFailure }
      pending[data.server] = { ...known, attempts, lastFailure, failures }
      return null
    }
    case 'FencingConfirmed':
      return end(state, data, { outcome: 'confirmed', detail: `by ${data.devices.join(' and ')}` }, moment)
    case 'FencingConfirmedByOperator':
      return end(state, data, { outcome: 'by operator', detail: data.note }, moment)
    case 'FencingUnneeded':
      return end(state, data, { outcome: 'unneeded', detail: data.because }, moment)
    case 'FencingForgone':
      return end(state, data, { outcome: 'forgone', detail: data.because }, moment)
    case 'FenceDeviceLost': {
      const lost: ByName<{ since: WallTime; because: string }> = state.lostDevices
      lost[data.device] = { since: moment.at, because: data.because }
      return null
    }
    case 'FenceDeviceRestored': {
      const lost: ByName<unknown> = state.lostDevices
      delete lost[data.device]
      return null
    }
    case 'FinalActionOrdered': {
      const { server, action, boot, because } = data
      const ordered: ByName<OrderedAction> = state.finalActions
      ordered[server] = { action, boot, because, sequence: moment.sequence, failed: null }
      return null
    }
    case 'FinalActionFailed': {
      const ordered: ByName<OrderedAction> = state.finalActions
      const known = ordered[data.server]
      if (known) ordered[data.server] = { ...known, failed: data.because }
      return null
    }
    default:
      return type satisfies never
  }
}

/** The open request for exactly this generation: what is late must not touch a later one. */
export const pendingOf = (
  { pending }: FencingState,
  { server, generation }: { readonly server: string; readonly generation: Generation },
): PendingFence | null => {
  const known = pending[server]
  return known?.generation === generation ? known : null
}

/** The server joined again: it owns its groups as before, under a new lease. */
export const cameBack = (draft: FencingState, server: ServerName, boot: string, moment: Moment): void => {
  const state: Mutable = draft
  const known = state.pending[server]
  if (known) end(state, known, { outcome: 'came back', detail: 'it joined again' }, moment)
  const ordered: ByName<OrderedAction> = state.finalActions
  if (ordered[server] && ordered[server].boot !== boot) delete ordered[server]
}

const freedInWords: Readonly<Record<FenceOutcome, string>> = {
  confirmed: 'was fenced',
  'by operator': 'was switched off by an operator',
  unneeded: 'gave its word that it released everything',
  forgone: 'was not proven off',
  'came back': 'came back',
}

const end = (
  state: Mutable,
  which: { readonly server: ServerName; readonly generation: Generation },
  how: { readonly outcome: FenceOutcome; readonly detail: string },
  { at, sequence }: Moment,
): Freed | null => {
  const known = pendingOf(state, which)
  if (!known) return null
  const { server, generation, since, attempts } = known
  const ending: FenceEnding = { server, generation, ...how, attempts, requestedAt: since, at, sequence }
  state.history = [...state.history.slice(1 - keptEndings), ending]
  const pending: ByName<unknown> = state.pending
  delete pending[server]
  return { server, because: `${server} ${freedInWords[how.outcome]} after it was declared down` }
}
