/** Rule 2 ignores beats that are old; one that is much older than what came on the same path before is worth a word. */
import type { Beat } from '../../decisions/liveness.ts'
import type { PathName } from '../../events/index.ts'

/** Datagrams overtake each other, by a few; a beat that is so many behind was kept by somebody. */
const mostOvertaken = 100

/** Whether a beat was said long before what came in already on this path; remembers what came in. */
export const replayWatch = (): ((beat: Pick<Beat, 'from' | 'incarnation' | 'number'>, path: PathName) => boolean) => {
  const newest = new Map<PathName, Map<string, Pick<Beat, 'from' | 'incarnation' | 'number'>>>()
  return (beat, path) => {
    const { from, incarnation, number } = beat
    const onPath = newest.get(path) ?? new Map<string, Pick<Beat, 'from' | 'incarnation' | 'number'>>()
    const known = onPath.get(from)
    if (known && incarnation < known.incarnation) return true
    if (known && incarnation === known.incarnation && number <= known.number)
      return known.number - number > mostOvertaken
    if (!known) newest.set(path, onPath)
    onPath.set(from, beat)
    return false
  }
}
