/** One client's socket: read in large pieces into one buffer, answered in few calls. */
import type { Socket } from 'node:net'
import { readInLargePieces } from '../large-reads.ts'

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
    this.#socket = readInLargePieces(accepted, port.received)
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
