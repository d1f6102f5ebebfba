/** What the local disk cannot read is read from the other side, and written here again, so that the disk replaces the bad block. */
import type { ReadRequest } from '../engine-interface.ts'
import { type Frame, frame, maxPayloadBytes } from '../peer/frame.ts'
import type { Range } from './intents.ts'
import type { Statistics } from './statistics.ts'

export type RemoteReadsPort = {
  /** The other side has everything, and is there. */
  readonly isPaired: () => boolean
  /** This side's own disk is in use: only bad blocks of it are read there. */
  readonly isAttached: () => boolean
  readonly send: (frames: readonly Frame[]) => void
  readonly statistics: Pick<Statistics, 'readBytes'>
  /** Writes here what was read; the region is marked first. @throws DiskTrouble when it cannot be marked */
  readonly repair: (at: number, bytes: Uint8Array) => void
}

type Waiting = {
  readonly request: ReadRequest
  leftBytes: number
  /** Written since it was asked for: what comes is older than what is here. */
  isOverwritten: boolean
}
type Chunk = Range & { readonly of: Waiting }

/** More at a time means that the disk is gone, not that it has bad blocks. */
const mostWaiting = 256
/** Without a disk of its own everything is read there: more than all front ends ask at a time. */
const mostWaitingDetached = 16_384

export class RemoteReads {
  readonly #port: RemoteReadsPort
  #waiting: Waiting[] = []
  #asked: Chunk[] = []

  constructor(port: RemoteReadsPort) {
    this.#port = port
  }

  /** Asked for behind the writes that were sent before it: what comes has them. */
  readonly take = (request: ReadRequest): void => {
    const most = this.#port.isAttached() ? mostWaiting : mostWaitingDetached
    if (!this.#port.isPaired() || this.#waiting.length >= most) {
      request.settle('EIO')
      return
    }
    const waiting = { request, leftBytes: request.into.length, isOverwritten: false }
    this.#waiting.push(waiting)
    this.#ask(waiting)
  }

  /** An empty answer: it cannot be read there either. */
  readonly answered = ({ at, length, payload }: Frame): void => {
    const [chunk] = this.#asked
    if (chunk?.at !== at || chunk.length !== length) return
    this.#asked.shift()
    const { of } = chunk
    if (of === nobody) return
    if (payload.length !== length) {
      this.#waiting = this.#waiting.filter((one) => one !== of)
      this.#asked = this.#asked.map((one) => (one.of === of ? { ...one, of: nobody } : one))
      of.request.settle('EIO')
      return
    }
    of.request.into.set(payload, at - of.request.at)
    of.leftBytes -= length
    if (of.leftBytes !== 0) return
    this.#port.statistics.readBytes += of.request.into.length
    this.#waiting = this.#waiting.filter((one) => one !== of)
    try {
      if (!of.isOverwritten) this.#port.repair(of.request.at, of.request.into)
    } finally {
      // It was read, whatever this side's disks do.
      of.request.settle(null)
    }
  }

  /** These are written now. */
  readonly overwrite = (ranges: readonly Range[]): void => {
    for (const one of this.#waiting) {
      const end = one.request.at + one.request.into.length
      if (ranges.some(({ at, length }) => at < end && at + length > one.request.at)) one.isOverwritten = true
    }
  }

  /** What was asked over a connection that was lost is asked again. */
  readonly again = (): void => {
    this.#asked = []
    for (const one of this.#waiting) {
      one.leftBytes = one.request.into.length
      this.#ask(one)
    }
  }

  /** Nobody answers any more. */
  readonly giveUp = (): void => {
    this.#asked = []
    for (const { request } of this.#waiting.splice(0)) request.settle('EIO')
  }

  readonly #ask = (of: Waiting): void => {
    const { at, into } = of.request
    const frames: Frame[] = []
    for (let done = 0; done < into.length; done += maxPayloadBytes) {
      const range = { at: at + done, length: Math.min(maxPayloadBytes, into.length - done) }
      this.#asked.push({ ...range, of })
      frames.push(frame('read-request', range))
    }
    this.#port.send(frames)
  }
}

/** Whose answer nobody waits for. */
const nobody: Waiting = {
  request: { do: 'read', at: 0, into: new Uint8Array(0), settle: () => undefined },
  leftBytes: -1,
  isOverwritten: true,
}
