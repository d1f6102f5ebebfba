/** UNIX sockets between the processes of one simulated host. */
import type { LocalConnection, LocalReply, LocalRequest, LocalSockets } from '../world/world.ts'
import type { SimulatedHost } from './host.ts'
import type { SimulatedProcess } from './process.ts'

type Listener = {
  readonly process: SimulatedProcess
  readonly connected: (connection: LocalConnection) => void
}
type Server = { readonly process: SimulatedProcess; readonly handle: (request: LocalRequest) => void }

const hopMs: readonly [number, number] = [0.02, 0.15]

/** One side of a connection. What was sent before the end still arrives before the end is told. */
class End implements LocalConnection {
  readonly #process: SimulatedProcess
  #other: End | null = null
  #heard: (text: string) => void = () => {}
  #waiting: string[] = []
  #isHeard = false
  #closed: (() => void)[] = []
  isOpen = true

  constructor(process: SimulatedProcess) {
    this.#process = process
    process.onExit(() => this.#end())
  }

  static pair(one: SimulatedProcess, other: SimulatedProcess): readonly [End, End] {
    const [a, b] = [new End(one), new End(other)]
    a.#other = b
    b.#other = a
    return [a, b]
  }

  readonly send = (text: string): void => {
    const other = this.#other
    if (this.isOpen && other) this.#hop(() => other.#arrived(text))
  }
  readonly onText = (heard: (text: string) => void): void => {
    this.#heard = heard
    this.#isHeard = true
    for (const text of this.#waiting.splice(0)) heard(text)
  }
  readonly onClose = (closed: () => void): void => {
    this.#closed.push(closed)
  }
  readonly close = (): void => this.#end()

  #arrived(text: string): void {
    if (!this.isOpen) return
    if (this.#isHeard) this.#heard(text)
    else this.#waiting.push(text)
  }

  /** The other side is told; whoever closed knows it. */
  #end(): void {
    if (!this.isOpen) return
    this.isOpen = false
    const other = this.#other
    if (other?.isOpen) this.#hop(() => other.#ended())
  }
  #ended(): void {
    if (!this.isOpen) return
    this.isOpen = false
    for (const closed of this.#closed) closed()
  }

  #last = 0
  #hop(arrive: () => void): void {
    const { host } = this.#process
    this.#last = Math.max(this.#last, host.scheduler.now + host.chance.between(...hopMs))
    const other = this.#other
    if (other !== null) host.scheduler.at(this.#last, () => other.#process.enter(arrive))
  }
}

const keyOf = (path: string): string => `socket ${path}`

/** The sockets of a host as one of its processes has them. */
export const simulatedSockets = (process: SimulatedProcess): LocalSockets => {
  const { host } = process
  const connect = (path: string): LocalConnection | null => {
    // cast: only `listen` puts something under this key.
    const listener = host.ram.get(keyOf(path)) as Listener | undefined
    if (!listener?.process.isAlive) return null
    const [mine, theirs] = End.pair(process, listener.process)
    host.scheduler.after(host.chance.between(...hopMs), () => listener.process.enter(() => listener.connected(theirs)))
    return mine
  }
  return {
    listen: (path, connected) =>
      process.answer(0.1, () => {
        const listener: Listener = { process, connected }
        host.ram.set(keyOf(path), listener)
        return () => {
          if (host.ram.get(keyOf(path)) === listener) host.ram.delete(keyOf(path))
        }
      }),
    connect: (path) => process.answer(0.1, () => connect(path)),
    serve: (path, handle) =>
      process.answer(0.1, () => {
        const server: Server = { process, handle }
        host.ram.set(keyOf(path), server)
        return () => {
          if (host.ram.get(keyOf(path)) === server) host.ram.delete(keyOf(path))
        }
      }),
  }
}

export type Request = Pick<LocalRequest, 'method' | 'path' | 'body'>

/** A request over HTTP to the socket at `path`; answers whether somebody took it. `said` gets what is written. */
export const ask = (host: SimulatedHost, path: string, request: Request, said: (text: string) => void): boolean => {
  // cast: only `serve` puts something under this key.
  const server = host.ram.get(keyOf(path)) as Server | undefined
  if (!server?.process.isAlive) return false
  const reply: LocalReply = {
    begin: () => {},
    write: (text) => {
      said(text)
      return true
    },
    drained: () => Promise.resolve(),
    end: (text) => {
      if (text !== undefined) said(text)
    },
    onGone: () => {},
  }
  const { handle } = server
  server.process.enter(() => handle({ ...request, query: new URLSearchParams(), reply }))
  return true
}
