/** Serial cables between the machines of a simulated cluster: bytes at the speed of the line, in pieces; noise; pulled out; one direction dead. */
import { slipReader } from '../agents/heartbeats/slip.ts'
import type { Configuration } from '../events/index.ts'
import type { SerialLines } from '../world/world.ts'
import type { BeatOracle } from './beats.ts'
import type { Scheduler } from './clock.ts'
import type { SimulatedProcess } from './process.ts'
import type { Chance } from './random.ts'

type Received = (bytes: Uint8Array) => void
type End = { process: SimulatedProcess; received: Received; readonly host: string; baudRate: number; freeAt: number }

/** 8 bits, a start and a stop bit. */
const bitsPerByte = 10
/** As many as a UART's buffer gives at once, about. */
const pieceBytes = 64
const longestFrame = 4096

export class SerialCable {
  readonly #ends = new Map<string, End>()
  readonly #devices: ReadonlyMap<string, string>
  readonly #scheduler: Scheduler
  readonly #chance: Chance
  readonly #oracle: BeatOracle
  isPulled = false
  /** Servers of which nothing gets through, while they hear the other: one of its wires is broken. */
  readonly mute = new Set<string>()
  /** Probability that a byte of a frame is not what was sent. */
  noise = 0

  constructor(configuration: Configuration, parts: { scheduler: Scheduler; chance: Chance; oracle: BeatOracle }) {
    const { servers } = configuration
    this.#devices = new Map(servers.flatMap(({ name, com }) => (com === undefined ? [] : [[name, com] as const])))
    this.#scheduler = parts.scheduler
    this.#chance = parts.chance
    this.#oracle = parts.oracle
  }

  get isThere(): boolean {
    return this.#devices.size === 2
  }

  mend(): void {
    this.isPulled = false
    this.mute.clear()
    this.noise = 0
  }

  /** The serial lines of a machine, as one of its processes has them. */
  lines(process: SimulatedProcess): SerialLines {
    const { name } = process.host
    return {
      open: (device, { baudRate, received }) =>
        process.answer(1, () => {
          if (this.#devices.get(name) !== device) throw new Error(`there is no ${device}`)
          const end: End = { process, received, host: name, baudRate, freeAt: 0 }
          this.#ends.set(name, end)
          const close = () => {
            if (this.#ends.get(name) === end) this.#ends.delete(name)
          }
          process.onExit(close)
          return {
            write: (bytes) => process.answer(0.1, () => this.#write(end, bytes)),
            close,
          }
        }),
    }
  }

  #write(from: End, bytes: Uint8Array): void {
    const frames = slipReader(longestFrame).read(bytes)
    for (const frame of frames) this.#oracle.sent(from.host, frame)
    const msPerByte = (bitsPerByte * 1000) / from.baudRate
    from.freeAt = Math.max(from.freeAt, this.#scheduler.now)
    const noisy = bytes.map((byte) => (this.#chance.happens(this.noise) ? this.#chance.whole(0, 255) : byte))
    const isSound = noisy.every((byte, at) => byte === bytes[at])
    let isWhole = isSound
    for (let at = 0; at < noisy.length; at += pieceBytes) {
      const piece = noisy.slice(at, at + pieceBytes)
      from.freeAt += piece.length * msPerByte
      const isLast = at + pieceBytes >= noisy.length
      this.#scheduler.at(from.freeAt, () => {
        const to = this.#otherEnd(from)
        if (to === undefined || this.isPulled || this.mute.has(from.host)) isWhole = false
        else
          to.process.enter(() => {
            if (isLast && isWhole) for (const frame of frames) this.#oracle.arrived(to.host, frame)
            to.received(piece)
          })
      })
    }
  }

  #otherEnd(from: End): End | undefined {
    return [...this.#ends.values()].find(({ host }) => host !== from.host)
  }
}
