/** What simulated machines do not have, or what their drivers do not need: calls answer as a machine without it would. */
import { NetworkTrouble } from '../world/network-trouble.ts'
import type { Devices, HttpServers, Neighbours, Network } from '../world/world.ts'

/** NICs and their addresses are the drivers' business, which the simulation has of its own. */
export const absentNics: Network = {
  nics: () => [],
  addresses: () => [],
  addAddress: () => 'done',
  removeAddress: () => 'done',
  onNicChange: () => () => {},
  answering: async (addresses) => addresses,
}
export const absentNeighbours: Neighbours = { isTaken: async () => null, announce: async () => {} }
export const absentDevices: Devices = {
  isHeld: async () => false,
  keepOpen: async () => async () => undefined,
  isSame: async () => false,
  users: async () => [],
}

const refuse = async (): Promise<never> => {
  throw new NetworkTrouble('nobody answers')
}
export const absentHttpServers: HttpServers = { listen: refuse }
