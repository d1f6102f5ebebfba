import type { Clock } from '../../world/world.ts'

/** Resolves after `ms`, not earlier. */
export const pause = (clock: Clock, ms: number): Promise<void> =>
  new Promise((resolve) => {
    clock.after(ms, resolve)
  })
