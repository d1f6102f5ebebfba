/** Sockets that are read in large pieces into one buffer: a burst of requests comes in one call. */
import { Socket, type SocketConstructorOpts } from 'node:net'

/** Where most bursts fit; a larger one costs one more call. */
export const receiveBytes = 262_144

/**
 * Node gives only connecting sockets the choice of their receive buffer. An accepted one that has not been read from
 * is wrapped anew by its handle; without a handle to be had it is read in Node's own pieces of 64 KiB.
 */
export const readInLargePieces = (accepted: Socket, received: (bytes: Buffer) => boolean): Socket => {
  const handle: unknown = Reflect.get(accepted, '_handle')
  const receive = (socket: Socket, bytes: Buffer): boolean => {
    const goOn = received(bytes)
    if (!goOn) socket.pause()
    return goOn
  }
  if (typeof handle !== 'object' || handle === null) {
    accepted.on('data', (bytes: Buffer) => receive(accepted, bytes))
    return accepted
  }
  const buffer = Buffer.allocUnsafeSlow(receiveBytes)
  const onread = {
    buffer,
    callback: (length: number): boolean => receive(socket, buffer.subarray(0, length)),
  }
  const options = { handle, onread, allowHalfOpen: true, readable: true, writable: true, pauseOnCreate: true }
  // cast: Node's own servers make their sockets this way; the types know only handles of sockets that are not connected.
  const socket: Socket = new Socket(options as unknown as SocketConstructorOpts)
  // Its server counts the accepted one as a connection for as long as that lives, and has room for so many.
  socket.once('close', () => accepted.destroy())
  return socket
}
