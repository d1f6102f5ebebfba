/** Reads requests out of what comes in, hands those that came together to the engine, and answers each. */
import assert from 'node:assert/strict'
import type { BlockError, BlockRequest } from '../engine-interface.ts'
import { inPieces } from '../pieces.ts'
import type { NbdExport } from './negotiation.ts'
import {
  command,
  commandFlag,
  errorNumbers,
  maxPayloadBytes,
  replyBytes,
  replyMagic,
  requestBytes,
  requestMagic,
} from './numbers.ts'

/** Requests of one connection that are under way: more than any client's queue. */
const maxRequests = 1024
/** Bytes of requests under way, and of answers not yet taken; a single one may be longer. */
const maxBytes = 16_777_216

type Header = {
  readonly flags: number
  readonly kind: number
  readonly cookie: bigint
  readonly at: number
  readonly length: number
}
/** A write whose payload has not all come; `error` when it is only read to be thrown away. */
type Filling = { readonly header: Header; filled: number; readonly error: BlockError | null }

export type TransmissionPort = {
  /** `written` is called when the bytes are with the kernel. */
  readonly send: (bytes: Buffer, written: () => void) => void
  /** There is room again after `receive` has answered false. */
  readonly ready: () => void
  /** Nothing more will be answered: the client said goodbye, or does not speak NBD. */
  readonly end: () => void
}

export class Transmission {
  readonly #export: NbdExport
  readonly #port: TransmissionPort
  /** Bytes of a header that came in two pieces, or what could not be begun for lack of room. */
  #backlog: Buffer | null = null
  #filling: Filling | null = null
  /** For writes that came in pieces; one per connection, as large as the largest was. */
  #assembly = Buffer.alloc(0)
  #burst: BlockRequest[] = []
  #requests = 0
  #bytes = 0
  #isWaiting = false
  #state: 'open' | 'leaving' | 'over' = 'open'

  constructor(found: NbdExport, port: TransmissionPort) {
    this.#export = found
    this.#port = port
  }

  /** False: give nothing more until `ready`. The bytes are the caller's again. */
  readonly receive = (bytes: Buffer): boolean => {
    if (this.#state !== 'open') return true
    const all = this.#backlog === null ? bytes : Buffer.concat([this.#backlog, bytes])
    this.#backlog = null
    const rest = this.#consume(all)
    this.#submit()
    if (this.#state === 'open' && rest < all.length) this.#backlog = Buffer.from(all.subarray(rest))
    this.#leaveWhenDone()
    this.#isWaiting = this.#state === 'open' && this.#backlog !== null && this.#hasMuchToDo()
    return !this.#isWaiting
  }

  /** Going on at half the limit, not at each answer: what waits is copied every time. */
  readonly #hasMuchToDo = (): boolean => this.#requests > maxRequests / 2 || this.#bytes > maxBytes / 2

  /** Answers how much was taken. */
  readonly #consume = (bytes: Buffer): number => {
    let at = 0
    while (this.#state === 'open') {
      if (this.#filling) {
        at += this.#fill(this.#filling, bytes.subarray(at))
        if (this.#filling) return at
      }
      if (bytes.length - at < requestBytes) return at
      const header = readHeader(bytes, at)
      if (header === null) this.#break()
      else if (!this.#hasRoomFor(header)) return at
      else {
        at += requestBytes
        if (header.kind === command.write) at += this.#beginWrite(header, bytes.subarray(at))
        else this.#begin(header)
      }
    }
    return at
  }

  readonly #hasRoomFor = ({ kind, length }: Header): boolean => {
    if (this.#requests >= maxRequests) return false
    const carries = kind === command.read || kind === command.write
    return !carries || this.#bytes === 0 || this.#bytes + length <= maxBytes
  }

  /** Answers how much of the payload was there. */
  readonly #beginWrite = (header: Header, bytes: Buffer): number => {
    if (header.length > maxPayloadBytes) {
      this.#answer(header, 'EINVAL')
      this.#break()
      return 0
    }
    const error = this.#objection(header)
    if (error === null && bytes.length >= header.length) {
      this.#write(header, bytes.subarray(0, header.length))
      return header.length
    }
    if (error === null && this.#assembly.length < header.length) {
      this.#assembly = Buffer.allocUnsafeSlow(header.length)
    }
    this.#filling = { header, filled: 0, error }
    return this.#fill(this.#filling, bytes)
  }

  readonly #fill = (filling: Filling, bytes: Buffer): number => {
    const { header, error } = filling
    const now = Math.min(header.length - filling.filled, bytes.length)
    if (error === null) bytes.copy(this.#assembly, filling.filled, 0, now)
    filling.filled += now
    if (filling.filled < header.length) return now
    this.#filling = null
    if (error !== null) this.#answer(header, error)
    else {
      this.#write(header, this.#assembly.subarray(0, header.length))
      // The next one that comes in pieces uses the same memory.
      this.#submit()
    }
    return now
  }

  readonly #write = (header: Header, bytes: Buffer): void => {
    const fua = (header.flags & commandFlag.fua) !== 0
    this.#bytes += header.length
    this.#push({ do: 'write', at: header.at, bytes, fua, settle: this.#settle(header, header.length) })
  }

  readonly #begin = (header: Header): void => {
    if (header.kind === command.disconnect) {
      this.#state = 'leaving'
      return
    }
    const error = this.#objection(header)
    if (error !== null) this.#answer(header, error)
    else if (header.kind === command.read) this.#read(header)
    else this.#push(this.#change(header))
  }

