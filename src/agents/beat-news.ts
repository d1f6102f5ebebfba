/** What a beat brings: something new about who lives, a longer lease and nothing else, or nothing. */
import { holdsLease } from '../decisions/leases.ts'
import { type Liveness, type Membership, silence } from '../decisions/liveness.ts'
import type { Epoch, Instant, VoterName } from '../events/index.ts'

export type News = 'news' | 'longer lease' | 'nothing'

/** `held`: what runs here. A beat in a quiet cluster must cost next to nothing: there are hundreds for each event. */
export const newsOf = (
  before: Liveness,
  after: Liveness,
  {
    from,
    membership,
    now,
    held,
  }: {
    readonly from: VoterName
    readonly membership: Membership
    readonly now: Instant
    readonly held: () => Readonly<Record<string, Epoch>>
  },
): News => {
  if (isSaidAnew(before.said[from], after.said[from]) || isOtherThanBefore(before, after, from, now)) return 'news'
  const groups = Object.keys(after.heard[from]?.groups ?? {})
  // Somebody else holds what we hold: every word of it counts.
  if (groups.length > 0 && groups.some((group) => Object.hasOwn(held(), group))) return 'news'
  if (after.grants === before.grants && after.hearsMe === before.hearsMe) return 'nothing'
  return holdsLease(before, membership, now) && holdsLease(after, membership, now) ? 'longer lease' : 'news'
}

const isOtherThanBefore = (before: Liveness, after: Liveness, from: VoterName, now: Instant): boolean => {
  const [was, is] = [before.heard[from], after.heard[from]]
  if (was === undefined || is === undefined) return was !== is
  return (
    silence(before, from, now) >= before.timing.timeoutMs ||
    was.incarnation !== is.incarnation ||
    was.generation !== is.generation ||
    was.store !== is.store ||
    was.renounced !== is.renounced ||
    Object.keys(was.paths).length !== Object.keys(is.paths).length
  )
}

/** What a voter says in every beat is news once. */
const isSaidAnew = (was: Liveness['said'][string] | undefined, is: Liveness['said'][string] | undefined): boolean => {
  if (was === is) return false
  if (was === undefined || is === undefined || was.store !== is.store) return true
  const servers = Object.keys(is.supports)
  return (
    servers.length !== Object.keys(was.supports).length ||
    servers.some(
      (server) =>
        was.supports[server]?.generation !== is.supports[server]?.generation ||
        was.supports[server]?.reason !== is.supports[server]?.reason,
    )
  )
}
