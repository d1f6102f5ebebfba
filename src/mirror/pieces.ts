/** Requests that empty a range, in pieces: a discard may be of a whole disk, and everybody else has a turn in between. */
import type { BlockError, BlockRequest, Engine } from './engine-interface.ts'

/** Zeros of it are written within a second, where a disk cannot do it by itself. */
export const pieceBytes = 67_108_864

type Emptying = Extract<BlockRequest, { do: 'trim' | 'zero' }>

/** The first piece; when it is done the next one is submitted. What has to be durable is so with the last one. */
export const inPieces = (engine: Pick<Engine, 'submit'>, request: Emptying): Emptying => {
  const { at, length, settle } = request
  if (length <= pieceBytes) return request
  const next = (): void => {
    const rest = { ...request, at: at + pieceBytes, length: length - pieceBytes }
    queueMicrotask(() => engine.submit([inPieces(engine, rest)]))
  }
  const settled = (error: BlockError | null): void => (error === null ? next() : settle(error))
  return { ...request, length: pieceBytes, fua: false, settle: settled }
}
