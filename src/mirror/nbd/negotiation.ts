/** Before a client may read and write it says what it wants: one option after the other, each answered. */
import type { Engine } from '../engine-interface.ts'
import {
  handshakeFlag,
  information,
  maxPayloadBytes,
  option,
  optionMagic,
  optionReply,
  optionReplyMagic,
  serverMagic,
  transmissionFlag,
} from './numbers.ts'

export type NbdExport = {
  readonly engine: Engine
  readonly description: string
  readonly readOnly: boolean
}
/** By name; the one named '' is what a client gets that names none. */
export type NbdExports = ReadonlyMap<string, NbdExport>

/** What became of the bytes that came in. */
export type Negotiated =
  | { readonly state: 'more' }
  | { readonly state: 'agreed'; readonly export: NbdExport }
  | { readonly state: 'over' }

/** Longest option that is read: a name may have 4096 bytes; what is longer is skipped and refused. */
const maxOptionBytes = 8192
/** Longest option that is skipped; beyond that nobody is talking NBD. */
const maxSkippedBytes = 65_536
/** Options per connection: a client needs a handful. */
const maxOptions = 64
const optionHeaderBytes = 16
const more: Negotiated = { state: 'more' }
const over: Negotiated = { state: 'over' }

export class Negotiation {
  readonly #exports: NbdExports
  readonly #send: (bytes: Buffer) => void
  #kept = Buffer.alloc(0)
  #hasFlags = false
  #wantsZeroes = true
  #skip = 0
  #options = 0

  constructor(exports: NbdExports, send: (bytes: Buffer) => void) {
    this.#exports = exports
    this.#send = send
    const greeting = Buffer.alloc(18)
    greeting.writeBigUInt64BE(serverMagic, 0)
    greeting.writeBigUInt64BE(optionMagic, 8)
    greeting.writeUInt16BE(handshakeFlag.fixedNewstyle | handshakeFlag.noZeroes, 16)
    send(greeting)
  }

  /** What came after the last option: a client that was told "go" may already have asked for more. */
  readonly rest = (): Buffer => this.#kept

  readonly receive = (bytes: Uint8Array): Negotiated => {
    this.#kept = Buffer.concat([this.#kept, bytes])
    for (;;) {
      const step = this.#step()
      if (step !== 'again') return step
    }
  }

