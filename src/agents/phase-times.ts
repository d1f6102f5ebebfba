/** For how long each owned group has been in its phase, on our own clock: durations never come from wall clocks. */
import type { Epoch, Instant } from '../events/index.ts'
import type { State } from '../projections/state.ts'
import type { Clock } from '../world/world.ts'

export type PhaseTimes = {
  readonly fold: (state: State) => void
  /** 0 when it is not in that phase. */
  readonly ms: (group: string, phase: string) => number
}

type Since = { readonly epoch: Epoch; readonly phase: string; readonly at: Instant }

export const phaseTimes = (clock: Clock): PhaseTimes => {
  const entered = new Map<string, Since>()
  return {
    fold: ({ groups }) => {
      const now = clock.now()
      for (const { name, ownership } of Object.values(groups)) {
        if (ownership.status !== 'assigned') entered.delete(name)
        else {
          const { epoch, phase } = ownership
          const known = entered.get(name)
          if (known?.epoch !== epoch || known.phase !== phase) entered.set(name, { epoch, phase, at: now })
        }
      }
    },
    ms: (group, phase) => {
      const since = entered.get(group)
      return since?.phase === phase ? clock.now() - since.at : 0
    },
  }
}
