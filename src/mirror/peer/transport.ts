/** Mirror connects over TCP, with TLS where the kit's certificates are given. */
import { connect as connectTcp, createServer as createTcpServer, type Socket } from 'node:net'
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls'
import type { Cancel } from '../../world/world.ts'
import { readInLargePieces, receiveBytes } from '../large-reads.ts'
import type { Channel, ChannelEnd } from './link.ts'

export type TlsIdentity = { readonly ca: string; readonly certificate: string; readonly key: string }
export type Place = { readonly address: string; readonly port: number }
export type DialOptions = {
  /** The own address of that network: the connection must not go another way. */
  readonly from: string | null
  readonly tls: TlsIdentity | null
}

/** Opens a connection; `end.closed` tells when it cannot be had. */
export const dial = ({ address, port }: Place, { from, tls }: DialOptions, end: ChannelEnd): Channel => {
  const local = from === null ? {} : { localAddress: from }
  if (tls) {
    const socket = connectTls({ host: address, port, ...local, ...mutual(tls), checkServerIdentity: () => undefined })
    socket.on('data', end.received)
    return channelOf(socket, end)
  }
  const buffer = Buffer.allocUnsafeSlow(receiveBytes)
  const callback = (length: number): boolean => {
    end.received(buffer.subarray(0, length))
    return true
  }
  const socket = connectTcp({ host: address, port, ...local, onread: { buffer, callback } })
  return channelOf(socket, end)
}

/** Any certificate of the cluster's authority will do: who somebody is, the proof with the cluster's key says. */
const mutual = ({ ca, certificate, key }: TlsIdentity) => ({
  ca,
  cert: certificate,
  key,
  rejectUnauthorized: true,
  requestCert: true,
})

/** Somebody has connected: hands over what opens the channel. */
export type Accept = (open: (end: ChannelEnd) => Channel) => void

/** The peer has one connection per network, and maybe one that has died and one that tries again. */
const maxConnections = 16

/** @throws when it cannot be bound. */
export const listen = ({ address, port }: Place, tls: TlsIdentity | null, accept: Accept): Promise<Cancel> =>
  new Promise((resolve, reject) => {
    const sockets = new Set<Socket>()
    const keep = (socket: Socket): void => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
    }
    const server = tls ? tlsServer(tls, keep, accept) : tcpServer(keep, accept)
    server.maxConnections = maxConnections
    server.once('error', reject)
    server.listen(port, address, () =>
      resolve(() => {
        server.close()
        for (const socket of sockets) socket.destroy()
      }),
    )
  })

const tlsServer = (tls: TlsIdentity, keep: (socket: Socket) => void, accept: Accept) =>
  createTlsServer(mutual(tls), (socket: TLSSocket) => {
    keep(socket)
    accept((end) => {
      socket.on('data', end.received)
      return channelOf(socket, end)
    })
  }).on('tlsClientError', () => {})

const tcpServer = (keep: (socket: Socket) => void, accept: Accept) =>
  createTcpServer({ pauseOnConnect: true }, (accepted) => {
    accept((end) => {
      const socket = readInLargePieces(accepted, (bytes) => {
        end.received(bytes)
        return true
      })
      keep(socket)
      const channel = channelOf(socket, end)
      socket.resume()
      return channel
    })
  })

const channelOf = (socket: Socket, end: ChannelEnd): Channel => {
  let trouble = 'the other side has closed the connection'
  socket.setNoDelay(true)
  socket.on('error', (error) => {
    trouble = error.message
  })
  socket.on('close', () => end.closed(trouble))
  // Nothing can follow: what was sent to it would be waited for until it counts as silent.
  socket.on('end', () => socket.destroy())
  return {
    send: (bytes, taken) => {
      if (socket.writable) socket.write(bytes, () => taken?.())
    },
    close: () => {
      socket.destroy()
    },
  }
}
