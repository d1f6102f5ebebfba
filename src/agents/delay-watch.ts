/** Tells on the log that beats come late on a path: at once the first time, then seldom, with how many it were. */
import type { Event, Instant, ServerName } from '../events/index.ts'
import type { PathTime } from './path-times.ts'

/** A bad network is late all day: one line in ten minutes is enough to know. */
const tellAgainMs = 600_000

export type DelayWatchParts = {
  readonly me: ServerName
  readonly times: () => readonly PathTime[]
  readonly note: (event: Event) => void
}

export const delayWatch = ({ me, times, note }: DelayWatchParts): { readonly look: (now: Instant) => void } => {
  const told = new Map<string, { readonly at: Instant; readonly late: number }>()
  return {
    look: (now) => {
      for (const { voter, path, late, worstMs } of times()) {
        if (late === 0) continue
        const key = `${voter} ${path}`
        const last = told.get(key)
        const count = late - (last?.late ?? 0)
        if (count <= 0 || (last && now - last.at < tellAgainMs)) continue
        told.set(key, { at: now, late })
        const data = { server: me, peer: voter, path, count, worstMs: Math.round(worstMs) }
        note({ type: 'BeatsDelayed', data })
      }
    },
  }
}
