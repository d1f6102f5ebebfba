/**
 * A block file served by a process of its own, so that it can hang and die: `node block-file-process.ts FILE PATH`. What the
 * disk beneath it is to do badly from now on, or that it has grown, is said in a message, which is answered once it is so.
 */
import { openDisk } from '../../../src/mirror/direct-disk.ts'
import { serveBlockFile } from '../../../src/mirror/fuse/serve.ts'
import { plainEngine } from '../../../src/mirror/plain-engine.ts'
import { type DiskFaults, failing } from './failing-disk.ts'

const [file = '', path = ''] = process.argv.slice(2)
const { disk, become } = failing(openDisk(file, { direct: true, exclusive: false }))
const engine = plainEngine(disk)
const { close: stop, resized } = serveBlockFile(path, { engine, readOnly: false }, (because) =>
  console.log(`ended: ${because}`),
)
process.on('SIGTERM', () => {
  stop()
  process.exit(0)
})
process.on('message', (said: DiskFaults | 'grown') => {
  if (said === 'grown') {
    disk.measure()
    resized()
  } else become(said)
  process.send?.('so be it')
})
console.log('served')
// What it serves does not keep the process alive by itself.
setInterval(() => undefined, 60_000)
