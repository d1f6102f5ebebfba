/** What this server may do with each group now (rules 7 and 12 of liveness): the facts for it, gathered from its parts. */
import { isOwned } from '../decisions/decision.ts'
import { keepsOnQuorumLoss } from '../decisions/fencing.ts'
import { standingOf } from '../decisions/may-run.ts'
import type { Observed, Standing } from '../decisions/plan.ts'
import type { Epoch, GroupName, Instant, ServerName } from '../events/index.ts'
import { serverOf } from '../projections/servers.ts'
import type { State } from '../projections/state.ts'
import type { World } from '../world/world.ts'
import type { GuardianLink } from './guardian/guardian-link.ts'
import type { Recorder } from './log/recorder.ts'
import type { ResourceRunner } from './resource-runner.ts'
import type { Voter } from './voter/voter.ts'

export type StandingsParts = {
  readonly me: ServerName
  readonly recorder: Pick<Recorder, 'state' | 'hasBarrier'>
  readonly voter: Pick<Voter, 'hasLease' | 'withheld'>
  readonly runner: Pick<ResourceRunner, 'observed'>
  readonly guardian: Pick<GuardianLink, 'inherited'>
  readonly store: { readonly stoppedEpoch: (group: string) => Epoch | undefined }
  /** A double activation was decided against this server. */
  readonly isGivenUp: (group: GroupName, epoch: Epoch) => boolean
  /** Everything is to be given away without the log. */
  readonly isHandingOver: () => boolean
}

export type Standings = {
  readonly of: (group: GroupName, isLeased: boolean, now: Instant) => Standing
  /** Why this agent runs no groups now; null when it may. */
  readonly whyNone: () => string | null
  /** What is not off, by its epoch. */
  readonly heldGroups: () => Readonly<Record<string, Epoch>>
}

export const standingsOf = (world: Pick<World, 'bootId'>, parts: StandingsParts): Standings => {
  const { me, recorder, voter, runner } = parts
  let held: { readonly of: Observed; readonly groups: Readonly<Record<string, Epoch>> } = { of: [], groups: {} }
  const heldGroups = (): Readonly<Record<string, Epoch>> => {
    const observed = runner.observed()
    if (observed !== held.of) held = { of: observed, groups: heldOf(observed) }
    return held.groups
  }
  const standing = (state: State, group: GroupName, isLeased: boolean, now: Instant): Standing =>
    standingOf(state, group, {
      me,
      isLeased,
      hasBarrier: recorder.hasBarrier() && serverOf(state.servers, me).boot === world.bootId(),
      stoppedEpoch: parts.store.stoppedEpoch(group),
      running: runner.observed().flatMap((one) => (one.group === group && one.condition !== 'off' ? [one.epoch] : [])),
      isInherited: now < parts.guardian.inherited,
    })
  return {
    heldGroups,
    of: (group, isLeased, now) => {
      const state = recorder.state()
      const ruled = standing(state, group, isLeased, now)
      if (ruled === 'hold' && !recorder.hasBarrier()) return ruled
      const owned = state.groups[group]
      if (owned && isOwned(owned) && parts.isGivenUp(group, owned.ownership.epoch)) return 'release'
      return isLeased && parts.isHandingOver() ? 'stop' : ruled
    },
    whyNone: () => {
      const withheld = voter.withheld()
      if (withheld !== null) return withheld
      if (!recorder.hasBarrier()) return 'this agent has not had a commit of its own accepted yet'
      if (voter.hasLease()) return null
      const goesOn = keepsOnQuorumLoss(recorder.state()) && Object.keys(heldGroups()).length > 0
      return `a majority of voters has not answered lately${goesOn ? '; what runs goes on (onQuorumLoss: keep)' : ''}`
    },
  }
}

const heldOf = (observed: Observed): Readonly<Record<string, Epoch>> =>
  Object.fromEntries(observed.flatMap(({ group, epoch, condition }) => (condition === 'off' ? [] : [[group, epoch]])))
