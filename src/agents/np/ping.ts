/** NP resolution by ping: which of the targets (gateways, mostly) can be reached from here. */
import type { World } from '../../world/world.ts'

/**
 * The targets that answered an ICMP echo within `timeoutMs`, in the order given.
 * @throws NetworkTrouble when nobody can be asked (no CAP_NET_RAW and no ping(8)): not the same as being cut off.
 */
export const pingTargets = async (world: World, targets: readonly string[], timeoutMs: number): Promise<string[]> => {
  const answered = new Set(await world.network.answering(targets, timeoutMs))
  return targets.filter((target) => answered.has(target))
}
