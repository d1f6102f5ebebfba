/** One client's socket: read in large pieces into one buffer, answered in few calls. */
import { Socket, type SocketConstructorOpts } from 'node:net'

/** Where most bursts fit; a larger one costs one more call. */
const receiveBytes = 262_144
/** Answers below this are sent as one piece: copying them is cheaper than a list of pieces. */
const joinedBytes = 65_536

export type ConnectionPort = {
  /** False: no more until `resume`. The bytes are overwritten by what comes next. */
  readonly received: (bytes: Buffer) => boolean
  readonly closed: () => void
}

export class Connection {
  readonly #socket: Socket
  #waiting: { readonly bytes: Buffer; readonly written: () => void }[] = []
  #isScheduled = false
  #isEnding = false

  constructor(accepted: Socket, port: ConnectionPort) {
    this.#socket = withLargeBuffer(accepted, port.received)
    // What is lost with a client that has gone is told by its closing.
    this.#socket.on('error', () => {})
    this.#socket.on('close', port.closed)
    this.#socket.on('end', () => this.#socket.end())
    this.#socket.resume()
  }

  /** Goes out with everything else of this turn. */
  readonly send = (bytes: Buffer, written: () => void = () => {}): void => {
    this.#waiting.push({ bytes, written })
    if (this.#isScheduled) return
    this.#isScheduled = true
    queueMicrotask(this.#sendWaiting)
  }

  readonly resume = (): void => {
    this.#socket.resume()
  }

  /** Sends what waits, then closes. */
  readonly end = (): void => {
    this.#isEnding = true
    if (!this.#isScheduled) this.#socket.destroySoon()
  }

  readonly destroy = (): void => {
    this.#socket.destroy()
  }

  readonly #sendWaiting = (): void => {
    this.#isScheduled = false
    const all = this.#waiting
    this.#waiting = []
    if (this.#socket.destroyed) return
    const total = all.reduce((sum, { bytes }) => sum + bytes.length, 0)
    if (all.length > 1 && total <= joinedBytes) {
      const joined = Buffer.concat(
        all.map(({ bytes }) => bytes),
        total,
      )
      this.#socket.write(joined, () => {
        for (const { written } of all) written()
      })
    } else {
      this.#socket.cork()
      for (const { bytes, written } of all) this.#socket.write(bytes, () => written())
      this.#socket.uncork()
    }
    if (this.#isEnding) this.#socket.destroySoon()
  }
}

/**
 * Node gives only connecting sockets the choice of their receive buffer. An accepted one that has not been read from
 * is wrapped anew by its handle; without a handle to be had it is read in Node's own pieces of 64 KiB.
 */
const withLargeBuffer = (accepted: Socket, received: (bytes: Buffer) => boolean): Socket => {
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
  return socket
}
