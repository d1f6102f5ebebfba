/** Asks the ping targets in turn and again (N1): which of them answer now. */
import type { Cancel, World } from '../../world/world.ts'

export type PingWatchParts = {
  /** As configured now; null = nothing is to be asked. Times in ms. */
  readonly targets: () => {
    readonly targets: readonly string[]
    readonly interval: number
    readonly timeout: number
  } | null
  readonly ping: (targets: readonly string[], timeoutMs: number) => Promise<readonly string[]>
  readonly changed: () => void
}

export type PingWatch = {
  /** Null until the first answer, and when nobody can be asked: that is not the same as being cut off. */
  readonly answering: () => readonly string[] | null
  readonly stop: () => void
}

/** How soon a configuration that names targets is noticed. */
const idleMs = 1000

export const pingWatch = (world: World, { targets, ping, changed }: PingWatchParts): PingWatch => {
  let answering: readonly string[] | null = null
  let isStopped = false
  let cancel: Cancel = () => {}
  const round = async (): Promise<void> => {
    const wanted = targets()
    if (wanted === null) answering = null
    else {
      answering = await ping(wanted.targets, wanted.timeout).catch(() => null)
      changed()
    }
    if (!isStopped) cancel = world.clock.after(wanted?.interval ?? idleMs, () => void round())
  }
  void round()
  return {
    answering: () => answering,
    stop: () => {
      isStopped = true
      cancel()
    },
  }
}
