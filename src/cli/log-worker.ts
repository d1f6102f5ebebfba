/** Reads and verifies an exported log beside the thread that decodes and folds it (log-file.ts). */
import { parentPort, workerData } from 'node:worker_threads'
import { DamagedExport } from '../events/exported-line.ts'
import { VerifiedBlocks } from './log-blocks.ts'

/** What the worker answers to each buffer it is given: a block, the end, or what is wrong. */
export type WorkerAnswer =
  | { readonly answer: 'block'; readonly bytes: ArrayBuffer; readonly length: number }
  | { readonly answer: 'end' }
  | { readonly answer: 'damage'; readonly line: number; readonly what: string }
  | { readonly answer: 'trouble'; readonly because: string }

const answerFor = (blocks: VerifiedBlocks, bytes: ArrayBuffer): WorkerAnswer => {
  try {
    const block = blocks.next(Buffer.from(bytes))
    if (block === null) return { answer: 'end' }
    return { answer: 'block', bytes: block.buffer.buffer, length: block.length }
  } catch (error) {
    if (error instanceof DamagedExport) return { answer: 'damage', line: error.line, what: error.what }
    return { answer: 'trouble', because: error instanceof Error ? error.message : String(error) }
  }
}

if (parentPort) {
  const port = parentPort
  const blocks = new VerifiedBlocks(String(workerData))
  let isOver = false
  port.on('message', (bytes: ArrayBuffer) => {
    // Buffers given before the end was known arrive after it; by then the descriptor may be another file's.
    if (isOver) return
    const answer = answerFor(blocks, bytes)
    port.postMessage(answer, answer.answer === 'block' ? [answer.bytes] : [])
    if (answer.answer === 'block') return
    isOver = true
    blocks.close()
    port.close()
  })
}
