/** Where a group goes and why not elsewhere: one pure function whose answer has a verdict for every server in its list. */
import { type GroupName, type ServerName, serverName, type Verdict } from '../events/index.ts'
import { isInForce, isSuspended, leftBy, monitorOf, monitorOn } from '../projections/monitors.ts'
import { isToStop, serverOf } from '../projections/servers.ts'
import type { State } from '../projections/state.ts'
import { isHeldBack } from './await-return.ts'
import { findGroup, groupsOn } from './decision.ts'
import { mirrorDoubts, mirrorsAgainst } from './mirror-fitness.ts'

export type Placement = { readonly chosen: ServerName | null; readonly verdicts: readonly Verdict[] }

/** `avoid`: servers it must not go to, each with the reason (it failed there, it is being stopped …). */
export type PlacementWish = {
  readonly reachable: ReadonlySet<string>
  readonly avoid?: Readonly<Record<string, string>>
  /** The only server asked for. */
  readonly only?: ServerName
}

/** The one verdict that goes by who places the group, and not by the log. It hides what else speaks against the server. */
export const notHeard = 'it has not been heard lately'

type Candidate = {
  readonly server: ServerName
  readonly place: number
  readonly unfit: string | null
  readonly doubts: readonly string[]
  readonly errors: number
}

/** O4: by list order; `dynamic` = healthiest first, ties by order. Doubts (a normal exclusion, a lost network) only
 *  make a server the last choice; whatever makes it unfit rules it out. */
export const placeGroup = (state: State, name: GroupName, wish: PlacementWish): Placement => {
  const found = findGroup(state, name)
  if (!found) return { chosen: null, verdicts: [] }
  const { configuration } = found
  const candidates = configuration.servers.map((one, place): Candidate => {
    const server = serverName(one)
    return {
      server,
      place,
      unfit: unfitness(state, name, server, wish),
      doubts: doubtsAbout(state, name, server),
      errors: errorsOn(state, server),
    }
  })
  const byErrors = configuration.failover === 'dynamic' ? (a: Candidate, b: Candidate) => a.errors - b.errors : () => 0
  const best = candidates
    .filter(({ unfit }) => unfit === null)
    .toSorted((a, b) => a.doubts.length - b.doubts.length || byErrors(a, b) || a.place - b.place)[0]
  return { chosen: best?.server ?? null, verdicts: candidates.map((one) => verdictOn(one, best)) }
}

const verdictOn = (one: Candidate, best: Candidate | undefined): Verdict => {
  const { server, unfit, doubts, errors } = one
  if (unfit !== null) return { server, fit: 'unfit', because: unfit }
  const notes = [...doubts, ...(errors > 0 ? [`${errors} monitor error${errors === 1 ? '' : 's'}`] : [])].join('; ')
  if (one === best) return { server, fit: 'chosen', because: notes || `number ${one.place + 1} of its list` }
  return { server, fit: 'fit', because: notes || `number ${one.place + 1} of its list` }
}

const unfitness = (state: State, name: GroupName, server: ServerName, wish: PlacementWish): string | null => {
  const known = serverOf(state.servers, server)
  const { status } = known
  if (wish.only !== undefined && wish.only !== server) return 'not the server asked for'
  if (status === 'never') return 'it has not joined the cluster yet'
  if (status === 'down') return 'it is down'
  if (status === 'left' || isToStop(known)) return 'it is stopped'
  if (isHeldBack(state, name, server)) return `it awaits its return (baton server start ${server})`
  const final = state.fencing.finalActions[server]
  if (final && final.failed === null) return 'it is being ended by its final action'
  const avoided = wish.avoid?.[server]
  if (avoided !== undefined) return avoided
  if (!wish.reachable.has(server)) return notHeard
  const mirror = mirrorsAgainst(state, name, server)
  if (mirror !== null) return mirror
  const rival = exclusiveRival(state, name, server, 'absolute')
  return rival ? `${rival} is there, and both exclude each other absolutely` : null
}

const doubtsAbout = (state: State, name: GroupName, server: ServerName): readonly string[] => {
  const rival = exclusiveRival(state, name, server, 'normal')
  return [
    ...(rival ? [`${rival} is there, and each is better alone`] : []),
    ...(serverOf(state.servers, server).isCutOff ? ['it is cut off, as far as NP resolution can tell'] : []),
    ...mirrorDoubts(state, name, server),
  ]
}

/** Another group of the same exclusion that this server owns, or is about to get. */
const exclusiveRival = (
  state: State,
  name: GroupName,
  server: ServerName,
  kind: 'normal' | 'absolute',
): string | null => {
  const groups = state.configuration.current?.groups ?? {}
  if (groups[name]?.exclusion !== kind) return null
  const there = groupsOn(state, server).map((group) => group.name)
  const coming = Object.values(state.groups)
    .filter(({ ownership }) => ownership.status === 'assigned' && ownership.next?.server === server)
    .map((group) => group.name)
  return [...there, ...coming].find((other) => other !== name && groups[other]?.exclusion === kind) ?? null
}

/** What a monitor found of a group that has left says nothing of the server as it is: it is not asked again before it is back. */
const errorsOn = (state: State, server: ServerName): number =>
  Object.keys(state.monitors).filter(
    (monitor) =>
      !isSuspended(monitorOf(state.monitors, monitor), server) &&
      monitorOn(state.monitors, monitor, server).verdict === 'error' &&
      isInForce(state, monitor, server) &&
      leftBy(state, monitor, server) === null,
  ).length
