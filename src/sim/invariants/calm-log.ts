/** Nothing is put on the log again and again: what is decided is done, and need not be decided once more. */
import type { Invariant } from '../scene.ts'

const mostCommits = 1000
const withinMs = 10_000

export const calmLog: Invariant = {
  name: 'the log is calm',
  watch: ({ scheduler, violate }) => {
    const times: number[] = []
    return {
      committed: ({ commit }) => {
        times.push(scheduler.now)
        if (times.length <= mostCommits) return
        const first = times.shift() ?? 0
        if (scheduler.now - first < withinMs)
          violate(`${mostCommits} commits within ${withinMs} ms, the last of them ${commit.events[0]?.type}`)
      },
    }
  },
}
