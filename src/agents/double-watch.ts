/** Watches what other servers say they hold against what this one holds (N6); the loser lets go and never takes that epoch up again. */
import {
  type DoubleActivation,
  type DoubleActivationFacts,
  doubleActivations,
  type Holding,
  newerData,
} from '../decisions/double-activation.ts'
import { type Epoch, type Event, type GroupName, type Instant, type ServerName, serverName } from '../events/index.ts'
import type { State } from '../projections/state.ts'
import type { Say } from './log/log-link.ts'
import type { Voter } from './voter/voter.ts'

export type DoubleWatchParts = {
  readonly me: ServerName
  readonly voter: Pick<Voter, 'liveness' | 'membership'>
  readonly held: () => Readonly<Record<string, Epoch>>
  /** Puts it on the log, as soon as that can be written. */
  readonly note: (event: Event) => void
  readonly state: () => State
  /** Rule 7d: that epoch is never run again here, nor by a later agent. */
  readonly store: { readonly stopEpoch: (group: GroupName, epoch: Epoch) => Promise<void> }
  readonly say: Say
}

export type DoubleWatch = {
  readonly look: (now: Instant) => void
  /** This server has to let that epoch of the group go. */
  readonly hasLost: (group: GroupName, epoch: Epoch) => boolean
}

export const doubleWatch = ({ me, voter, held, note, state, store, say }: DoubleWatchParts): DoubleWatch => {
  let holdings: Readonly<Record<string, Holding>> = {}
  let heldBefore: Readonly<Record<string, Epoch>> = {}
  const lost = new Map<string, Epoch>()
  /** Told once each: a double activation lasts as long as stopping takes, and is seen with every beat. */
  const told = new Set<string>()

  const tell = ({ group, winner, loser }: DoubleActivation): void => {
    const key = [group, winner.server, winner.epoch, loser.server, loser.epoch].join()
    if (told.has(key)) return
    told.add(key)
    say('a group is active on two servers', { group, winner, loser, stops: loser.server })
    note({ type: 'DoubleActivationSeen', data: { group, server: me, winner, loser } })
  }
  const letGo = ({ group, loser }: DoubleActivation): void => {
    if ((lost.get(group) ?? -1) >= loser.epoch) return
    lost.set(group, loser.epoch)
    store
      .stopEpoch(group, loser.epoch)
      .catch((trouble: unknown) => say('a lost epoch could not be written down', { group, trouble: String(trouble) }))
  }
  return {
    look: (now) => {
      const holds = held()
      if (holds !== heldBefore) holdings = heldSince(holds, holdings, now)
      heldBefore = holds
      const rivals = Object.entries(voter.liveness().heard).flatMap(([name, { groups, answers }]) =>
        Object.keys(groups).some((group) => group in holdings) ? [{ server: serverName(name), groups, answers }] : [],
      )
      if (rivals.length === 0) return
      const { servers } = voter.membership()
      const fresher: DoubleActivationFacts['fresher'] = (group, ...claims) => newerData(state(), group, claims)
      for (const double of doubleActivations({ me, held: holdings, rivals, order: servers, fresher })) {
        tell(double)
        if (double.loser.server === me) letGo(double)
      }
    },
    hasLost: (group, epoch) => (lost.get(group) ?? -1) >= epoch,
  }
}

const heldSince = (
  held: Readonly<Record<string, Epoch>>,
  before: Readonly<Record<string, Holding>>,
  now: Instant,
): Readonly<Record<string, Holding>> =>
  Object.fromEntries(
    Object.entries(held).map(([group, epoch]) => {
      const known = before[group]
      return [group, known?.epoch === epoch ? known : { epoch, since: now }]
    }),
  )
