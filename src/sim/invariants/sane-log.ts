/** Nothing on the log contradicts what stood there before. */
import type { Invariant } from '../scene.ts'

export const saneLog: Invariant = {
  name: 'no anomalies',
  watch: ({ violate }) => ({
    committed: ({ position }, before, after) => {
      if (before.anomalies !== after.anomalies)
        violate(`commit ${position.sequence}: ${after.anomalies.at(-1)?.what ?? 'an anomaly'}`)
    },
  }),
}
