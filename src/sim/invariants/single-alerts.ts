/** A server sends each alert at most once, whatever restarts in between. */
import { places } from '../cluster.ts'
import type { Invariant } from '../scene.ts'

export const singleAlerts: Invariant = {
  name: 'alerts are sent at most once',
  watch: ({ violate }) => {
    const sent = new Map<string, Set<string>>()
    return {
      wrote: (host, path, content) => {
        if (path !== places.alerts) return
        const known = sent.get(host) ?? new Set()
        sent.set(host, known)
        for (const line of content.split('\n')) {
          if (line === '') continue
          if (known.has(line)) violate(`${host} sends an alert again: ${line}`)
          known.add(line)
        }
      },
    }
  },
}
