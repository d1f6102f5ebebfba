/**
 * What a server's own copy says of its having gone on alone. The commit by which it did stands on that copy and, until
 * the other server is back, nowhere else: after a restart it is looked for there before anything is read elsewhere.
 */
import { readNext } from '../../events/chain.ts'
import { type Commit, type Hash, type Position, type Sequence, sequence, type VoterName } from '../../events/index.ts'
import type { LogSide } from './log-side.ts'

const pageCommits = 500

export const declaresDown = ({ events }: Commit, server: VoterName): boolean =>
  events.some((event) => event.type === 'ServerDeclaredDown' && event.data.server === server)

/**
 * `until`: the last commit after `after`, and following from it, by which this server went on without `peer`: everything
 * before it on this copy had been read as standing then; `after`'s own sequence when there is none. `end`: of the copy.
 * Null = no answer.
 */
export const ownHistory = async (
  own: LogSide,
  peer: VoterName,
  after: Position,
  digest: (bytes: string) => Hash,
): Promise<{ readonly until: Sequence; readonly end: Sequence } | null> => {
  const end = await own.end()
  if (end === null) return null
  let position = after
  let until = after.sequence
  while (position.sequence < end) {
    const raws = await own.read(sequence(position.sequence + 1), pageCommits)
    if (raws.length === 0) return null
    for (const raw of raws) {
      const read = readNext(digest, position, raw)
      if ('trouble' in read) return { until, end }
      position = read.position
      if (declaresDown(read.commit, peer)) until = position.sequence
    }
  }
  return { until, end }
}
