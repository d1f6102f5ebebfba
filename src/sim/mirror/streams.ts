/** TCP between simulated machines, for mirror connects: in order and whole; late rather than lost, dead when nothing gets through. */
import type { Channel, ChannelEnd } from '../../mirror/peer/link.ts'
import type { Accept, DialOptions, Place } from '../../mirror/peer/transport.ts'
import type { Cancel } from '../../world/world.ts'
import type { SimulatedNetwork } from '../network.ts'
import type { SimulatedProcess } from '../process.ts'

/** A machine's address: whose, and on which network. */
export type Address = { readonly host: string; readonly network: string }
export type StreamParts = {
  readonly network: SimulatedNetwork
  readonly at: (address: string) => Address | null
  /** Bytes that a process sends, before they are on their way: it may be the last thing that it does. */
  readonly sending: (process: SimulatedProcess) => void
}

/** What is not acknowledged is sent again this often, and given up after so long. */
const againMs = 40
const patienceMs = 15_000
/** A receiver may get a piece in two. */
const splits = 0.1
const scribble = 0xee

type Piece = { readonly bytes: Uint8Array | null; readonly because: string }

/** One end of a connection, in the kernel of a machine: it outlives its process as far as what was sent goes. */
class End {
  readonly process: SimulatedProcess
  readonly boot: number
  readonly #parts: StreamParts
  readonly #way: { readonly network: string; readonly to: string }
  other: End | null = null
  user: ChannelEnd | null = null
  isClosed = false
  #queue: Piece[] = []
  #isPumping = false
  #stuckSince: number | null = null

  constructor(process: SimulatedProcess, way: { readonly network: string; readonly to: string }, parts: StreamParts) {
    this.process = process
    this.boot = process.host.boots
    this.#way = way
    this.#parts = parts
    process.onExit(() => this.#leave('the other side has ended'))
  }

  get #isMachineUp(): boolean {
    return this.process.host.isOn && this.process.host.boots === this.boot
  }

  readonly channel: Channel = {
    send: (bytes) => {
      // Memory that was lent for the call only must not travel.
      const copy = Uint8Array.from(bytes)
      this.#parts.sending(this.process)
      if (!this.isClosed && this.process.isAlive) this.#push({ bytes: copy, because: '' })
    },
    close: () => this.#leave('the other side has closed the connection'),
  }

  /** This side is told. */
  readonly tell = (because: string): void => {
    if (this.isClosed) return
    this.isClosed = true
    this.#queue = []
    this.process.enter(() => this.user?.closed(because))
  }

  /** What was sent before still arrives. */
  readonly #leave = (because: string): void => {
    if (this.isClosed) return
    this.isClosed = true
    this.#push({ bytes: null, because })
  }

  readonly #push = (piece: Piece): void => {
    this.#queue.push(piece)
    if (this.#isPumping) return
    this.#isPumping = true
    this.#later()
  }

  readonly #later = (ms = 0): void => {
    const { scheduler } = this.process.host
    const { network, to } = this.#way
    scheduler.after(ms + this.#parts.network.lateness(network, this.process.host.name, to), this.#pump)
  }

  readonly #pump = (): void => {
    const [first] = this.#queue
    const { other } = this
    if (first === undefined || other === null) {
      this.#isPumping = false
      return
    }
    const answer = this.#deliver(first, other)
    if (answer === 'stuck') {
      const { now } = this.process.host.scheduler
      this.#stuckSince ??= now
      if (now - this.#stuckSince < patienceMs) {
        this.#later(againMs)
        return
      }
      this.#queue = []
      this.tell('nothing gets through')
    } else {
      this.#stuckSince = null
      this.#queue.shift()
      if (answer === 'refused') this.tell('connection reset')
    }
    if (this.#queue.length > 0) this.#later()
    else this.#isPumping = false
  }

  /** What is in the kernel of a machine that lost its power goes no more. */
  readonly #deliver = ({ bytes, because }: Piece, other: End): 'there' | 'stuck' | 'refused' => {
    if (!this.#isMachineUp) return 'there'
    const { network, to } = this.#way
    if (this.#parts.network.isCut(network, this.process.host.name, to)) return 'stuck'
    // Nobody answers for a machine that is off; one that was started anew knows nothing of the connection.
    if (!other.process.host.isOn) return 'stuck'
    if (other.process.host.boots !== other.boot || !other.process.isAlive || other.isClosed) return 'refused'
    if (other.process.standsStill) return 'stuck'
    if (bytes === null) other.tell(because)
    else other.#receive(bytes)
    return 'there'
  }

  readonly #receive = (bytes: Uint8Array): void => {
    const { chance } = this.process.host
    const cut = bytes.length > 1 && chance.happens(splits) ? chance.whole(1, bytes.length - 1) : bytes.length
    for (const piece of [bytes.slice(0, cut), bytes.slice(cut)]) {
      if (piece.length === 0) continue
      this.process.enter(() => this.user?.received(piece))
      // The memory is the receiver's for the call only.
      piece.fill(scribble)
    }
  }
}

type Listener = { readonly process: SimulatedProcess; readonly accept: Accept }

/** All connections of a simulation. */
export class Streams {
  readonly #parts: StreamParts
  readonly #listeners = new Map<string, Listener>()

  constructor(parts: StreamParts) {
    this.#parts = parts
  }

  readonly listen =
    (process: SimulatedProcess) =>
    ({ address, port }: Place, _: unknown, accept: Accept): Promise<Cancel> => {
      const key = `${address}:${port}`
      const listener = { process, accept }
      this.#listeners.set(key, listener)
      return process.answer(0.1, () => () => {
        if (this.#listeners.get(key) === listener) this.#listeners.delete(key)
      })
    }

  readonly dial =
    (process: SimulatedProcess) =>
    ({ address, port }: Place, { from }: DialOptions, user: ChannelEnd): Channel => {
      const there = this.#parts.at(address)
      const here = this.#parts.at(from ?? '')
      const network = here?.network ?? there?.network ?? ''
      const mine = new End(process, { network, to: there?.host ?? '' }, this.#parts)
      mine.user = user
      this.#knock(mine, { network, key: `${address}:${port}`, host: there?.host ?? '' })
      return mine.channel
    }

  /** A connection takes a way there and back; nobody is told of one that nobody answers. */
  readonly #knock = (mine: End, { network, key, host }: { network: string; key: string; host: string }): void => {
    const { process } = mine
    const { scheduler, name } = process.host
    const way = this.#parts.network
    scheduler.after(way.lateness(network, name, host) + way.lateness(network, host, name), () => {
      if (way.isCut(network, name, host) || way.isCut(network, host, name)) return
      const listener = this.#listeners.get(key)
      if (!listener?.process.isAlive) {
        if (listener === undefined || listener.process.host.isOn) mine.tell('connection refused')
        return
      }
      if (!process.isAlive || mine.isClosed) return
      const theirs = new End(listener.process, { network, to: name }, this.#parts)
      mine.other = theirs
      theirs.other = mine
      listener.process.enter(() =>
        listener.accept((user) => {
          theirs.user = user
          return theirs.channel
        }),
      )
    })
  }
}
