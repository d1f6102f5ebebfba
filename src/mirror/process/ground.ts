/** What a data plane stands on: devices, connections and front ends. The simulation brings its own. */
import { readFileSync } from 'node:fs'
import { becomeIoFlusher } from '../../world/libc.ts'
import { openDisk } from '../direct-disk.ts'
import { serveBlockFile } from '../fuse/serve.ts'
import { serveNbd } from '../nbd/server.ts'
import { dial, listen } from '../peer/transport.ts'

export type Ground = {
  readonly openDisk: typeof openDisk
  readonly dial: typeof dial
  readonly listen: typeof listen
  readonly serveNbd: typeof serveNbd
  readonly serveBlockFile: typeof serveBlockFile
  /** Keys and certificates. @throws when there is none. */
  readonly readFile: (path: string) => Buffer
}

export const realGround: Ground = {
  openDisk,
  dial,
  listen,
  serveNbd: (...served) => {
    // The kernel's nbd may be the client.
    becomeIoFlusher()
    return serveNbd(...served)
  },
  serveBlockFile,
  readFile: (path) => readFileSync(path),
}
