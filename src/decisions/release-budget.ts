/**
 * Who has how long to take everything down once a lease is over (liveness.md, "The inequality"): one chain, within
 * D = `heartbeat.stop`, and so within R.
 *
 * | from the lease's end | who | does |
 * |---|---|---|
 * | 0 … `agentMs` | the agent | takes down urgently; at its end the guardian's deadline strikes |
 * | … + `guardianMs` | the guardian | kills the agent, takes down what is left |
 * | … + `resetMs` ≤ D | reset command, watchdog | resets the machine when something is left, or everybody hangs |
 *
 * The watchdog needs no share of its own: it is fed only as long as it would still fire before lease end + D.
 */

/** All in milliseconds. */
export type ReleaseBudget = { readonly agentMs: number; readonly guardianMs: number; readonly resetMs: number }

/** The agent only sends signals and waits; the guardian has to kill it first and do all of it again. */
const agentShare = 1 / 4
const guardianShare = 1 / 2

/** The shares of D; their sum is D, less what is lost to whole milliseconds. */
export const releaseBudget = ({ stop }: { readonly stop: number }): ReleaseBudget => {
  const agentMs = Math.floor(stop * agentShare)
  const guardianMs = Math.floor(stop * guardianShare)
  return { agentMs, guardianMs, resetMs: Math.floor(stop - agentMs - guardianMs) }
}

/** From the lease's end to the machine's reset at the latest. */
export const budgetMs = ({ agentMs, guardianMs, resetMs }: ReleaseBudget): number => agentMs + guardianMs + resetMs

type Heartbeat = {
  readonly interval: number
  readonly timeout: number
  readonly release: number
  readonly stop: number
  readonly delay: number
  readonly stall: number
  readonly lostBeats: number
}

/** A watchdog's own time-out, W. Devices count in whole seconds. */
export type WatchdogRange = {
  /** Shorter, and beats that may be lost, or a stall that costs no lease, would cost the machine. */
  readonly leastMs: number
  /** Longer, and it could not be fed at all: even under a fresh lease it would fire after lease end + D. */
  readonly mostMs: number
}

export const watchdogRange = (heartbeat: Heartbeat): WatchdogRange => {
  const { interval, timeout, release, delay, stall, lostBeats } = heartbeat
  const leaseMs = timeout - release
  return {
    leastMs: (lostBeats + 2) * interval + stall,
    mostMs: leaseMs + budgetMs(releaseBudget(heartbeat)) - 2 * delay,
  }
}

/** The shortest time-out in whole seconds that is in range; null when there is none. */
export const watchdogTimeoutMs = (heartbeat: Heartbeat): number | null => {
  const { leastMs, mostMs } = watchdogRange(heartbeat)
  const seconds = Math.max(1, Math.ceil(leastMs / 1000))
  return seconds * 1000 <= mostMs ? seconds * 1000 : null
}

/**
 * Whether a watchdog with time-out `timeoutMs` may be fed now: nothing is guarded (`until` 0), or it would still fire
 * in time should this be the last time. All times on one clock, that of `until`.
 */
export const mayFeed = (
  now: number,
  guarded: { readonly until: number; readonly budget: ReleaseBudget },
  timeoutMs: number,
): boolean => guarded.until === 0 || now + timeoutMs <= guarded.until + budgetMs(guarded.budget)

/** How long each of the two may be silent to the other. */
export type MutualWatch = {
  /** A guardian that answers nothing for so long is replaced. */
  readonly silentMs: number
  /** Without a guardian that answers for so long, an agent holds no lease. */
  readonly unguardedMs: number
}

/** Least values: a busy machine may let a healthy process wait for so long, and starting a guardian takes a second. */
const leastSilentMs = 1000
const leastUnguardedMs = 4000

export const mutualWatch = ({ timeout }: { readonly timeout: number }): MutualWatch => ({
  silentMs: Math.max(leastSilentMs, timeout / 2),
  unguardedMs: Math.max(leastUnguardedMs, timeout),
})
