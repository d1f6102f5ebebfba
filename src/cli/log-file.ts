/** The commits of an exported log's file, checked, in bounded memory and as fast as two threads can. */
import { statSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { DamagedExport, type ExportReader, exportReader } from '../events/exported-log.ts'
import type { Recorded } from '../events/index.ts'
import { CommandFailed, exitCode } from './deps.ts'
import { type Block, VerifiedBlocks } from './log-blocks.ts'
import type { WorkerAnswer } from './log-worker.ts'

/** Large enough that handing a block over costs nothing; with larger ones the garbage of decoding gets old and piles up. */
const blockBytes = 128 * 1024
/** Blocks on their way: one being verified, one being decoded, one waiting. */
const blocksUnderWay = 3
/** Starting a worker takes longer than verifying this much. */
const smallFileBytes = 4 * 1024 * 1024

/** The cluster that the log is of. @throws DamagedExport */
export const clusterOfFile = (path: string): string => {
  const blocks = new VerifiedBlocks(path)
  blocks.close()
  return blocks.cluster
}

/** Batches of commits after `after`; no commit is delivered before it was verified. @throws DamagedExport */
export async function* readLogFile(path: string, after: number): AsyncGenerator<readonly Recorded[]> {
  const reader = exportReader({ after, digest: null })
  const blocks = statSync(path).size <= smallFileBytes ? blocksHere(path) : blocksFromWorker(path)
  for await (const block of blocks) {
    const recorded = decodeBlock(reader, block)
    if (recorded.length > 0) yield recorded
  }
}

const decodeBlock = (reader: ExportReader, { buffer, length }: Block): readonly Recorded[] => {
  const recorded: Recorded[] = []
  for (let from = 0; from < length; ) {
    const to = buffer.indexOf(10, from)
    const one = reader.next(buffer.toString('utf8', from, to))
    if (one !== null) recorded.push(one)
    from = to + 1
  }
  return recorded
}

async function* blocksHere(path: string): AsyncGenerator<Block> {
  const blocks = new VerifiedBlocks(path)
  try {
    for (let buffer = Buffer.alloc(blockBytes); ; ) {
      const block = blocks.next(buffer)
      if (block === null) return
      buffer = block.buffer
      yield block
    }
  } finally {
    blocks.close()
  }
}

async function* blocksFromWorker(path: string): AsyncGenerator<Block> {
  // Built, this file and its neighbour end in .js.
  const beside = import.meta.url.endsWith('.ts') ? './log-worker.ts' : './log-worker.js'
  const worker = new Worker(new URL(beside, import.meta.url), { workerData: path })
  const answers = queueOf(worker)
  const give = (bytes: ArrayBuffer) => worker.postMessage(bytes, [bytes])
  try {
    for (let i = 0; i < blocksUnderWay; i += 1) give(new ArrayBuffer(blockBytes))
    for (;;) {
      const next = await answers()
      if (next.answer === 'end') return
      if (next.answer === 'damage') throw new DamagedExport(next.line, next.what)
      if (next.answer === 'trouble') throw new CommandFailed(exitCode.usage, `${path} cannot be read: ${next.because}`)
      yield { buffer: Buffer.from(next.bytes), length: next.length }
      give(next.bytes)
    }
  } finally {
    await worker.terminate()
  }
}

/** The worker's answers in order, one at a time. */
const queueOf = (worker: Worker): (() => Promise<WorkerAnswer>) => {
  const arrived: WorkerAnswer[] = []
  let wake: (() => void) | null = null
  const arrive = (answer: WorkerAnswer) => {
    arrived.push(answer)
    wake?.()
  }
  worker.on('message', arrive)
  worker.on('error', (error) => arrive({ answer: 'trouble', because: error.message }))
  return async () => {
    for (;;) {
      const answer = arrived.shift()
      if (answer) return answer
      await new Promise<void>((resolve) => {
        wake = resolve
      })
      wake = null
    }
  }
}
