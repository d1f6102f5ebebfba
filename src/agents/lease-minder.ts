/** Sees to it that the guardian knows how long the lease lasts, and that its end is not left to the next beat. */
import type { Configuration, Instant } from '../events/index.ts'
import type { Cancel, World } from '../world/world.ts'
import { tellGuardian } from './tell-guardian.ts'

export type LeaseMinder = {
  /** `mayStart`: something may be activated any moment. */
  readonly mind: (
    current: Configuration | null,
    facts: { readonly now: Instant; readonly isLeased: boolean; readonly mayStart: boolean },
  ) => void
  readonly stop: () => void
}

/** `ends`: called when the lease that was minded last is over. */
export const leaseMinder = (
  world: Pick<World, 'clock'>,
  { ends, ...parts }: Parameters<typeof tellGuardian>[0] & { readonly ends: () => void },
): LeaseMinder => {
  let cancel: Cancel = () => {}
  return {
    mind: (current, { now, isLeased, mayStart }) => {
      tellGuardian(parts, current, { now, mayStart })
      cancel()
      const until = parts.voter.leasedUntil()
      if (isLeased && until !== Number.POSITIVE_INFINITY) cancel = world.clock.after(until - now, ends)
    },
    stop: () => cancel(),
  }
}
