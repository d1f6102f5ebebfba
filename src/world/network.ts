import { NetworkTrouble } from './network-trouble.ts'
import type { Network } from './world.ts'

const missing = (): never => {
  throw new NetworkTrouble('the network is not reachable from here')
}
/** NICs and addresses of this machine's network namespace. */
export const realNetwork: Network = {
  nics: missing,
  addresses: missing,
  addAddress: missing,
  removeAddress: missing,
  onNicChange: () => null,
  answering: async () => [],
}
