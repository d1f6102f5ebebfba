/** The numbers of the FUSE protocol (linux/fuse.h, version 7.28 and later), little-endian as all our machines are. */
import type { BlockError } from '../engine-interface.ts'

export const opcode = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  setattr: 4,
  open: 14,
  read: 15,
  write: 16,
  statfs: 17,
  release: 18,
  fsync: 20,
  flush: 25,
  init: 26,
  interrupt: 36,
  destroy: 38,
  batchForget: 42,
  fallocate: 43,
}

/** struct fuse_in_header, fuse_out_header. */
export const inHeaderBytes = 40
export const outHeaderBytes = 16
/** Header and struct fuse_write_in: where the bytes of a write begin. */
export const writePayloadAt = inHeaderBytes + 40

/** 256 pages, the most that a kernel sends in one request without being told otherwise by its administrator. */
export const maxPages = 256
export const maxPayloadBytes = maxPages * 4096

/** The file is the root of its file system: there is nothing else in it. */
export const rootNode = 1

export const protocolMajor = 7
/** What this server speaks; the first that has `max_pages` is the oldest it can do with (Linux 4.20). */
export const protocolMinor = 38
export const oldestMinor = 28

export const initFlag = {
  asyncRead: 1 << 0,
  bigWrites: 1 << 5,
  /** Direct I/O of a queue at once; without it the loop device does one request after the other. */
  asyncDirect: 1 << 15,
  maxPages: 1 << 22,
}

export const openFlag = {
  /** Nothing is kept in the page cache: two ways to the same bytes would differ. */
  directIo: 1 << 0,
  parallelDirectWrites: 1 << 6,
}

/** enum fuse_notify_code. */
export const notify = { inodeInvalid: 2 }

export const allocateMode = { keepSize: 1, punchHole: 2, zeroRange: 16 }

/** struct fuse_setattr_in, `valid`. */
export const attribute = { mode: 1, uid: 2, gid: 4, size: 8 }

export type FuseError = BlockError | 'ENOENT' | 'ENOTDIR' | 'ENOSYS' | 'EPROTO'

export const errorNumbers: Readonly<Record<FuseError, number>> = {
  EPERM: 1,
  ENOENT: 2,
  EIO: 5,
  ENOTDIR: 20,
  EINVAL: 22,
  ENOSPC: 28,
  ENOSYS: 38,
  EPROTO: 71,
  // Never said: a loop device that hears it once gives up discarding for good.
  EOPNOTSUPP: 5,
  ESHUTDOWN: 108,
}
