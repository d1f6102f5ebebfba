/** What the kernel asks of the block file, decoded where it comes in: no byte is believed before it was checked. */
import { allocateMode, attribute, inHeaderBytes, opcode, rootNode, writePayloadAt } from './numbers.ts'

export type FuseRequest =
  | { readonly do: 'init'; readonly major: number; readonly minor: number; readonly readahead: number; flags: number }
  | { readonly do: 'read'; readonly at: number; readonly length: number }
  /** The bytes are those that came in. */
  | { readonly do: 'write'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly do: 'sync' }
  | { readonly do: 'trim' | 'zero' | 'reserve'; readonly at: number; readonly length: number }
  | { readonly do: 'attributes' | 'open' | 'statistics' | 'nothing' }
  /** Nobody waits for an answer. */
  | { readonly do: 'forget' }
  | { readonly do: 'refuse'; readonly because: 'EPERM' | 'EINVAL' | 'ENOENT' | 'ENOTDIR' | 'ENOSYS' }

/** Null when it is no request at all: not even an answer can be addressed. */
export const decodeRequest = (bytes: Buffer): FuseRequest | null => {
  if (bytes.length < inHeaderBytes || bytes.readUInt32LE(0) !== bytes.length) return null
  const code = bytes.readUInt32LE(4)
  if (code === opcode.read || code === opcode.write || code === opcode.fsync || code === opcode.fallocate)
    return isOfRoot(bytes) ? decodeData(code, bytes) : refuse('ENOENT')
  return decodeOther(code, bytes)
}

const refuse = (because: (FuseRequest & { do: 'refuse' })['because']): FuseRequest => ({ do: 'refuse', because })

const isOfRoot = (bytes: Buffer): boolean => bytes.readUInt32LE(16) === rootNode && bytes.readUInt32LE(20) === 0

/** Beyond 2^53 an offset loses digits, and is beyond every disk all the same. */
const longAt = (bytes: Buffer, at: number): number => bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32

const decodeData = (code: number, bytes: Buffer): FuseRequest => {
  if (code === opcode.fsync) return { do: 'sync' }
  const isWrite = code === opcode.write
  const fixedBytes = code === opcode.fallocate ? inHeaderBytes + 32 : writePayloadAt
  if (bytes.length < fixedBytes) return refuse('EINVAL')
  const at = longAt(bytes, inHeaderBytes + 8)
  if (code === opcode.fallocate)
    return decodeAllocate(at, longAt(bytes, inHeaderBytes + 16), bytes.readUInt32LE(inHeaderBytes + 24))
  const length = bytes.readUInt32LE(inHeaderBytes + 16)
  if (!isWrite) return { do: 'read', at, length }
  if (bytes.length !== writePayloadAt + length) return refuse('EINVAL')
  return { do: 'write', at, bytes: bytes.subarray(writePayloadAt) }
}

const decodeAllocate = (at: number, length: number, mode: number): FuseRequest => {
  const what = mode & ~allocateMode.keepSize
  if (what === allocateMode.punchHole) return { do: 'trim', at, length }
  if (what === allocateMode.zeroRange) return { do: 'zero', at, length }
  return what === 0 ? { do: 'reserve', at, length } : refuse('EINVAL')
}

const decodeOther = (code: number, bytes: Buffer): FuseRequest => {
  switch (code) {
    case opcode.init:
      return decodeInit(bytes)
    case opcode.getattr:
      return { do: 'attributes' }
    case opcode.setattr:
      return decodeSetAttributes(bytes)
    case opcode.open:
      return { do: 'open' }
    case opcode.statfs:
      return { do: 'statistics' }
    case opcode.release:
    // Of a descriptor that is closed, not of the disk: what is to be durable comes as `sync`.
    case opcode.flush:
    case opcode.destroy:
      return { do: 'nothing' }
    case opcode.forget:
    case opcode.batchForget:
    // The request that it is about is answered all the same.
    case opcode.interrupt:
      return { do: 'forget' }
    case opcode.lookup:
      return refuse('ENOTDIR')
    default:
      return refuse('ENOSYS')
  }
}

const decodeInit = (bytes: Buffer): FuseRequest => {
  if (bytes.length < inHeaderBytes + 16) return refuse('EINVAL')
  const [major, minor, readahead, flags] = [0, 4, 8, 12].map((at) => bytes.readUInt32LE(inHeaderBytes + at))
  return { do: 'init', major: major!, minor: minor!, readahead: readahead!, flags: flags! }
}

/** Times may be set, and are nobody's concern. */
const decodeSetAttributes = (bytes: Buffer): FuseRequest => {
  if (bytes.length < inHeaderBytes + 4) return refuse('EINVAL')
  const changed = bytes.readUInt32LE(inHeaderBytes)
  const fixed = attribute.mode | attribute.uid | attribute.gid | attribute.size
  return (changed & fixed) === 0 ? { do: 'attributes' } : refuse('EPERM')
}
