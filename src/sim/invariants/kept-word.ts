/**
 * A server's word that everything is off for good (rule 4 of liveness) is true from the moment when it is on its disk:
 * nothing runs there then, and nothing starts before the server has a newer generation.
 */
import { z } from 'zod'
import { places } from '../kit.ts'
import type { Run } from '../ledger.ts'
import type { Invariant } from '../scene.ts'

const store = z.object({ renounced: z.number() })

export const keptWord: Invariant = {
  name: 'a word is kept',
  watch: ({ ledger, pair, state, violate }) => {
    // Each of two histories counts generations of its own.
    const mayFork = pair?.isSound === false
    const given = new Map<string, number>()
    /** The generation that each run began under: its server may have a newer one before its word on the last is on disk. */
    const beganUnder = new WeakMap<Run, number>()
    const breaks = (host: string, what: string) => {
      if (!mayFork) violate(`${host} has given its word under generation ${given.get(host)}, and ${what}`)
    }
    return {
      wrote: (host, path, content) => {
        if (path !== places.voterStore) return
        const { renounced } = store.parse(JSON.parse(content))
        const isNews = renounced > (given.get(host) ?? 0)
        // A new disk does not remember it; others do. In a pair a history may be given up, and all that was said there.
        if (isNews || pair !== null) given.set(host, renounced)
        const run = ledger.on(host).find((one) => (beganUnder.get(one) ?? 0) <= renounced)
        if (isNews && run !== undefined) breaks(host, `runs ${run.group}/${run.resource} (epoch ${run.epoch})`)
      },
      began: (run) => {
        const { host, group, resource, epoch } = run
        const generation = state().servers.byName[host]?.generation ?? 0
        beganUnder.set(run, generation)
        if (generation <= (given.get(host) ?? 0))
          breaks(host, `starts ${group}/${resource} (epoch ${epoch}) before it has a newer one`)
      },
    }
  },
}
