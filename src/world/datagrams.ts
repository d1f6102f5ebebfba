import { createSocket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { Datagrams } from './world.ts'

/** UDP. */
export const realDatagrams: Datagrams = {
  bind: ({ address, port }, received) =>
    new Promise((resolve, reject) => {
      const isV6 = isIPv6(address)
      const socket = createSocket({
        type: isV6 ? 'udp6' : 'udp4',
        reuseAddr: false,
        ipv6Only: isV6 && address !== '::',
      })
      socket.once('error', reject)
      socket.on('message', (bytes, from) => received(bytes, { address: from.address, port: from.port }))
      socket.bind({ port, address, exclusive: true }, () => {
        socket.off('error', reject)
        // What happens to one datagram is never a reason to stop: silence tells enough.
        socket.on('error', () => undefined)
        let isOpen = true
        resolve({
          send: (bytes, to) => {
            if (isOpen) socket.send(bytes, to.port, to.address, () => undefined)
          },
          close: () => {
            if (isOpen) socket.close()
            isOpen = false
          },
        })
      })
    }),
}
