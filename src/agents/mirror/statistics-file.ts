/** D12: `perf/disk/nmpN.cur` and `.pre`: a row a minute, rotated by size, two generations. */
import type { World } from '../../world/world.ts'
import { type Sample, statisticsHeader, statisticsRow } from './statistics-rows.ts'

/** How often the data plane is asked, with `sample`. */
export const sampleEveryMs = 60_000
/** The current file becomes the previous one then. */
const mostBytes = 16 * 1_048_576

type Files = Pick<World['files'], 'append' | 'rename' | 'size' | 'makeDirectory'>

/** `number`: of the mirror partition, from 1. @throws when it cannot be written. */
export const appendSample = async (
  files: Files,
  { directory, number }: { readonly directory: string; readonly number: number },
  sample: Sample,
): Promise<void> => {
  const path = `${directory}/nmp${number}`
  const row = `${statisticsRow(sample)}\n`
  await files.makeDirectory(directory)
  const size = await files.size(`${path}.cur`)
  const isFull = size + row.length > mostBytes
  if (isFull) await files.rename(`${path}.cur`, `${path}.pre`)
  await files.append(`${path}.cur`, size === 0 || isFull ? `${statisticsHeader}\n${row}` : row)
}
