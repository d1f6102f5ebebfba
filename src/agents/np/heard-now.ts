/** What beats tell NP resolution: how many voters are heard, and how the paths do that belong to two servers alone. */
import { majorityOf } from '../../decisions/quorum.ts'
import type { Evidence, PathEvidence } from '../../decisions/resolve-partition.ts'
import { type Instant, instant, pathName } from '../../events/index.ts'
import type { Voter } from '../voter.ts'

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
  const timesOf = (kind: string): readonly Instant[] =>
    Object.values(heard).flatMap(({ paths }) =>
      Object.entries(paths).flatMap(([path, at]) => (kindOf(path) === kind ? [at] : [])),
    )
  const newest = (times: readonly Instant[]): Instant | null =>
    times.length === 0 ? null : instant(Math.max(...times))
  const byKind = (kind: string): PathEvidence => {
    const isUsable = voter.isUsable(pathName(kind))
    if (isUsable === false) return 'broken'
    let latest = Number.NEGATIVE_INFINITY
    for (const { paths } of Object.values(heard))
      for (const [path, at] of Object.entries(paths))
        if (path.startsWith(kind) && kindOf(path) === kind) latest = Math.max(latest, at)
    if (latest === Number.NEGATIVE_INFINITY) return isUsable ? 'silent' : 'unknown'
    return now - latest < timing.timeoutMs ? 'hears' : 'silent'
  }
  const needed = majorityOf(voters)
  const heardAt = voters.flatMap((name) => (name === me ? [now] : [heard[name]?.at ?? []].flat()))
  return {
    voters: { heard: voters.filter(isHeard).length, majority: needed },
    com: byKind('com'),
    disk: byKind('disk'),
    asOf: {
      majority: heardAt.toSorted((a, b) => b - a)[needed - 1] ?? null,
      com: newest(timesOf('com')),
      disk: voter.wroteAt(pathName('disk')),
    },
  }
}
