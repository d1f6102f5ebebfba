/** Serves block devices over NBD on a unix socket: newstyle, simple replies, several connections at once. */
import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import type { Cancel, Clock } from '../../world/world.ts'
import { Connection } from './connection.ts'
import { type NbdExports, Negotiation } from './negotiation.ts'
import { Transmission } from './transmission.ts'

/** A kernel uses one per processor at most; the others wait, or are few by configuration. */
const maxConnections = 32
/** A client that has not said what it wants by then never will. */
const negotiationMs = 10_000

/** Listens on `path`, for this user only; replaces the socket that a dead process left. @throws when it cannot. */
export const serveNbd = (clock: Clock, path: string, exports: NbdExports): Promise<Cancel> =>
  new Promise((resolve, reject) => {
    const connections = new Set<Cancel>()
    rmSync(path, { force: true })
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
      const drop = serveClient(clock, socket, exports, () => connections.delete(drop))
      connections.add(drop)
    })
    server.maxConnections = maxConnections
    server.once('error', reject)
    server.listen(path, () => {
      chmodSync(path, 0o600)
      resolve(() => {
        server.close()
        for (const drop of connections) drop()
      })
    })
  })

const serveClient = (clock: Clock, socket: Socket, exports: NbdExports, gone: () => void): Cancel => {
  let transmission: Transmission | null = null
  const received = (bytes: Buffer): boolean => {
    if (transmission) return transmission.receive(bytes)
    const answer = negotiation.receive(bytes)
    if (answer.state === 'over') connection.end()
    if (answer.state !== 'agreed') return true
    hurry()
    transmission = new Transmission(answer.export, {
      send: connection.send,
      ready: connection.resume,
      end: connection.end,
    })
    return transmission.receive(negotiation.rest())
  }
  const closed = (): void => {
    hurry()
    gone()
  }
  const connection = new Connection(socket, { received, closed })
  const negotiation = new Negotiation(exports, connection.send)
  const hurry = clock.after(negotiationMs, connection.destroy)
  return connection.destroy
}
