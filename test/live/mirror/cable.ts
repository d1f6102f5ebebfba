/** A mirror connect on loopback that can be cut, and looked into. */
import { connect, createServer, type Server, type Socket } from 'node:net'

/** A network that can be cut: passes on what comes in at its port. */
export class Cable {
  bytes = 0
  passed: Buffer[] = []
  readonly port: number
  readonly #to: number
  #server: Server | null = null
  readonly #sockets = new Set<Socket>()

  constructor(port: number, to: number) {
    this.port = port
    this.#to = to
  }

  readonly mend = (): Promise<void> =>
    new Promise((resolve) => {
      this.#server = createServer((one) => this.#join(one, connect(this.#to, '127.0.0.1')))
      this.#server.listen(this.port, '127.0.0.1', resolve)
    })

  readonly cut = (): void => {
    this.#server?.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  readonly #join = (one: Socket, other: Socket): void => {
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const) {
      this.#sockets.add(from)
      from.on('error', () => undefined)
      from.on('close', () => {
        this.#sockets.delete(from)
        to.destroy()
      })
      from.on('data', (bytes) => {
        this.bytes += bytes.length
        this.passed.push(bytes)
        to.write(bytes)
      })
    }
  }
}
