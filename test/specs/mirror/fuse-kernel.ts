/** What the kernel says to a FUSE server, and how it hears the answers. */
import type { Engine } from '../../../src/mirror/engine-interface.ts'
import { BlockFile } from '../../../src/mirror/fuse/block-file.ts'

export type Ask =
  | { readonly do: 'init'; readonly major: number; readonly minor: number }
  | { readonly do: 'getattr' | 'fsync' }
  | { readonly do: 'read'; readonly at: number; readonly length: number }
  | { readonly do: 'write'; readonly at: number; readonly bytes: Buffer }
  | { readonly do: 'fallocate'; readonly at: number; readonly length: number; readonly mode: number }
  | { readonly do: 'other'; readonly code: number; readonly payload: Buffer }

const codes = { init: 26, getattr: 3, fsync: 20, read: 15, write: 16, fallocate: 43 }
const headerBytes = 40

let unique = 0n
export const requestOf = (ask: Ask): Buffer => {
  const payload = payloadOf(ask)
  const header = Buffer.alloc(headerBytes)
  unique += 2n
  header.writeUInt32LE(headerBytes + payload.length, 0)
  header.writeUInt32LE(ask.do === 'other' ? ask.code : codes[ask.do], 4)
  header.writeBigUInt64LE(unique, 8)
  header.writeBigUInt64LE(1n, 16)
  return Buffer.concat([header, payload])
}

const payloadOf = (ask: Ask): Buffer => {
  const payload = Buffer.alloc(ask.do === 'fallocate' ? 32 : 40)
  switch (ask.do) {
    case 'init':
      payload.writeUInt32LE(ask.major, 0)
      payload.writeUInt32LE(ask.minor, 4)
      payload.writeUInt32LE(0xffffffff, 12)
      return payload
    case 'read':
    case 'write':
      payload.writeBigUInt64LE(BigInt(ask.at), 8)
      payload.writeUInt32LE(ask.do === 'read' ? ask.length : ask.bytes.length, 16)
      return ask.do === 'read' ? payload : Buffer.concat([payload, ask.bytes])
    case 'fallocate':
      payload.writeBigUInt64LE(BigInt(ask.at), 8)
      payload.writeBigUInt64LE(BigInt(ask.length), 16)
      payload.writeUInt32LE(ask.mode, 24)
      return payload
    case 'other':
      return ask.payload
    default:
      return payload
  }
}

export type Answered = { readonly unique: bigint; readonly error: number; readonly payload: Buffer }

export class Kernel {
  readonly answers: Answered[] = []
  readonly #file: BlockFile

  constructor(engine: Engine, readOnly = false) {
    this.#file = new BlockFile({ engine, readOnly }, (reply) => {
      const bytes = Buffer.from(reply)
      this.answers.push({
        unique: bytes.readBigUInt64LE(8),
        error: Math.abs(bytes.readInt32LE(4)),
        payload: bytes.subarray(16),
      })
    })
  }

  /** As one burst; what was answered to these at once, in their order. */
  readonly ask = (...asks: readonly Ask[]): readonly Answered[] => {
    const requests = asks.map(requestOf)
    const wanted = requests.map((request) => request.readBigUInt64LE(8))
    this.#file.receive(requests)
    return wanted.flatMap((one) => this.answers.filter((answer) => answer.unique === one))
  }
}
