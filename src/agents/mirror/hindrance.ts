/** Waiting for something that has a reason not to be so yet. */
import type { World } from '../../world/world.ts'
import type { Limit } from '../resources/driver.ts'

/** `isFinal`: waiting does not help. */
export type Hindrance = { readonly because: string; readonly isFinal: boolean }

/** What a served mirror is to be mounted from. */
export type Served = { readonly sizeBytes: number }
export type Serving = { readonly ok: true; readonly served: Served } | { readonly ok: false; readonly because: string }

type Waited = {
  /** Called whenever something may have changed. */
  readonly looks: Set<() => void>
  readonly hindrance: () => Hindrance | null
}

/** Null once nothing hinders any more; otherwise why it was given up. */
export const unhindered = (
  { clock }: Pick<World, 'clock'>,
  { timeoutMs, signal }: Limit,
  { looks, hindrance }: Waited,
): Promise<string | null> =>
  new Promise((resolve) => {
    const end = (because: string | null): void => {
      cancel()
      looks.delete(look)
      signal.removeEventListener('abort', look)
      resolve(because)
    }
    const look = (): void => {
      const found = hindrance()
      if (found === null || found.isFinal) end(found?.because ?? null)
      else if (signal.aborted) end('cancelled')
    }
    const cancel = clock.after(timeoutMs, () => end(hindrance()?.because ?? null))
    looks.add(look)
    signal.addEventListener('abort', look)
    look()
  })
