/**
 * One authenticated connection to the other side. Both say who they are and prove that they have the cluster's key,
 * each about the other's random number; only then is a frame of anything else taken. While it stands it is heard
 * regularly, or it is closed.
 */
import { timingSafeEqual } from 'node:crypto'
import type { Cancel, World } from '../../world/world.ts'
import type { MirrorId } from '../generations.ts'
import { SpareBuffers } from '../spare-buffers.ts'
import { encodeFrames, type Frame, FrameReader, frame, maxPayloadBytes } from './frame.ts'
import { encodeMessage, type Hello, parseHello, protocolVersions } from './messages.ts'

/** Bytes to and from somewhere: a socket, or a simulation. */
export type Channel = {
  /** `taken`: the bytes are the caller's again. */
  readonly send: (bytes: Uint8Array, taken?: () => void) => void
  readonly close: () => void
}
/** What a channel calls. */
export type ChannelEnd = { readonly received: (bytes: Uint8Array) => void; readonly closed: (because: string) => void }

export type LinkIdentity = {
  readonly mirror: MirrorId
  readonly server: string
  /** The only one that may answer. */
  readonly peer: string
  readonly key: Uint8Array
  /** Who opened the connection: its proof must not be the other's. */
  readonly side: 'connecting' | 'accepting'
}
export type LinkLimits = {
  /** A peer that has not proved itself by then is dropped. */
  readonly handshakeMs: number
  readonly pingEveryMs: number
  /** Nothing heard for so long: the connection is dead, whatever TCP believes. */
  readonly silenceMs: number
  readonly compress: boolean
}
export const defaultLinkLimits: LinkLimits = { handshakeMs: 5000, pingEveryMs: 500, silenceMs: 5000, compress: false }

export type LinkStatistics = {
  /** On the wire, headers included. */
  sentBytes: number
  payloadBytes: number
  compressedBytes: number
  /** Of the last ping. */
  roundTripMs: number | null
  /** Whoever reads it sets it back. */
  highestRoundTripMs: number
}

/** To whoever uses the link, in this order: opened once, frames and pauses, closed once. */
export type LinkUser = {
  readonly opened: (link: PeerLink) => void
  readonly received: (one: Frame) => void
  /** Nothing more has come by now: what the frames since the last time point to is overwritten from here on. */
  readonly paused: () => void
  readonly closed: (because: string) => void
}

export type LinkWorld = Pick<World, 'authenticate' | 'clock'> & {
  /** 32 random bytes, hexadecimal. */
  readonly nonce: () => string
}

/** Longest payload of a peer that has not proved anything. */
const strangerBytes = 4096

export class PeerLink {
  readonly statistics: LinkStatistics = {
    sentBytes: 0,
    payloadBytes: 0,
    compressedBytes: 0,
    roundTripMs: null,
    highestRoundTripMs: 0,
  }
  readonly #world: LinkWorld
  readonly #identity: LinkIdentity
  readonly #limits: LinkLimits
  readonly #user: LinkUser
  readonly #channel: Channel
  readonly #spare = new SpareBuffers()
  readonly #reader: FrameReader
  readonly #hello: Uint8Array
  #peerHello: Uint8Array | null = null
  #state: 'greeting' | 'proving' | 'open' | 'closed' = 'greeting'
  #heardAt: number
  #timer: Cancel

