/** Words shared by the drivers. */
import type { World } from '../../world/world.ts'
import type { Outcome } from './driver.ts'

type Failure = Extract<Outcome, { readonly ok: false }>

export const failure = (because: string): Failure => ({ ok: false, because, stalled: false })
/** No end within the time-out. */
export const stall = (because: string): Failure => ({ ok: false, because, stalled: true })
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
/** Milliseconds until an instant, 0 when it has passed. */
export const remaining = (world: World, until: number): number => Math.max(0, until - world.clock.now())
