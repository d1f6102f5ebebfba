/** Whether a copy of a mirror could be given its group now: then it must have every acknowledged write. */
import { logWordOf } from '../../decisions/mirror-agent.ts'
import { mirrorObjection } from '../../decisions/mirror-fitness.ts'
import { serverName } from '../../events/index.ts'
import { ClusterPartition } from '../../mirror/cluster-partition.ts'
import { mayActivate } from '../../mirror/engine/activation.ts'
import { dataGeneration } from '../../mirror/generations.ts'
import { serverOf } from '../../projections/servers.ts'
import type { State } from '../../projections/state.ts'
import type { SimulatedHost } from '../host.ts'
import type { SimulatedDisk } from './block-disk.ts'

export type Copy = { readonly mirror: string; readonly host: SimulatedHost; readonly metadata: SimulatedDisk }

/** The log and the engine would let this copy be activated now, without an operator's word. */
export const mightServe = (state: State, { mirror, host, metadata }: Copy): boolean => {
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
