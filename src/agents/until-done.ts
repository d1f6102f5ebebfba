/** What is tried for as long as the agent lives: machines of a cluster come up one by one. */
import type { World } from '../world/world.ts'
import type { Say } from './log/log-link.ts'

const pauseMs = 250

export type Trying = {
  /** Said with each failure. */
  readonly what: string
  readonly say: Say
  readonly isOver: () => boolean
}

/** The outcome of the first attempt that does not throw; null = it was over before. */
export const untilDone = async <T>(
  { clock }: Pick<World, 'clock'>,
  { what, say, isOver }: Trying,
  attempt: () => Promise<T>,
): Promise<T | null> => {
  while (!isOver()) {
    try {
      return await attempt()
    } catch (trouble) {
      say(what, { trouble: trouble instanceof Error ? trouble.message : String(trouble) })
    }
    await new Promise<void>((resolve) => clock.after(pauseMs, resolve))
  }
  return null
}
