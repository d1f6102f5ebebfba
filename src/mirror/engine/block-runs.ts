import type { BlockRun } from '../peer/messages.ts'

/** Neighbours as one: of ascending indexes. */
export const runsOf = (blocks: Iterable<number>): BlockRun[] => {
  const runs: { first: number; count: number }[] = []
  for (const block of blocks) {
    const last = runs.at(-1)
    if (last && last.first + last.count === block) last.count += 1
    else runs.push({ first: block, count: 1 })
  }
  return runs
}
