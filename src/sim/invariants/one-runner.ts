/** At most one server runs a group's resources at any instant: by what truly runs, not by what anybody believes. */
import type { Invariant } from '../scene.ts'

export const oneRunner: Invariant = {
  name: 'one server runs a group',
  watch: ({ ledger, violate }) => ({
    began: (run) => {
      const other = ledger.running().find(({ group, host }) => group === run.group && host !== run.host)
      if (other)
        violate(
          `${run.host} starts ${run.group}/${run.resource} (epoch ${run.epoch}) while ${other.host} runs ${other.group}/${other.resource} (epoch ${other.epoch})`,
        )
    },
  }),
}
