/** What travels between the two sides of a mirror: one header per chunk, checked by itself, and its payload. */
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
// As Node's own, and four times as fast: it was a quarter of what a data plane did with large writes.
import { crc32 } from '@node-rs/crc32'
import { alignedBytes } from '../aligned-memory.ts'
import { type DataGeneration, dataGeneration } from '../generations.ts'

const kinds = [
  'hello',
  'proof',
  'state',
  'write',
  'trim',
  'zero',
  'flush',
  'ack',
  'refused',
  'ping',
  'pong',
  'marks',
  'marks-end',
  'resync-begin',
  'join',
  'digest-request',
  'digest',
  'bye',
  'read-request',
  'read-data',
] as const
export type FrameKind = (typeof kinds)[number]

/** Every field is in every frame; what a kind does not use is 0 and empty. Tables: docs/mirror-protocol.md. */
export type Frame = {
  readonly kind: FrameKind
  /** Copied by the resync, not written by the application just now. */
  readonly isResync: boolean
  readonly mayUnmap: boolean
  /** Of the ownership that the sender acts under. */
  readonly epoch: number
  readonly generation: DataGeneration | null
  /** Counts the frames of one connection that want an answer; in an `ack`: everything up to it is done. */
  readonly sequence: number
  readonly at: number
  readonly length: number
  /** Of a frame that was read: valid until `receive` returns. */
  readonly payload: Uint8Array
}

const nothing = new Uint8Array(0)
const blank = {
  isResync: false,
  mayUnmap: false,
  epoch: 0,
  generation: null,
  sequence: 0,
  at: 0,
  length: 0,
  payload: nothing,
}
export const frame = (kind: FrameKind, fields: Partial<Omit<Frame, 'kind'>> = {}): Frame => ({
  ...blank,
  ...fields,
  kind,
})

export const headerBytes = 56
/** Longer writes travel in several chunks. */
export const maxPayloadBytes = 1_048_576
/** "BMF1" */
const magic = 0x424d4631
const flag = { zstd: 1, resync: 2, mayUnmap: 4 }
const knownFlags = flag.zstd | flag.resync | flag.mayUnmap
const at = {
  kind: 4,
  flags: 5,
  zero: 6,
  epoch: 8,
  generation: 16,
  sequence: 24,
  at: 32,
  length: 40,
  payload: 44,
  sum: 48,
  own: 52,
}
const noGeneration = '0000000000000000'

/** Below this a page does not become smaller by what it costs. */
const worthCompressing = 512

export type Encoded = { readonly bytes: Buffer; readonly before: number; readonly after: number }

/** All frames in one piece of other memory, which `take` gives: what they point to may be overwritten afterwards. */
export const encodeFrames = (
  frames: readonly Frame[],
  compress: boolean,
  take: (length: number) => Buffer = Buffer.allocUnsafe,
): Encoded => {
  const packed = frames.map((one) => (compress ? compressed(one) : { one, payload: one.payload, isCompressed: false }))
  const before = frames.reduce((sum, { payload }) => sum + payload.length, 0)
  const after = packed.reduce((sum, { payload }) => sum + payload.length, 0)
  const bytes = take(headerBytes * frames.length + after)
  let place = 0
  for (const { one, payload, isCompressed } of packed) {
    writeHeader(bytes.subarray(place, place + headerBytes), one, payload, isCompressed)
    bytes.set(payload, place + headerBytes)
    place += headerBytes + payload.length
  }
  return { bytes, before, after }
}

const compressed = (
  one: Frame,
): { readonly one: Frame; readonly payload: Uint8Array; readonly isCompressed: boolean } => {
  if (one.kind !== 'write' || one.payload.length < worthCompressing)
    return { one, payload: one.payload, isCompressed: false }
  const smaller = zstdCompressSync(one.payload)
  const isSmaller = smaller.length < one.payload.length
  return { one, payload: isSmaller ? smaller : one.payload, isCompressed: isSmaller }
}

const writeHeader = (into: Buffer, one: Frame, payload: Uint8Array, isCompressed: boolean): void => {
  into.writeUInt32BE(magic, 0)
  into.writeUInt8(kinds.indexOf(one.kind), at.kind)
  const flags = (isCompressed ? flag.zstd : 0) | (one.isResync ? flag.resync : 0) | (one.mayUnmap ? flag.mayUnmap : 0)
  into.writeUInt8(flags, at.flags)
  into.writeUInt16BE(0, at.zero)
  into.writeBigUInt64BE(BigInt(one.epoch), at.epoch)
  into.write(one.generation ?? noGeneration, at.generation, 'hex')
  into.writeBigUInt64BE(BigInt(one.sequence), at.sequence)
  into.writeBigUInt64BE(BigInt(one.at), at.at)
  into.writeUInt32BE(one.length, at.length)
  into.writeUInt32BE(payload.length, at.payload)
  into.writeUInt32BE(crc32(payload), at.sum)
  into.writeUInt32BE(crc32(into.subarray(0, at.own)), at.own)
}

type Header = {
  readonly one: Omit<Frame, 'payload'>
  readonly isCompressed: boolean
  readonly bytes: number
  readonly sum: number
}

