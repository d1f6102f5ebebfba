/** When each duty is done: under its conditions, not too often, and by one server after the other. */
import type { Decision, Facts } from '../decisions/decision.ts'
import type { Instant } from '../events/index.ts'
import type { State } from '../projections/state.ts'
import type { World } from '../world/world.ts'
import { type Duty, duties, type Sight } from './duties.ts'
import type { Recorder } from './log/recorder.ts'

/** The n-th server in turn waits n of these before it does what another could do. */
const turnMs = 30

/** How many servers that are heard come before us. */
export const rankOf = (state: State, { reachable, me }: Facts): number => {
  const servers = (state.configuration.current?.servers ?? []).map((server) => server.name)
  return servers.slice(0, Math.max(0, servers.indexOf(me))).filter((server) => reachable.has(server)).length
}

export type DutyRosterParts = {
  readonly recorder: Recorder
  readonly hasLease: () => boolean
  /** What can be seen at this moment. */
  readonly look: () => Sight
  readonly wake: () => void
}

export type DutyRoster = {
  /** Submits what is due. */
  readonly perform: (state: State, sight: Sight, isLeased: boolean) => void
}

export const dutyRoster = (world: World, { recorder, hasLease, look, wake }: DutyRosterParts): DutyRoster => {
  const dueSince = new Map<string, Instant>()
  const doneAt = new Map<string, Instant>()

  const isTurn = ({ key, inTurn, delayMs }: Duty, decision: Decision | null, sight: Sight): boolean => {
    const { facts, now } = sight
    if (decision === null) {
      if (dueSince.size > 0) dueSince.delete(key)
      return false
    }
    if (!inTurn) return true
    const since = dueSince.get(key) ?? now
    dueSince.set(key, since)
    const waitMs = turnMs * rankOf(recorder.state(), facts) + (delayMs?.(recorder.state(), sight) ?? 0)
    if (now - since >= waitMs) return true
    world.clock.after(since + waitMs - now, wake)
    return false
  }
  const isTooSoon = ({ key, everyMs }: Duty, now: Instant): boolean =>
    everyMs !== undefined && now - (doneAt.get(key) ?? Number.NEGATIVE_INFINITY) < everyMs

  return {
    perform: (state, sight, isLeased) => {
      for (const duty of duties) {
        if (duty.needs !== 'log' && !sight.hasBarrier) continue
        if (duty.needs === 'lease' && !isLeased) continue
        if (recorder.isPending(duty.key) || isTooSoon(duty, sight.now)) continue
        if (!isTurn(duty, duty.decide(state, sight), sight)) continue
        doneAt.set(duty.key, sight.now)
        dueSince.delete(duty.key)
        // Decided later, maybe after conflicts: by what is known then, and only under a lease that is held then (rule 6).
        const decide = (latest: State) => (duty.needs === 'lease' && !hasLease() ? null : duty.decide(latest, look()))
        void recorder.submit(duty.key, decide).then(wake)
      }
    },
  }
}
