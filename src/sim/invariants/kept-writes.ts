/** An acknowledged write is on each copy that the log calls current; once nothing is broken, copies are whole and equal. */
import { isDeepStrictEqual } from 'node:util'
import { areMirrorsWhole, type Invariant } from '../scene.ts'

export const keptWrites: Invariant = {
  name: 'acknowledged writes are kept',
  watch: ({ cluster, pair, scheduler, state, timeouts, violate }) => {
    const { all, partitions } = cluster.mirrors
    // Where both servers may serve at once, one of them loses what it wrote: pair-mirror.test.ts has what becomes of that.
    if (all.length === 0 || pair?.isSound === false) return {}
    for (const { name, judge } of all) judge.violate = (what) => violate(`${name}: ${what}`)
    // What a copy holds changes without a word of the log, too.
    const look = (): void => {
      for (const { judge } of all) judge.examine()
      scheduler.after(timeouts.least * lookPart, look)
    }
    look()
    return {
      committed: ({ commit }) => {
        for (const { judge } of all) judge.committed(commit.events)
      },
      settled: () => {
        if (!areMirrorsWhole(state(), cluster.mirrors)) violate('not every mirror is whole')
        for (const { name, servers, data, judge } of all) {
          for (const server of servers) {
            const objection = judge.objectionTo(server)
            if (objection !== null) violate(`${name}: ${objection}`)
          }
          const [first, second] = servers.map((server) => partitions.of(server, data(server)).content)
          if (!isDeepStrictEqual(first, second)) violate(`${name}: both sides have everything, and differ`)
        }
      },
    }
  },
}

/** Of T. */
const lookPart = 1 / 20
