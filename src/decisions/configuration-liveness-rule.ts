/** The inequality of liveness.md: what makes a lease end in time, and last long enough to be of use. */
import { type Configuration, formatDuration } from '../events/configuration.ts'

type Heartbeat = Omit<Configuration['heartbeat'], 'com' | 'disk' | 'witness' | 'bmc' | 'onQuorumLoss'>
/** All in milliseconds. */
export type Inequality = {
  /** R may not be less: D + 2ρT / (1 + ρ). */
  readonly leastRelease: number
  /** T − R must be more: 2 × delay + (k + 2) × interval + stall. */
  readonly leastLease: number
  readonly holds: boolean
}
export type InequalityFault = {
  readonly key: 'release' | 'timeout'
  readonly message: string
  readonly remedy: string
}

/** Steps in which values are proposed: nobody writes 1118 ms. */
const stepMs = 10

/** Both sides of the inequality for these values. */
export const inequalityOf = (heartbeat: Heartbeat): Inequality => {
  const rate = heartbeat.clockRateError / 100
  const leastRelease = heartbeat.stop + ((2 * rate) / (1 + rate)) * heartbeat.timeout
  const leastLease = 2 * heartbeat.delay + (heartbeat.lostBeats + 2) * heartbeat.interval + heartbeat.stall
  const holds = heartbeat.release >= leastRelease && heartbeat.timeout - heartbeat.release > leastLease
  return { leastRelease, leastLease, holds }
}

/** The nearest larger time-out and release budget for which the inequality holds; those given where it does. */
export const nearestSafe = (heartbeat: Heartbeat): Pick<Heartbeat, 'timeout' | 'release'> => {
  const rate = heartbeat.clockRateError / 100
  const drift = (2 * rate) / (1 + rate)
  const { leastLease } = inequalityOf(heartbeat)
  // T − max(R, D + drift × T) > least, solved for T.
  const needed = Math.max(heartbeat.release + leastLease, (heartbeat.stop + leastLease) / (1 - drift))
  let timeout = heartbeat.timeout > needed ? heartbeat.timeout : roundUp(needed)
  for (;;) {
    const least = heartbeat.stop + drift * timeout
    const release = heartbeat.release >= least ? heartbeat.release : roundUp(least)
    if (timeout - release > leastLease) return { timeout, release }
    // Ends: drift is at most a third (ρ ≤ 20 %), so the lease grows by at least two thirds of every step.
    timeout = roundUp(timeout + 1)
  }
}

/** What is wrong with these values, with the numbers, and what would be right; null when nothing is. */
export const inequalityFault = (heartbeat: Heartbeat): InequalityFault | null => {
  const { leastRelease, leastLease, holds } = inequalityOf(heartbeat)
  if (holds) return null
  const { timeout, release, stop, clockRateError: percent, delay, interval, stall, lostBeats } = heartbeat
  const safe = nearestSafe(heartbeat)
  const raise = [
    safe.timeout === timeout ? '' : `heartbeat.timeout to ${formatDuration(safe.timeout)}`,
    safe.release === release ? '' : `heartbeat.release to ${formatDuration(safe.release)}`,
  ]
  const remedy = `raise ${raise.filter((text) => text !== '').join(' and ')}`
  if (release < leastRelease) {
    const sum = `stop ${formatDuration(stop)} + 2 × ${percent} % × timeout ${formatDuration(timeout)} / (1 + ${percent} %)`
    const least = formatDuration(Math.ceil(leastRelease))
    return {
      key: 'release',
      message: `${formatDuration(release)} is too short to be provably off; it takes ${least}: ${sum}`,
      remedy,
    }
  }
  const lease = formatDuration(timeout - release)
  const sum = `2 × delay ${formatDuration(delay)} + (${lostBeats} + 2) × interval ${formatDuration(interval)} + stall ${formatDuration(stall)}`
  const lower = roundUp(leastRelease)
  const instead = timeout - lower > leastLease ? `, or lower heartbeat.release to ${formatDuration(lower)}` : ''
  return {
    key: 'timeout',
    message: `timeout − release = ${lease}, which must be more than ${formatDuration(leastLease)}: ${sum}`,
    remedy: `${remedy}${instead}`,
  }
}

/**
 * Rule 10: while servers and voters read the new values one after the other, a lease lasts as long as the shorter
 * time-out allows, with the release budget of either. That is always safe; this says, in words, when it would be too
 * short to last from beat to beat, so that groups would stop for nothing. Null when it is long enough.
 */
export const changeoverFault = (before: Heartbeat, after: Heartbeat): string | null => {
  const interval = Math.max(before.interval, after.interval)
  const { leastLease } = inequalityOf({ ...before, interval })
  const timeout = Math.min(before.timeout, after.timeout)
  const leases = [before, after].map((each) => {
    const rate = each.clockRateError / 100
    return timeout - each.release + ((2 * rate) / (1 + rate)) * (each.timeout - timeout)
  })
  const lease = Math.floor(Math.min(...leases))
  return lease > leastLease
    ? null
    : `while some servers know the new values and others do not yet, leases would last ${formatDuration(Math.max(0, lease))}; they must last more than ${formatDuration(leastLease)}`
}

const roundUp = (ms: number): number => Math.ceil(ms / stepMs) * stepMs
