/** Attaches a block file, says to which device, and stays: `node attach-process.ts PATH BYTES`. */
import { attachBlockFile } from '../../../src/mirror/attach/block-file-device.ts'
import { realWorld } from '../../../src/world/real.ts'

const [path = '', sizeBytes] = process.argv.slice(2)
const limit = { timeoutMs: 30_000, signal: new AbortController().signal }
const answer = await attachBlockFile(realWorld(), { path, sizeBytes: Number(sizeBytes) }, limit)
console.log(answer.ok ? answer.device : answer.because)
setInterval(() => undefined, 60_000)
