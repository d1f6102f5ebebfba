import { NetworkTrouble } from './network-trouble.ts'
import type { Neighbours } from './world.ts'

const missing = async (): Promise<never> => {
  throw new NetworkTrouble('the network is not reachable from here')
}
/** ARP and neighbour discovery. */
export const realNeighbours: Neighbours = { isTaken: missing, announce: missing }
