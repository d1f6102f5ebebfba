/** What the kernel is answered, byte by byte. */
import {
  errorNumbers,
  type FuseError,
  initFlag,
  maxPages,
  maxPayloadBytes,
  notify,
  openFlag,
  outHeaderBytes,
  protocolMajor,
  protocolMinor,
  rootNode,
} from './numbers.ts'

/** Requests that the kernel sends without waiting for the answers before: a queue of 32, and 32 that wait for it. */
const queueDepth = 64
/** Whoever grows tells it. */
const validSeconds = 3600
const fileMode = 0o100600
/** Discards need not be on finer bounds than file systems use. */
const statisticsBlockBytes = 4096

/** A reply of `length` bytes without an error, addressed to who sent `request`. */
export const blankReply = (request: Buffer, length: number): Buffer => {
  const reply = Buffer.alloc(outHeaderBytes + length)
  address(reply, request)
  return reply
}

/** Writes the header for all of `reply`. */
export const address = (reply: Buffer, request: Buffer): void => {
  reply.writeUInt32LE(reply.length, 0)
  reply.writeInt32LE(0, 4)
  // `unique`, as it came.
  request.copy(reply, 8, 8, 16)
}

/** Makes a reply that was addressed say that this went wrong; answers what is to be sent. */
export const failed = (reply: Buffer, error: FuseError): Buffer => {
  reply.writeUInt32LE(outHeaderBytes, 0)
  reply.writeInt32LE(-errorNumbers[error], 4)
  return reply.subarray(0, outHeaderBytes)
}

/** Makes a reply shorter: to a read that goes beyond the end. */
export const shortened = (reply: Buffer, payload: number): Buffer => {
  reply.writeUInt32LE(outHeaderBytes + payload, 0)
  return reply.subarray(0, outHeaderBytes + payload)
}

export const initReply = (request: Buffer, { readahead, flags }: { readahead: number; flags: number }): Buffer => {
  const reply = blankReply(request, 64)
  const { asyncRead, bigWrites, asyncDirect, maxPages: hasMaxPages } = initFlag
  writeIntegers(reply, [
    protocolMajor,
    protocolMinor,
    readahead,
    flags & (asyncRead | bigWrites | asyncDirect | hasMaxPages),
  ])
  reply.writeUInt16LE(queueDepth, outHeaderBytes + 16)
  reply.writeUInt16LE(queueDepth, outHeaderBytes + 18)
  reply.writeUInt32LE(maxPayloadBytes, outHeaderBytes + 20)
  // Times in nanoseconds.
  reply.writeUInt32LE(1, outHeaderBytes + 24)
  reply.writeUInt16LE(maxPages, outHeaderBytes + 28)
  return reply
}

/** struct fuse_attr_out. */
export const attributesReply = (request: Buffer, size: number, blockBytes: number): Buffer => {
  const reply = blankReply(request, 104)
  const attributes = outHeaderBytes + 16
  reply.writeUInt32LE(validSeconds, outHeaderBytes)
  reply.writeUInt32LE(rootNode, attributes)
  writeLong(reply, attributes + 8, size)
  writeLong(reply, attributes + 16, Math.ceil(size / 512))
  reply.writeUInt32LE(fileMode, attributes + 60)
  reply.writeUInt32LE(1, attributes + 64)
  reply.writeUInt32LE(blockBytes, attributes + 80)
  return reply
}

/** struct fuse_notify_inval_inode_out: not an answer to anything; the attributes of the file are to be asked for anew. */
export const attributesNotice = (): Buffer => {
  const notice = Buffer.alloc(outHeaderBytes + 24)
  notice.writeUInt32LE(notice.length, 0)
  notice.writeInt32LE(notify.inodeInvalid, 4)
  writeLong(notice, outHeaderBytes, rootNode)
  // An offset below zero: of the content nothing is kept anyway.
  notice.writeBigInt64LE(-1n, outHeaderBytes + 8)
  return notice
}

export const openReply = (request: Buffer): Buffer => {
  const reply = blankReply(request, 16)
  reply.writeUInt32LE(openFlag.directIo | openFlag.parallelDirectWrites, outHeaderBytes + 8)
  return reply
}

/** struct fuse_kstatfs: a loop device takes its unit of discards from here. */
export const statisticsReply = (request: Buffer, size: number): Buffer => {
  const reply = blankReply(request, 80)
  writeLong(reply, outHeaderBytes, Math.floor(size / statisticsBlockBytes))
  reply.writeUInt32LE(statisticsBlockBytes, outHeaderBytes + 40)
  reply.writeUInt32LE(statisticsBlockBytes, outHeaderBytes + 48)
  return reply
}

export const writtenReply = (request: Buffer, length: number): Buffer => {
  const reply = blankReply(request, 8)
  reply.writeUInt32LE(length, outHeaderBytes)
  return reply
}

const writeIntegers = (reply: Buffer, values: readonly number[]): void => {
  for (const [index, value] of values.entries()) reply.writeUInt32LE(value >>> 0, outHeaderBytes + index * 4)
}

const writeLong = (reply: Buffer, at: number, value: number): void => {
  reply.writeUInt32LE(value % 2 ** 32, at)
  reply.writeUInt32LE(Math.floor(value / 2 ** 32), at + 4)
}
