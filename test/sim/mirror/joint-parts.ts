/** Questions about a machine of a joint simulation, and the world that its processes have. */
import { logWordOf } from '../../../src/decisions/mirror-agent.ts'
import { mirrorObjection } from '../../../src/decisions/mirror-fitness.ts'
import { serverName } from '../../../src/events/index.ts'
import { ClusterPartition } from '../../../src/mirror/cluster-partition.ts'
import { mayActivate } from '../../../src/mirror/engine/activation.ts'
import { dataGeneration } from '../../../src/mirror/generations.ts'
import { serverOf } from '../../../src/projections/servers.ts'
import type { State } from '../../../src/projections/state.ts'
import type { SimulatedHost } from '../../../src/sim/host.ts'
import type { SimulatedDisk } from '../../../src/sim/mirror/block-disk.ts'
import type { SimulatedProcess } from '../../../src/sim/process.ts'
import { simulatedWorld } from '../../../src/sim/world.ts'
import type { World } from '../../../src/world/world.ts'
import { mirror } from './joint-agent.ts'

/** The log and the engine would let this copy be activated now, without an operator's word. */
export const mightServe = (state: State, host: SimulatedHost, metadata: SimulatedDisk): boolean => {
  const name = serverName(host.name)
  const { status, boot } = serverOf(state.servers, name)
  if (!host.isOn || status !== 'up' || boot !== host.bootId) return false
  if (state.mirrors[mirror]?.forced || (state.mirrors[mirror]?.epoch ?? 0) === 0) return false
  if (mirrorObjection(state, mirror, name) !== null) return false
  const opened = ClusterPartition.open(metadata)
  if (opened.is === 'unusable') return false
  const word = logWordOf(state, mirror, name)
  const generation = word.generation === null ? null : dataGeneration(word.generation)
  return mayActivate(opened.partition.state, host.bootId, { ...word, generation }).may
}

export const worldOf = (process: SimulatedProcess): World =>
  simulatedWorld(process, {
    post: { bind: () => () => {}, send: () => {} },
    reset: () => {},
    told: () => {},
    // cast: neither an agent of this simulation nor a data plane touches them
    around: { network: {}, http: {}, serialLines: {}, rawDisks: {} } as never,
    command: () => null,
  })
