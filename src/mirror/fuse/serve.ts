/** Serves an engine as a block file: a path on which a loop device can be put. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { becomeIoFlusher } from '../../world/libc.ts'
import { unmountAll } from '../attach/fuse-mounts.ts'
import { BlockFile, type ServedDisk } from './block-file.ts'
import { FuseDevice } from './fuse-device.ts'
import { attributesNotice } from './reply.ts'

export type ServedFile = {
  readonly close: () => void
  /** The disk has grown: the kernel forgets what it knew of its size. */
  readonly resized: () => void
}

/**
 * Mounts it at `path`, for this user only, over whatever a dead process left there. `ended`: the connection was cut off
 * from outside. @throws SystemCallFailed when it may not mount.
 */
export const serveBlockFile = (path: string, served: ServedDisk, ended: (because: string) => void): ServedFile => {
  mkdirSync(dirname(path), { recursive: true })
  unmountAll(path)
  // Whoever opens it before or after the mount finds nothing that could be taken for the disk.
  writeFileSync(path, '', { mode: 0o600 })
  becomeIoFlusher()
  const file = new BlockFile(served, (reply) => device.answer(reply))
  const device = new FuseDevice(path, { received: file.receive, ended })
  return {
    close: () => {
      // In this order: unmounting may have to ask the server, which is this very thread.
      device.close()
      unmountAll(path)
      rmSync(path, { force: true })
    },
    resized: () => device.answer(attributesNotice()),
  }
}