  readonly #change = (header: Header): BlockRequest => {
    const { at, length, flags } = header
    const settle = this.#settle(header)
    const fua = (flags & commandFlag.fua) !== 0
    if (header.kind === command.flush) return { do: 'flush', settle }
    const { engine } = this.#export
    if (header.kind === command.trim) return inPieces(engine, { do: 'trim', at, length, fua, settle })
    const mayUnmap = (flags & commandFlag.noHole) === 0
    return inPieces(engine, { do: 'zero', at, length, fua, mayUnmap, settle })
  }

  readonly #read = (header: Header): void => {
    const answer = Buffer.allocUnsafeSlow(replyBytes + header.length)
    this.#bytes += header.length
    const settle = (error: BlockError | null): void => {
      writeReply(answer, header.cookie, error)
      this.#send(error === null ? answer : answer.subarray(0, replyBytes), header.length)
    }
    this.#push({ do: 'read', at: header.at, into: answer.subarray(replyBytes), settle: this.#once(settle) })
  }

  readonly #push = (request: BlockRequest): void => {
    this.#requests += 1
    this.#burst.push(request)
  }

  readonly #submit = (): void => {
    if (this.#burst.length === 0) return
    const burst = this.#burst
    this.#burst = []
    this.#export.engine.submit(burst)
  }

  readonly #settle = (header: Header, bytesDone = 0) =>
    this.#once((error) => {
      this.#send(replyOf(header.cookie, error), bytesDone)
    })

  readonly #once = (settle: (error: BlockError | null) => void) => {
    let isSettled = false
    return (error: BlockError | null): void => {
      assert(!isSettled, 'a request is settled once')
      isSettled = true
      settle(error)
    }
  }

  readonly #answer = ({ cookie }: Header, error: BlockError): void => {
    this.#requests += 1
    this.#send(replyOf(cookie, error), 0)
  }

  readonly #send = (bytes: Buffer, bytesDone: number): void => {
    this.#port.send(bytes, () => {
      this.#requests -= 1
      this.#bytes -= bytesDone
      if (this.#isWaiting && !this.#hasMuchToDo() && this.receive(Buffer.alloc(0))) this.#port.ready()
      this.#leaveWhenDone()
    })
  }

  /** Null when there is nothing against it. */
  readonly #objection = ({ kind, flags, at, length }: Header): BlockError | null => {
    const allowed = allowedFlags.get(kind)
    if (allowed === undefined || (flags & ~allowed) !== 0) return 'EINVAL'
    // The protocol reserves offset and length of a flush, to be zero.
    if (kind === command.flush) return at === 0 && length === 0 ? null : 'EINVAL'
    const { engine, readOnly } = this.#export
    if (readOnly && kind !== command.read) return 'EPERM'
    if (kind === command.read && length > maxPayloadBytes) return 'EINVAL'
    if (length === 0 || at % engine.blockBytes !== 0 || length % engine.blockBytes !== 0) return 'EINVAL'
    if (at + length <= engine.size) return null
    return kind === command.write || kind === command.writeZeroes ? 'ENOSPC' : 'EINVAL'
  }

  /** Whoever sent this does not speak NBD, or we do not know where the next request begins. */
  readonly #break = (): void => {
    this.#submit()
    this.#state = 'leaving'
  }

  readonly #leaveWhenDone = (): void => {
    if (this.#state !== 'leaving' || this.#requests > 0) return
    this.#state = 'over'
    this.#port.end()
  }
}

const allowedFlags: ReadonlyMap<number, number> = new Map([
  [command.read, commandFlag.fua],
  [command.write, commandFlag.fua],
  [command.flush, commandFlag.fua],
  [command.trim, commandFlag.fua],
  [command.writeZeroes, commandFlag.fua | commandFlag.noHole],
])

/** Null when it is none. Beyond 2^53 an offset loses digits, and is beyond every disk all the same. */
const readHeader = (bytes: Buffer, from: number): Header | null => {
  if (bytes.readUInt32BE(from) !== requestMagic) return null
  return {
    flags: bytes.readUInt16BE(from + 4),
    kind: bytes.readUInt16BE(from + 6),
    cookie: bytes.readBigUInt64BE(from + 8),
    at: Number(bytes.readBigUInt64BE(from + 16)),
    length: bytes.readUInt32BE(from + 24),
  }
}

const replyOf = (cookie: bigint, error: BlockError | null): Buffer => {
  const reply = Buffer.allocUnsafe(replyBytes)
  writeReply(reply, cookie, error)
  return reply
}

const writeReply = (into: Buffer, cookie: bigint, error: BlockError | null): void => {
  into.writeUInt32BE(replyMagic, 0)
  into.writeUInt32BE(error === null ? 0 : errorNumbers[error], 4)
  into.writeBigUInt64BE(cookie, 8)
}
