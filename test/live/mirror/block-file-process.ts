/** A block file served by a process of its own, so that it can hang and die: `node block-file-process.ts FILE PATH`. */
import { openDisk } from '../../../src/mirror/direct-disk.ts'
import { serveBlockFile } from '../../../src/mirror/fuse/serve.ts'
import { plainEngine } from '../../../src/mirror/plain-engine.ts'

const [file = '', path = ''] = process.argv.slice(2)
const engine = plainEngine(openDisk(file, { direct: true, exclusive: false }))
const { close: stop } = serveBlockFile(path, { engine, readOnly: false }, (because) => console.log(`ended: ${because}`))
process.on('SIGTERM', () => {
  stop()
  process.exit(0)
})
console.log('served')
// What it serves does not keep the process alive by itself.
setInterval(() => undefined, 60_000)
