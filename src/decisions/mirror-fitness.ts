/** Whether the copy of a server may be served: D6, a stale side is never activated. What is said here names why, and what would help. */
import type { GroupName, ServerName } from '../events/index.ts'
import { isMade, shortOf, sideOf } from '../projections/mirror-sides.ts'
import type { Mirror } from '../projections/mirrors.ts'
import { serverOf } from '../projections/servers.ts'
import type { State } from '../projections/state.ts'
import { detachedHelp, percentOf } from '../projections/words-of-mirrors.ts'
import { constructedMirror } from './mirror-pair.ts'

const mirrorsOfGroup = (state: State, group: GroupName): readonly string[] =>
  Object.entries(state.configuration.current?.groups[group]?.resources ?? {}).flatMap(([name, { type }]) =>
    type === 'md' ? [`${group}.${name}`] : [],
  )

/** Why a server must not be given this group because of its mirrors; null when nothing stands against it. */
export const mirrorsAgainst = (state: State, group: GroupName, server: ServerName): string | null => {
  for (const name of mirrorsOfGroup(state, group)) {
    const objection = mirrorObjection(state, name, server)
    if (objection !== null) return objection
  }
  return null
}

/** What makes a server the last choice. */
export const mirrorDoubts = (state: State, group: GroupName, server: ServerName): readonly string[] =>
  mirrorsOfGroup(state, group).flatMap((name) => {
    const mirror = constructedMirror(state, name)
    const trouble = mirror && sideOf(mirror, server).trouble
    return trouble ? [`its disk of mirror ${name} had trouble: ${trouble.because}`] : []
  })

/** Invariant: null only for a copy that has every acknowledged write, or that an operator has chosen, or before the first copy. */
export const mirrorObjection = (state: State, name: string, server: ServerName): string | null => {
  const mirror = constructedMirror(state, name)
  if (mirror === null || mirror.forced?.server === server) return null
  if (mirror.stale === server) return staleness(mirror, server)
  const { known, seen } = sideOf(mirror, server)
  if (known === null) return `it has nothing of mirror ${name}`
  // A copy that was restored while its machine was off looks like a good one until it has spoken.
  if (seen === null || seen.boot !== serverOf(state.servers, server).boot)
    return `its copy of mirror ${name} has not shown itself since the machine started`
  const { verdict } = seen
  if (verdict.is === 'older' || verdict.is === 'unknown')
    return `its copy of mirror ${name} is not believed: ${verdict.because}`
  if (verdict.is === 'new' && isMade(mirror, known)) return `its copy of mirror ${name} is empty`
  const other = mirror.current === server ? null : mirror.current
  if (other === null) return null
  if (!seen.isConsistent) return `its copy of mirror ${name} had not caught up with that of ${other}`
  if (seen.role === 'active') return `its copy of mirror ${name} was served, and ${other} has served it since`
  if (seen.role === 'standby' && !seen.isSameBoot)
    return `its machine was restarted while it followed ${other} in mirror ${name}: what it acknowledged may be lost`
  return null
}

/** `mirror db.data is stale there since generation 1f00…: only s1 has every write; …` */
const staleness = (mirror: Mirror, server: string): string => {
  const { name, current, generation, resync, split, detached } = mirror
  const since = `its copy of mirror ${name} is stale since generation ${shortOf(generation)}: only ${current} has every write`
  if (split?.server === server) return `${since}; it is split off (baton mirror rejoin ${name})`
  if (detached?.server === server)
    return `its disk of mirror ${name} has failed: only ${current} has every write; ${detachedHelp(mirror)}`
  const runs = resync && resync.target === server && resync.interrupted === null
  if (runs) return `${since}; it is being brought up, ${percentOf(resync)} % so far`
  return `${since}; it may run it once it was brought up from ${current}; by force (baton mirror force ${name} ${server}) only if the copy of ${current} is lost for good`
}
