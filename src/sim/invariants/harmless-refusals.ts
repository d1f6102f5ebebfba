/** A refused command leaves its own record, and nothing else. */
import type { State } from '../../projections/state.ts'
import type { Invariant } from '../scene.ts'

export const harmlessRefusals: Invariant = {
  name: 'refusals change nothing',
  watch: ({ violate }) => ({
    committed: ({ commit, position }, before, after) => {
      if (!commit.events.some(({ type }) => type === 'OperationRefused')) return
      const changed = changedParts(before, after)
      if (changed.length > 0) violate(`commit ${position.sequence} refuses a command and changes ${changed.join(', ')}`)
    },
  }),
}

/** What every commit changes, and the record of operations. */
const ownRecord = new Set(['position', 'at', 'operations'])

/** Parts of the state that differ beyond the record of a commit itself: whatever is added to the state is looked at too. */
export const changedParts = (before: State, after: State): readonly string[] => {
  const parts: Readonly<Record<string, unknown>> = before
  return Object.entries(after).flatMap(([part, value]) => (ownRecord.has(part) || parts[part] === value ? [] : [part]))
}