  /** `open` is given the end that the channel has to call, and answers the channel. */
  constructor(
    world: LinkWorld,
    { identity, limits, user }: { identity: LinkIdentity; limits: LinkLimits; user: LinkUser },
    open: (end: ChannelEnd) => Channel,
  ) {
    this.#world = world
    this.#identity = identity
    this.#limits = limits
    this.#user = user
    this.#reader = new FrameReader(this.#take, () => (this.#state === 'open' ? maxPayloadBytes : strangerBytes))
    this.#hello = encodeMessage({
      protocol: protocolVersions,
      mirror: identity.mirror,
      server: identity.server,
      nonce: world.nonce(),
    })
    this.#heardAt = world.clock.now()
    this.#channel = open({ received: this.#received, closed: this.close })
    this.#timer = world.clock.after(limits.handshakeMs, () => this.close('it did not prove who it is in time'))
    this.#write([frame('hello', { payload: this.#hello })])
  }

  /** In one piece; what the frames point to may be overwritten afterwards. */
  readonly send = (frames: readonly Frame[]): void => {
    if (this.#state === 'open' && frames.length > 0) this.#write(frames)
  }

  readonly close = (because: string): void => {
    if (this.#state === 'closed') return
    const wasOpen = this.#state === 'open'
    this.#state = 'closed'
    this.#timer()
    this.#channel.close()
    this.#user.closed(wasOpen ? because : `not connected: ${because}`)
  }

  readonly #write = (frames: readonly Frame[]): void => {
    const { bytes, before, after } = encodeFrames(frames, this.#limits.compress, this.#spare.take)
    this.statistics.sentBytes += bytes.length
    this.statistics.payloadBytes += before
    this.statistics.compressedBytes += after
    this.#channel.send(bytes, () => this.#spare.give(bytes))
  }

  readonly #received = (bytes: Uint8Array): void => {
    if (this.#state === 'closed') return
    this.#heardAt = this.#world.clock.now()
    const trouble = this.#reader.receive(bytes)
    if (trouble !== null) this.close(trouble)
    else if (this.#state === 'open') this.#user.paused()
  }

  readonly #take = (one: Frame): void => {
    switch (this.#state) {
      case 'closed':
        return
      case 'greeting':
        this.#greeted(one)
        return
      case 'proving':
        this.#proved(one)
        return
      default:
        this.#takeOpen(one)
    }
  }

  readonly #takeOpen = (one: Frame): void => {
    if (one.kind === 'ping') this.send([frame('pong', { sequence: one.sequence })])
    else if (one.kind === 'pong') this.#ponged(this.#world.clock.now() - one.sequence)
    else if (one.kind === 'hello' || one.kind === 'proof') this.close(`a second ${one.kind}`)
    else this.#user.received(one)
  }

  readonly #ponged = (ms: number): void => {
    this.statistics.roundTripMs = ms
    this.statistics.highestRoundTripMs = Math.max(this.statistics.highestRoundTripMs, ms)
  }

  readonly #greeted = (one: Frame): void => {
    const hello = one.kind === 'hello' ? parseHello(one) : null
    const objection = hello === null ? 'it did not say hello' : this.#objectionTo(hello)
    if (objection !== null) {
      this.close(objection)
      return
    }
    this.#peerHello = Uint8Array.from(one.payload)
    this.#state = 'proving'
    this.#write([frame('proof', { payload: this.#proofOf(this.#identity.side) })])
  }

  readonly #objectionTo = ({ protocol, mirror, server }: Hello): string | null => {
    const { mirror: own, peer } = this.#identity
    if (server !== peer) return `it says it is ${server}, expected was ${peer}`
    if (mirror !== own) return `it serves the mirror ${mirror}, here is ${own}: check which partitions belong together`
    if (protocol.from > protocolVersions.to || protocol.to < protocolVersions.from)
      return `it speaks protocol ${protocol.from} to ${protocol.to}, here ${protocolVersions.from} to ${protocolVersions.to}`
    return null
  }

  readonly #proved = (one: Frame): void => {
    const other = this.#identity.side === 'connecting' ? 'accepting' : 'connecting'
    const expected = this.#proofOf(other)
    if (one.kind !== 'proof' || one.payload.length !== expected.length || !timingSafeEqual(one.payload, expected)) {
      this.close("it does not have this cluster's key")
      return
    }
    this.#state = 'open'
    this.#timer()
    this.#timer = this.#world.clock.after(this.#limits.pingEveryMs, this.#tick)
    this.#user.opened(this)
  }

  readonly #proofOf = (side: LinkIdentity['side']): Uint8Array => {
    const own = this.#hello
    const other = this.#peerHello ?? new Uint8Array(0)
    const [first, second] = this.#identity.side === 'connecting' ? [own, other] : [other, own]
    const text = new TextEncoder().encode(`baton mirror proof 1\n${side}\n`)
    return this.#world.authenticate(this.#identity.key, Buffer.concat([text, first, Uint8Array.of(10), second]))
  }

  readonly #tick = (): void => {
    const now = this.#world.clock.now()
    if (now - this.#heardAt >= this.#limits.silenceMs) {
      this.close(`nothing heard for ${Math.round(now - this.#heardAt)} ms`)
      return
    }
    // The time comes back in the pong.
    this.send([frame('ping', { sequence: Math.floor(now) })])
    this.#timer = this.#world.clock.after(this.#limits.pingEveryMs, this.#tick)
  }
}
