/** For how long things on the log have been as they are, by our own clock: durations never come from wall clocks. */
import type { Epoch, GroupName, Instant, Recorded, ServerName } from '../events/index.ts'
import type { State } from '../projections/state.ts'
import type { World } from '../world/world.ts'
import type { Sight } from './duties.ts'

export type Durations = {
  /** What was recorded, and the states before and after it. */
  readonly fold: (recorded: readonly Recorded[], before: State, after: State) => void
  /** For how long the group has been in that phase; 0 when it is in another. */
  readonly phaseMs: (group: string, phase: string) => number
  /** When this server joined last; at the start of the agent, where it has not joined since. */
  readonly joinedAt: () => Instant
  readonly lasting: (now: Instant) => Pick<Sight, 'onlineMs' | 'joinedMs' | 'startingMs' | 'stretchedMs'>
}

type Since = { readonly epoch: Epoch; readonly phase: string; readonly at: Instant }

/** What it has not seen begin counts from the start of the agent. */
export const durationKeeper = ({ clock }: Pick<World, 'clock'>, me: ServerName): Durations => {
  const phases = new Map<string, Since>()
  let joinedAt = clock.now()
  let startingSince = joinedAt
  let stretchedSince = joinedAt

  const foldPhases = ({ groups }: State, now: Instant): void => {
    for (const { name, ownership } of Object.values(groups)) {
      if (ownership.status !== 'assigned') {
        phases.delete(name)
        continue
      }
      const { epoch, phase } = ownership
      const known = phases.get(name)
      if (known?.epoch !== epoch || known.phase !== phase) phases.set(name, { epoch, phase, at: now })
    }
  }
  const phaseMs = (group: string, phase: string): number => {
    const since = phases.get(group)
    return since?.phase === phase ? clock.now() - since.at : 0
  }
  return {
    fold: (recorded, before, after) => {
      const now = clock.now()
      if (!before.cluster.starting && after.cluster.starting) startingSince = now
      if (before.cluster.stretch?.sequence !== after.cluster.stretch?.sequence) stretchedSince = now
      if (recorded.some((one) => hasJoined(one, me))) joinedAt = now
      foldPhases(after, now)
    },
    phaseMs,
    joinedAt: () => joinedAt,
    lasting: (now) => ({
      onlineMs: (group: GroupName) => phaseMs(group, 'online'),
      joinedMs: now - joinedAt,
      startingMs: now - startingSince,
      stretchedMs: now - stretchedSince,
    }),
  }
}

const hasJoined = ({ commit }: Recorded, me: ServerName): boolean =>
  commit.events.some(({ type, data }) => type === 'ServerJoined' && data.server === me)
