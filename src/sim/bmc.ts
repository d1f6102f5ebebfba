/** Management controllers of servers as the others see them: they answer whatever became of their machines. */
import { pongTo } from '../agents/heartbeats/rmcp.ts'
import type { Configuration } from '../events/index.ts'
import type { SimulatedNetwork } from './network.ts'
import type { Outside } from './outside.ts'
import type { SimulatedProcess } from './process.ts'
import type { Received } from './world.ts'

export type ControllerPostParts = {
  readonly network: SimulatedNetwork
  readonly outside: Pick<Outside, 'networkOf' | 'dead'>
}

export class ControllerPost {
  readonly #addresses: ReadonlySet<string>
  readonly #parts: ControllerPostParts

  constructor({ servers }: Configuration, parts: ControllerPostParts) {
    this.#addresses = new Set(servers.flatMap(({ bmc }) => (bmc === undefined ? [] : [bmc.address])))
    this.#parts = parts
  }

  /** Whether it is for a controller; whoever asked is answered by `received`. */
  take(from: SimulatedProcess, bytes: Uint8Array, to: { address: string; port: number }, received: Received): boolean {
    const { address } = to
    const { network, outside } = this.#parts
    const on = outside.networkOf(address)
    if (!this.#addresses.has(address) || on === undefined) return false
    const pong = pongTo(bytes)
    if (pong !== null && from.isAlive)
      network.datagram(on, from.host.name, address, () => {
        if (!outside.dead.has(address))
          network.datagram(on, address, from.host.name, () => from.enter(() => received(pong, to)))
      })
    return true
  }
}
