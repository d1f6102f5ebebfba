/** A new cluster's log begins with the configuration that its kits were made from: whoever finds it empty writes that. */
import { checkConfiguration, formatProblem } from '../decisions/check-configuration.ts'
import type { Decision } from '../decisions/decision.ts'
import type { Configuration } from '../events/index.ts'
import type { State } from '../projections/state.ts'
import type { World } from '../world/world.ts'
import type { Node } from './node.ts'

const againMs = 200

/** Tries until the log holds a configuration, by us or by another; never on a log that ends before what has been seen. */
export const firstConfiguration = async (
  world: World,
  { recorder, store, places, kit, log }: Node,
  signal: AbortSignal,
): Promise<void> => {
  const source = await world.files.read(places.firstConfiguration)
  if (source === null) return
  let checked: Configuration | null = null
  while (!signal.aborted && recorder.state().configuration.current === null) {
    if (log.status().reachable && recorder.state().position.sequence >= store.seen().sequence) {
      // Not before it is needed: an agent that comes back finds a configuration on the log.
      const configuration: Configuration = checked ?? configurationIn(source, places.firstConfiguration)
      checked = configuration
      await recorder.submit('first configuration', (state) => begin(state, kit.identity.cluster, configuration, source))
    }
    await new Promise<void>((resolve) => world.clock.after(againMs, resolve))
  }
}

/** @throws Error when it is no configuration: a kit that was made from it cannot be */
const configurationIn = (source: string, path: string): Configuration => {
  const checked = checkConfiguration(source)
  if (checked.ok) return checked.configuration
  throw new Error(`${path}: ${checked.problems.map((one) => formatProblem(one, 'cluster.yaml')).join('; ')}`)
}

const begin = (state: State, cluster: string, configuration: Configuration, source: string): Decision | null =>
  // Something else may have come first, such as what a server noticed: that must not leave the cluster without one.
  state.configuration.current !== null
    ? null
    : {
        events: [
          { type: 'ClusterCreated', data: { cluster } },
          { type: 'ConfigurationApplied', data: { version: 1, configuration, source, note: 'created' } },
        ],
        because: {},
        causedBy: null,
      }