  readonly #step = (): Negotiated | 'again' => {
    if (this.#skip > 0) {
      const now = Math.min(this.#skip, this.#kept.length)
      this.#take(now)
      this.#skip -= now
      if (this.#skip > 0) return more
    }
    if (!this.#hasFlags) return this.#takeFlags()
    if (this.#kept.length < optionHeaderBytes) return more
    if (this.#kept.readBigUInt64BE(0) !== optionMagic) return over
    const kind = this.#kept.readUInt32BE(8)
    const length = this.#kept.readUInt32BE(12)
    if (length > maxSkippedBytes) return over
    if (length > maxOptionBytes) return this.#refuseLong(kind, length)
    if (this.#kept.length < optionHeaderBytes + length) return more
    this.#options += 1
    if (this.#options > maxOptions) return over
    this.#take(optionHeaderBytes)
    return this.#answer(kind, this.#take(length))
  }

  readonly #take = (length: number): Buffer => {
    const taken = this.#kept.subarray(0, length)
    this.#kept = this.#kept.subarray(length)
    return taken
  }

  readonly #takeFlags = (): Negotiated | 'again' => {
    if (this.#kept.length < 4) return more
    const flags = this.#take(4).readUInt32BE(0)
    if ((flags & ~(handshakeFlag.fixedNewstyle | handshakeFlag.noZeroes)) !== 0) return over
    this.#wantsZeroes = (flags & handshakeFlag.noZeroes) === 0
    this.#hasFlags = true
    return 'again'
  }

  readonly #refuseLong = (kind: number, length: number): Negotiated | 'again' => {
    // EXPORT_NAME has no error reply.
    if (kind === option.exportName) return over
    this.#take(optionHeaderBytes)
    this.#skip = length
    this.#reply(kind, optionReply.tooBig)
    return 'again'
  }

  readonly #answer = (kind: number, data: Buffer): Negotiated | 'again' => {
    switch (kind) {
      case option.exportName:
        return this.#enterByName(data)
      case option.abort:
        this.#reply(kind, optionReply.ack)
        return over
      case option.list:
        this.#list(data)
        return 'again'
      case option.info:
      case option.go:
        return this.#inform(kind, data)
      default:
        this.#reply(kind, optionReply.unsupported)
        return 'again'
    }
  }

  readonly #enterByName = (data: Buffer): Negotiated => {
    const found = this.#exports.get(data.toString('utf8'))
    if (!found) return over
    const answer = Buffer.alloc(10 + (this.#wantsZeroes ? 124 : 0))
    answer.writeBigUInt64BE(BigInt(found.engine.size), 0)
    answer.writeUInt16BE(flagsOf(found), 8)
    this.#send(answer)
    return { state: 'agreed', export: found }
  }

  readonly #list = (data: Buffer): void => {
    if (data.length > 0) {
      this.#reply(option.list, optionReply.invalid)
      return
    }
    for (const [name, { description }] of this.#exports) {
      const length = Buffer.alloc(4)
      length.writeUInt32BE(Buffer.byteLength(name), 0)
      this.#reply(option.list, optionReply.server, Buffer.concat([length, Buffer.from(name), Buffer.from(description)]))
    }
    this.#reply(option.list, optionReply.ack)
  }

  readonly #inform = (kind: number, data: Buffer): Negotiated | 'again' => {
    const name = nameIn(data)
    if (name === null) {
      this.#reply(kind, optionReply.invalid)
      return 'again'
    }
    const found = this.#exports.get(name)
    if (!found) {
      this.#reply(kind, optionReply.unknown)
      return 'again'
    }
    this.#reply(kind, optionReply.info, exportInformation(found))
    this.#reply(kind, optionReply.info, blockSizeInformation(found.engine))
    this.#reply(kind, optionReply.ack)
    return kind === option.go ? { state: 'agreed', export: found } : 'again'
  }

  readonly #reply = (kind: number, reply: number, data: Buffer = Buffer.alloc(0)): void => {
    const header = Buffer.alloc(20)
    header.writeBigUInt64BE(optionReplyMagic, 0)
    header.writeUInt32BE(kind, 8)
    header.writeUInt32BE(reply, 12)
    header.writeUInt32BE(data.length, 16)
    this.#send(Buffer.concat([header, data]))
  }
}

/** 32-bit length, name, 16-bit count of wished information, 16 bits each; null when the lengths do not agree. */
const nameIn = (data: Buffer): string | null => {
  if (data.length < 6) return null
  const length = data.readUInt32BE(0)
  if (length > data.length - 6) return null
  const wishes = data.readUInt16BE(4 + length)
  if (data.length !== 6 + length + 2 * wishes) return null
  return data.toString('utf8', 4, 4 + length)
}

const exportInformation = (found: NbdExport): Buffer => {
  const data = Buffer.alloc(12)
  data.writeUInt16BE(information.export, 0)
  data.writeBigUInt64BE(BigInt(found.engine.size), 2)
  data.writeUInt16BE(flagsOf(found), 10)
  return data
}

/** What suits most programs' pages, and every disk. */
const preferredBlockBytes = 4096

const blockSizeInformation = ({ blockBytes }: Engine): Buffer => {
  const data = Buffer.alloc(14)
  data.writeUInt16BE(information.blockSize, 0)
  data.writeUInt32BE(blockBytes, 2)
  data.writeUInt32BE(Math.max(blockBytes, preferredBlockBytes), 6)
  data.writeUInt32BE(maxPayloadBytes, 10)
  return data
}

/** Several connections are safe: an engine's flush covers what was settled before it, whatever the connection. */
const flagsOf = ({ readOnly }: NbdExport): number =>
  transmissionFlag.hasFlags |
  (readOnly ? transmissionFlag.readOnly : 0) |
  transmissionFlag.sendFlush |
  transmissionFlag.sendFua |
  transmissionFlag.sendTrim |
  transmissionFlag.sendWriteZeroes |
  transmissionFlag.canMultiConnect
