/** A server that awaits its return is given, and starts, management groups alone. */
import type { State } from '../../projections/state.ts'
import type { Invariant } from '../scene.ts'

export const heldBack: Invariant = {
  name: 'who awaits its return is held back',
  watch: ({ pair, state, violate }) => {
    // Each of two histories has returns of its own.
    const mayFork = pair?.isSound === false
    return {
      committed: ({ commit, position }, before) => {
        for (const event of commit.events) {
          if (event.type !== 'GroupAssigned') continue
          const { group, server } = event.data
          if (isTooMuch(before, group, server))
            violate(`commit ${position.sequence} gives ${group} to ${server}, which awaits its return`)
        }
      },
      began: ({ host, group, resource, epoch }) => {
        if (!mayFork && isTooMuch(state(), group, host))
          violate(`${host} starts ${group}/${resource} (epoch ${epoch}) and awaits its return`)
      },
    }
  },
}

const isTooMuch = ({ servers, configuration }: State, group: string, server: string): boolean =>
  servers.byName[server]?.awaitsReturn === true && configuration.current?.groups[group]?.kind !== 'management'
