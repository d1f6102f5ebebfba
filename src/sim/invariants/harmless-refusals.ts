/** A refused command leaves its own record, and nothing else. */
import type { Invariant } from '../scene.ts'

export const harmlessRefusals: Invariant = {
  name: 'refusals change nothing',
  watch: ({ violate }) => ({
    committed: ({ commit, position }, before, after) => {
      if (!commit.events.some(({ type }) => type === 'OperationRefused')) return
      const changed = (['cluster', 'configuration', 'servers', 'groups', 'monitors', 'watching'] as const).filter(
        (part) => before[part] !== after[part],
      )
      if (changed.length > 0) violate(`commit ${position.sequence} refuses a command and changes ${changed.join(', ')}`)
    },
  }),
}
