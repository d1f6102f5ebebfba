/** One life of a server asks for a new generation once per T at most (rule 9 of liveness): more of them void every takeover. */
import type { Invariant } from '../scene.ts'

/** Of times that are rounded to whole milliseconds. */
const toleranceMs = 2

export const calmJoins: Invariant = {
  name: 'servers join in calm',
  watch: ({ configuration, pair, scheduler, timeouts, violate }) => {
    const leastMs = timeouts.least / (1 + configuration.heartbeat.clockRateError / 100) - toleranceMs
    const joined = new Map<string, { readonly incarnation: number; readonly at: number }>()
    return {
      committed: ({ commit, position }) => {
        // A commit of another history is told of late, and those after it at once.
        if (pair !== null) return
        for (const event of commit.events) {
          if (event.type !== 'ServerJoined') continue
          const { server, incarnation } = event.data
          const before = joined.get(server)
          joined.set(server, { incarnation, at: scheduler.now })
          const agoMs = scheduler.now - (before?.at ?? Number.NEGATIVE_INFINITY)
          if (before?.incarnation === incarnation && agoMs < leastMs)
            violate(
              `commit ${position.sequence} is a new generation of ${server} ${Math.round(agoMs)} ms after its last one`,
            )
        }
      },
    }
  },
}
