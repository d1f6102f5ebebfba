/** The epochs of a group only grow, on the log and in what is started. */
import { isOwned } from '../../decisions/decision.ts'
import type { Invariant } from '../scene.ts'

export const growingEpochs: Invariant = {
  name: 'epochs only grow',
  watch: ({ pair, violate }) => {
    // Each of two histories gives epochs of its own.
    const mayFork = pair?.isSound === false
    const started = new Map<string, { readonly epoch: number; readonly host: string }>()
    return {
      began: ({ group, epoch, host }) => {
        const before = started.get(group)
        if (!mayFork && before && (epoch < before.epoch || (epoch === before.epoch && host !== before.host)))
          violate(`${host} starts ${group} under epoch ${epoch} after ${before.host} did under epoch ${before.epoch}`)
        if (!before || epoch > before.epoch) started.set(group, { epoch, host })
      },
      committed: ({ position }, before, after) => {
        for (const group of Object.values(after.groups)) {
          const was = before.groups[group.name]
          if (was === group || !was || !isOwned(was) || !isOwned(group)) continue
          const isNew = group.ownership.epoch !== was.ownership.epoch
          if (isNew && group.ownership.epoch <= was.ownership.epoch)
            violate(
              `commit ${position.sequence} takes ${group.name} from epoch ${was.ownership.epoch} back to ${group.ownership.epoch}`,
            )
        }
      },
    }
  },
}
