/** The numbers of the NBD protocol (doc/proto.md of the NetworkBlockDevice project), newstyle, simple replies. */
import type { BlockError } from '../engine-interface.ts'

/** "NBDMAGIC", "IHAVEOPT" and the magic of each kind of message. */
export const serverMagic = 0x4e42444d41474943n
export const optionMagic = 0x49484156454f5054n
export const optionReplyMagic = 0x0003e889045565a9n
export const requestMagic = 0x25609513
export const replyMagic = 0x67446698

export const handshakeFlag = { fixedNewstyle: 1, noZeroes: 2 }

export const option = { exportName: 1, abort: 2, list: 3, info: 6, go: 7 }

const failing = 2 ** 31
export const optionReply = {
  ack: 1,
  server: 2,
  info: 3,
  unsupported: failing + 1,
  policy: failing + 2,
  invalid: failing + 3,
  unknown: failing + 6,
  tooBig: failing + 9,
}

export const information = { export: 0, name: 1, description: 2, blockSize: 3 }

export const transmissionFlag = {
  hasFlags: 1,
  readOnly: 2,
  sendFlush: 4,
  sendFua: 8,
  sendTrim: 32,
  sendWriteZeroes: 64,
  canMultiConnect: 256,
}

export const command = { read: 0, write: 1, disconnect: 2, flush: 3, trim: 4, writeZeroes: 6 }
export const commandFlag = { fua: 1, noHole: 2 }

/** The protocol fixes these numbers; they are Linux's. */
export const errorNumbers: Readonly<Record<BlockError, number>> = {
  EPERM: 1,
  EIO: 5,
  EINVAL: 22,
  ENOSPC: 28,
  EOPNOTSUPP: 95,
  ESHUTDOWN: 108,
}

export const requestBytes = 28
export const replyBytes = 16
/** What clients that were told nothing may send at once, by the protocol; also what Baton tells them. */
export const maxPayloadBytes = 33_554_432
