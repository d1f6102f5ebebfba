/** Moves the log's leader to where losing it costs no service (decisions/lead-log.ts). */
import { leaderToMoveTo } from '../../decisions/lead-log.ts'
import type { EventLog } from '../../events/index.ts'
import type { State } from '../../projections/state.ts'
import type { World } from '../../world/world.ts'

/** The leader is moved at most this often; a move takes a moment to show. */
const moveMs = 3000

export const leaderKeeper = (
  world: World,
  {
    log,
    say,
  }: {
    readonly log: Pick<EventLog, 'status' | 'moveLeader'>
    readonly say: (what: string, fields: Readonly<Record<string, unknown>>) => void
  },
): ((state: State, reachable: ReadonlySet<string>) => void) => {
  let movedAt = Number.NEGATIVE_INFINITY
  return (state, reachable) => {
    const now = world.clock.now()
    const to = now - movedAt < moveMs ? null : leaderToMoveTo(state, log.status(), reachable)
    if (to === null) return
    movedAt = now
    void log
      .moveLeader(to)
      .catch((trouble: unknown) => say('the leader of the log could not be moved', { to, trouble: String(trouble) }))
  }
}
