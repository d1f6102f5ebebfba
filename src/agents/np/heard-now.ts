/** What beats tell NP resolution: how many voters are heard, and how the paths do that belong to two servers alone. */
import type { Liveness } from '../../decisions/liveness.ts'
import { majorityOf } from '../../decisions/quorum.ts'
import type { Evidence, PathEvidence } from '../../decisions/resolve-partition.ts'
import { type Instant, pathName } from '../../events/index.ts'
import type { Voter } from '../voter/voter.ts'

/** A path's name begins with its kind: `lan:public`, `com:…`, `disk:…`. */
export const kindOf = (path: string): string => path.split(':', 1)[0] ?? path

export const heardNow = (
  voter: Pick<Voter, 'liveness' | 'membership' | 'isUsable' | 'wroteAt'>,
  now: Instant,
): Pick<Evidence, 'voters' | 'com' | 'disk'> & { readonly asOf: Omit<Evidence['asOf'], 'bmc'> } => {
  const { heard, timing, me } = voter.liveness()
  const { voters } = voter.membership()
  const isHeard = (name: string): boolean => {
    const at = heard[name]?.at
    return name === me || (at !== undefined && now - at < timing.timeoutMs)
  }
  const byKind = (kind: string, latest: Instant | null): PathEvidence => {
    const isUsable = voter.isUsable(pathName(kind))
    if (isUsable === false) return 'broken'
    // Nobody was ever heard there: it may be another disk than the other side's, on which silence says nothing.
    if (latest === null) return 'unknown'
    return now - latest < timing.timeoutMs ? 'hears' : 'silent'
  }
  const com = newestOn(heard, 'com')
  const needed = majorityOf(voters)
  const heardAt = voters.flatMap((name) => (name === me ? [now] : [heard[name]?.at ?? []].flat()))
  return {
    voters: { heard: voters.filter(isHeard).length, majority: needed },
    com: byKind('com', com),
    disk: byKind('disk', newestOn(heard, 'disk')),
    asOf: {
      majority: heardAt.toSorted((a, b) => b - a)[needed - 1] ?? null,
      com,
      disk: voter.wroteAt(pathName('disk')),
    },
  }
}

/** When somebody was last heard on a path of that kind. Without lists: this is asked at every look for something to do. */
const newestOn = (heard: Liveness['heard'], kind: string): Instant | null => {
  let latest: Instant | null = null
  for (const voter in heard) {
    const paths = heard[voter]?.paths
    for (const path in paths) {
      const at = path.startsWith(kind) && kindOf(path) === kind ? paths[path] : undefined
      if (at !== undefined && (latest === null || at > latest)) latest = at
    }
  }
  return latest
}
