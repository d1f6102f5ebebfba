/** Sees to it that the guardian knows how long the lease lasts, and that its end is not left to the next beat. */
import type { Configuration } from '../../events/index.ts'
import type { Cancel, World } from '../../world/world.ts'
import { configureGuardian, tellGuardian } from '../guardian/tell-guardian.ts'

export type LeaseMinder = {
  /** `mayStart`: something may be activated any moment. */
  readonly mind: (
    current: Configuration | null,
    facts: Parameters<typeof tellGuardian>[2] & { readonly isLeased: boolean },
  ) => void
  readonly stop: () => void
}

/** `again`: called when the lease that was minded last is over, and when there is something to say of it. */
export const leaseMinder = (
  world: Pick<World, 'clock'>,
  {
    again,
    ...parts
  }: Parameters<typeof configureGuardian>[0] & Parameters<typeof tellGuardian>[0] & { readonly again: () => void },
): LeaseMinder => {
  let cancel: Cancel = () => {}
  let configured: Configuration | null = null
  return {
    mind: (current, { isLeased, ...facts }) => {
      // Rule 10: before the guardian is told, and only what the guardian knows may be said.
      const isNews = facts.hasBarrier && parts.voter.acknowledgeChange()
      if (current !== null && current !== configured) configureGuardian(parts, current)
      configured = current
      tellGuardian(parts, current, facts)
      if (isNews) again()
      cancel()
      const until = parts.voter.leasedUntil()
      if (isLeased && until !== Number.POSITIVE_INFINITY) cancel = world.clock.after(until - facts.now, again)
    },
    stop: () => cancel(),
  }
}