/** Takes bytes as they come and hands out whole frames; what is not one ends it for good. */
export class FrameReader {
  readonly #handle: (one: Frame) => void
  readonly #limit: () => number
  #header = Buffer.alloc(headerBytes)
  #headerFilled = 0
  #expected: Header | null = null
  /** Put together from what came in pieces. The one before may still be looked at while the next one begins. */
  #payload = Buffer.alloc(0)
  #formerPayload = Buffer.alloc(0)
  #payloadFilled = 0
  #trouble: string | null = null

  /** `limit`: the longest payload that is taken now; short until the other side has proved who it is. */
  constructor(handle: (one: Frame) => void, limit: () => number) {
    this.#handle = handle
    this.#limit = limit
  }

  /** Null, or why nothing from this connection can be believed any more. */
  readonly receive = (bytes: Uint8Array): string | null => {
    for (let place = 0; this.#trouble === null && place < bytes.length; ) {
      const rest = bytes.subarray(place)
      place += this.#expected === null ? this.#takeHeader(rest) : this.#takePayload(this.#expected, rest)
    }
    return this.#trouble
  }

  readonly #takeHeader = (bytes: Uint8Array): number => {
    const now = Math.min(headerBytes - this.#headerFilled, bytes.length)
    this.#header.set(bytes.subarray(0, now), this.#headerFilled)
    this.#headerFilled += now
    if (this.#headerFilled < headerBytes) return now
    this.#headerFilled = 0
    const header = readHeader(this.#header, this.#limit())
    if (typeof header === 'string') this.#trouble = header
    else if (header.bytes === 0) this.#finish(header, nothing)
    else this.#expected = header
    return now
  }

  readonly #takePayload = (header: Header, bytes: Uint8Array): number => {
    if (this.#payloadFilled === 0 && bytes.length >= header.bytes) {
      this.#expected = null
      this.#finish(header, bytes.subarray(0, header.bytes))
      return header.bytes
    }
    if (this.#payload.length < header.bytes) this.#payload = alignedBytes(header.bytes)
    const now = Math.min(header.bytes - this.#payloadFilled, bytes.length)
    this.#payload.set(bytes.subarray(0, now), this.#payloadFilled)
    this.#payloadFilled += now
    if (this.#payloadFilled < header.bytes) return now
    this.#payloadFilled = 0
    this.#expected = null
    const whole = this.#payload
    this.#payload = this.#formerPayload
    this.#formerPayload = whole
    this.#finish(header, whole.subarray(0, header.bytes))
    return now
  }

  readonly #finish = (header: Header, bytes: Uint8Array): void => {
    if (crc32(bytes) !== header.sum) {
      this.#trouble = `a ${header.one.kind} of ${bytes.length} bytes came damaged`
      return
    }
    const payload = header.isCompressed ? decompressed(bytes) : bytes
    if (payload === null) this.#trouble = `a ${header.one.kind} that cannot be decompressed`
    else if (header.one.kind === 'write' && payload.length !== header.one.length)
      this.#trouble = `a write of ${header.one.length} bytes that has ${payload.length}`
    else this.#handle({ ...header.one, payload })
  }
}

const decompressed = (bytes: Uint8Array): Uint8Array | null => {
  try {
    return zstdDecompressSync(bytes, { maxOutputLength: maxPayloadBytes })
  } catch {
    return null
  }
}

const readHeader = (bytes: Buffer, limit: number): Header | string => {
  if (bytes.readUInt32BE(0) !== magic) return 'bytes that are no frame'
  if (bytes.readUInt32BE(at.own) !== crc32(bytes.subarray(0, at.own))) return 'a frame whose header came damaged'
  const kind = kinds[bytes.readUInt8(at.kind)]
  const flags = bytes.readUInt8(at.flags)
  if (kind === undefined || (flags & ~knownFlags) !== 0)
    return `a frame of a kind ${bytes.readUInt8(at.kind)} or flags ${flags} that this version does not know`
  const payloadBytes = bytes.readUInt32BE(at.payload)
  if (payloadBytes > limit) return `a ${kind} of ${payloadBytes} bytes, more than ${limit}`
  const [epoch, sequence, place] = [at.epoch, at.sequence, at.at].map((one) => Number(bytes.readBigUInt64BE(one)))
  const numbers = [epoch!, sequence!, place!]
  if (!numbers.every(Number.isSafeInteger)) return `a ${kind} with numbers beyond 2^53`
  const generation = bytes.toString('hex', at.generation, at.generation + 8)
  return {
    one: {
      kind,
      isResync: (flags & flag.resync) !== 0,
      mayUnmap: (flags & flag.mayUnmap) !== 0,
      epoch: epoch!,
      generation: generation === noGeneration ? null : dataGeneration(generation),
      sequence: sequence!,
      at: place!,
      length: bytes.readUInt32BE(at.length),
    },
    isCompressed: (flags & flag.zstd) !== 0,
    bytes: payloadBytes,
    sum: bytes.readUInt32BE(at.sum),
  }
}
