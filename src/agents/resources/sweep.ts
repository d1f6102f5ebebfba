/** Ends every process of a tag and waits, event-driven, until they are gone. */
import type { Cancel, ProcessIdentity, World } from '../../world/world.ts'

/** Resolves after `ms`, or at once when `signal` is aborted. */
export const pause = (world: World, ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const finish = (): void => {
      cancel()
      signal?.removeEventListener('abort', finish)
      resolve()
    }
    const cancel = world.clock.after(ms, finish)
    signal?.addEventListener('abort', finish)
    if (signal?.aborted) finish()
  })

/** True when all of them ended within `ms`; false at the time-out or abort. */
export const allEnded = (
  world: World,
  processes: readonly ProcessIdentity[],
  limit: { readonly ms: number; readonly signal?: AbortSignal | undefined },
): Promise<boolean> =>
  new Promise((resolve) => {
    const cancels: Cancel[] = []
    let left = processes.length
    const finish = (): void => {
      for (const cancel of cancels.splice(0)) cancel()
      limit.signal?.removeEventListener('abort', finish)
      resolve(left === 0)
    }
    if (left === 0) return finish()
    for (const process of processes) {
      cancels.push(
        world.processes.onExit(process, () => {
          left -= 1
          if (left === 0) finish()
        }),
      )
    }
    cancels.push(world.clock.after(limit.ms, finish))
    limit.signal?.addEventListener('abort', finish)
    if (limit.signal?.aborted) finish()
  })

/** True when the tag has no living process any more; those that are forked meanwhile are waited for as well. */
const isEmptied = async (world: World, tag: string, limit: { readonly ms: number; readonly signal?: AbortSignal }) => {
  const until = world.clock.now() + limit.ms
  for (;;) {
    const members = await world.processes.members(tag)
    if (members.length === 0) return true
    const ended = await allEnded(world, members, { ms: Math.max(0, until - world.clock.now()), signal: limit.signal })
    if (!ended) return false
  }
}

// A killed process ends at once, unless it is stuck in the kernel; then waiting longer does not help.
const stuckAfterKillMs = 1000

export type Sweep = {
  /** Between SIGTERM and SIGKILL; 0 = SIGKILL at once. */
  readonly patienceMs: number
  readonly signal: AbortSignal
}

/** Null when nothing is left; otherwise the processes that did not end. An abort ends the patience, not the sweep. */
export const endAll = async (world: World, tag: string, sweep: Sweep): Promise<null | readonly ProcessIdentity[]> => {
  const { processes } = world
  if (sweep.patienceMs > 0 && !sweep.signal.aborted) {
    if ((await processes.signalAll(tag, 'SIGTERM')) === 0) return null
    // A stopped process would not notice.
    await processes.signalAll(tag, 'SIGCONT')
    if (await isEmptied(world, tag, { ms: sweep.patienceMs, signal: sweep.signal })) return null
  }
  if ((await processes.signalAll(tag, 'SIGKILL')) === 0) return null
  if (await isEmptied(world, tag, { ms: stuckAfterKillMs })) return null
  return await processes.members(tag)
}
