/** What the guardian has to know before anything may run: until when, who has how long after that, which watchdog. */
import { mutualWatch, releaseBudget } from '../../decisions/release-budget.ts'
import { watchdogOrder } from '../../decisions/watchdog.ts'
import { type Configuration, type Instant, instant, type ServerName } from '../../events/index.ts'
import type { ResourceRunner } from '../resource-runner.ts'
import type { Voter } from '../voter/voter.ts'
import type { GuardianLink } from './guardian-link.ts'

type Parts = {
  readonly me: ServerName
  readonly guardian: GuardianLink
  readonly runner: Pick<ResourceRunner, 'isAllOff'>
  readonly voter: Pick<Voter, 'leasedUntil' | 'acknowledgeChange'>
}

/** What the guardian has to watch for by a configuration. */
export const configureGuardian = ({ me, guardian }: Pick<Parts, 'me' | 'guardian'>, current: Configuration): void =>
  guardian.configure(mutualWatch(current.heartbeat), watchdogOrder(current, me))

/** Until there is a configuration. */
const firstHeartbeat = { stop: 800 }

/** Stands for the endless lease of a cluster of one, where a number is needed: three years. */
const longestLeaseMs = 1e11

/** Rule 12: what runs may run on without a lease, for as long as the machine does. */
const keptUntil = instant(1e13)

/** `mayStart`: something may be activated any moment: the deadline must stand before it is. */
export const tellGuardian = (
  { guardian, runner, voter }: Omit<Parts, 'me'>,
  current: Configuration | null,
  { now, mayStart, hasBarrier }: { readonly now: Instant; readonly mayStart: boolean; readonly hasBarrier: boolean },
): void => {
  const isKept = current?.heartbeat.onQuorumLoss === 'keep'
  const until = isKept ? keptUntil : voter.leasedUntil()
  if (runner.isAllOff() && !mayStart) guardian.off()
  // A lease that has ended is not news: the guardian knows its deadline. Nor is one by an old fold, which may count
  // voters that are none any more (rule 10): what an earlier agent left goes on under the lease that it had.
  else if (until > now && hasBarrier)
    guardian.lease(
      isKept ? until : instant(Math.min(until, now + longestLeaseMs)),
      releaseBudget(current?.heartbeat ?? firstHeartbeat),
    )
}
