/** What the kernel does not do by itself: before it takes a socket over, client and server agree on a disk. */
import {
  handshakeFlag,
  information,
  option,
  optionMagic,
  optionReply,
  optionReplyMagic,
  serverMagic,
} from './numbers.ts'

export type Agreed = {
  readonly sizeBytes: number
  /** The smallest that the server takes. */
  readonly blockBytes: number
  /** Transmission flags, as the server gave them. */
  readonly flags: number
}
export type Understood = Agreed | { readonly refused: string }

const greetingBytes = 18
const replyHeaderBytes = 20
/** Of servers that say nothing about it. */
const usualBlockBytes = 512

/** Asks for the disk that has no name, and for its block sizes. May be said before the server has greeted. */
export const wish = (): Buffer => {
  const bytes = Buffer.alloc(28)
  bytes.writeUInt32BE(handshakeFlag.fixedNewstyle | handshakeFlag.noZeroes, 0)
  bytes.writeBigUInt64BE(optionMagic, 4)
  bytes.writeUInt32BE(option.go, 12)
  bytes.writeUInt32BE(8, 16)
  // Length of the name, count of wishes, the wish.
  bytes.writeUInt32BE(0, 20)
  bytes.writeUInt16BE(1, 24)
  bytes.writeUInt16BE(information.blockSize, 26)
  return bytes
}

/** Of all that the server has said since the beginning; null while there is more to come. */
export const understand = (heard: Buffer): Understood | null => {
  if (heard.length < greetingBytes) return null
  if (heard.readBigUInt64BE(0) !== serverMagic || heard.readBigUInt64BE(8) !== optionMagic)
    return { refused: 'it does not speak NBD' }
  let agreed: Agreed = { sizeBytes: 0, flags: 0, blockBytes: usualBlockBytes }
  for (let at = greetingBytes; at + replyHeaderBytes <= heard.length; ) {
    if (heard.readBigUInt64BE(at) !== optionReplyMagic) return { refused: 'it does not speak NBD' }
    const kind = heard.readUInt32BE(at + 12)
    const end = at + replyHeaderBytes + heard.readUInt32BE(at + 16)
    if (end > heard.length) return null
    if (kind === optionReply.ack) return agreed
    if (kind !== optionReply.info) return { refused: `it refuses with ${kind}` }
    agreed = { ...agreed, ...informed(heard.subarray(at + replyHeaderBytes, end)) }
    at = end
  }
  return null
}

const informed = (data: Buffer): Partial<Agreed> => {
  const kind = data.length < 2 ? null : data.readUInt16BE(0)
  if (kind === information.export && data.length >= 12)
    return { sizeBytes: Number(data.readBigUInt64BE(2)), flags: data.readUInt16BE(10) }
  if (kind === information.blockSize && data.length >= 6) return { blockBytes: data.readUInt32BE(2) }
  return {}
}
