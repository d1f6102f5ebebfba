/** H2: beats as UDP datagrams, one path per network. */
import { type PathName, pathName } from '../../events/index.ts'
import type { DatagramSocket, World } from '../../world/world.ts'
import type { KitVoter, VoterKit } from '../voter/voter-kit.ts'
import type { HeartbeatPath } from './path.ts'

/** How often binding is tried again while an address is not there yet (a NIC that comes up late). */
const rebindMs = 1000

/** The LAN paths of this voter: one for each of its networks. */
export const lanPaths = (
  world: World,
  { identity, own }: VoterKit,
  received: (bytes: Uint8Array, path: PathName) => void,
): readonly HeartbeatPath[] =>
  Object.entries(own.addresses).map(([network, address]) => {
    const peers = identity.voters.filter((voter) => voter.name !== own.name).flatMap((voter) => target(voter, network))
    return lanPath(world, { name: pathName(`lan:${network}`), address, port: own.ports.heartbeat, peers }, received)
  })

const target = ({ addresses, ports }: KitVoter, network: string) => {
  const address = addresses[network]
  return address === undefined ? [] : [{ address, port: ports.heartbeat }]
}

type Target = { readonly address: string; readonly port: number }

const lanPath = (
  world: World,
  { name, address, port, peers }: Target & { readonly name: PathName; readonly peers: readonly Target[] },
  received: (bytes: Uint8Array, path: PathName) => void,
): HeartbeatPath => {
  let socket: DatagramSocket | null = null
  let isClosed = false
  const bind = () => {
    if (isClosed) return
    world.datagrams
      .bind({ address, port }, (bytes) => received(bytes, name))
      .then(
        (bound) => {
          socket = bound
          if (isClosed) bound.close()
        },
        () => world.clock.after(rebindMs, bind),
      )
  }
  bind()
  return {
    name,
    send: (bytes) => {
      for (const peer of peers) socket?.send(bytes, peer)
    },
    close: () => {
      isClosed = true
      socket?.close()
    },
  }
}
