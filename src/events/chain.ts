/** The chain of commits: each names the hash of the one before, so that nothing can be put in, taken out or changed. */
import { type Commit, decodeCommit, type Position, type Recorded } from './commit.ts'
import type { LogTrouble } from './event-log.ts'
import { type Hash, hash, type Sequence } from './ids.ts'

/** Stands for the hash of a commit that the reader has not seen: the first link is then not checked. */
export const unknownHash: Hash = hash('?')

/** Reads the bytes at `at` as the commit that follows `before`, which stands directly before it. */
export const readNext = (
  digest: (bytes: string) => Hash,
  before: Position,
  next: { readonly sequence: Sequence; readonly bytes: string },
): Recorded | LogTrouble => {
  const at = next.sequence
  let decoded: { readonly commit: Commit; readonly previous: Hash }
  try {
    decoded = decodeCommit(next.bytes)
  } catch (error) {
    return { trouble: 'unreadable', at, because: error instanceof Error ? error.message : String(error) }
  }
  // A reader that begins in the middle may not know the hash there: `fromHere`.
  if (before.hash !== unknownHash && decoded.previous !== before.hash) return { trouble: 'broken-chain', at }
  return { position: { sequence: at, hash: digest(next.bytes) }, bytes: next.bytes, ...decoded }
}
