/** An event log that may be reached only later: until then it takes nothing and tells nothing. */
import { type EventLog, type LogReader, type Position, type Subscription, sequence } from '../../events/index.ts'

export type LateLog = { readonly log: EventLog; readonly arrived: (log: EventLog) => void }

export const lateLog = (): LateLog => {
  let real: EventLog | null = null
  const waiting = new Set<(log: EventLog) => void>()
  const follow = (after: Position, reader: LogReader): Subscription => {
    if (real) return real.follow(after, reader)
    let subscription: Subscription | null = null
    const begin = (log: EventLog) => {
      subscription = log.follow(after, reader)
    }
    waiting.add(begin)
    return {
      stop: () => {
        waiting.delete(begin)
        subscription?.stop()
      },
    }
  }
  return {
    log: {
      append: async (after, commit) =>
        real ? real.append(after, commit) : { result: 'unavailable', because: 'no log server has been reached yet' },
      follow,
      status: () => real?.status() ?? { reachable: false, leader: null, last: sequence(0), replicas: [] },
      moveLeader: async (voter) => real?.moveLeader(voter),
      close: async () => real?.close(),
    },
    arrived: (log) => {
      real = log
      for (const begin of waiting) begin(log)
      waiting.clear()
    },
  }
}
