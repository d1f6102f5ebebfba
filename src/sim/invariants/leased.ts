/**
 * No group runs past what its server's lease rests on: the promises of silence that a majority of voters truly made to it,
 * as the beats that truly arrived say. Whatever T and R are, and whoever changes them: it is off before the first of these
 * voters may speak against it. In a pair, what stands in for the other server counts as its answer.
 */
import type { Invariant, Scene } from '../scene.ts'

/** Of floating-point sums, and of what is rounded to whole milliseconds. */
const toleranceMs = 2

export const leased: Invariant = {
  name: 'a group runs only under a lease',
  watch: (scene) => {
    const { scheduler, configuration, voters, ledger, oracle, pairTruth, violate } = scene
    const armed = new Set<string>()
    const endOf = (host: string) =>
      Math.max(oracle.grantedUntil(host, voters()), pairTruth?.until(host) ?? Number.NEGATIVE_INFINITY)
    const { timeout, release, clockRateError } = configuration.heartbeat
    // A lease ends R before that; where R changes, nobody can say which one counted.
    const isSteady = scene.timeouts.least === scene.timeouts.most
    const rate = clockRateError / 100
    const leadMs = isSteady ? Math.max(0, timeout / (1 + rate) - (timeout - release) / (1 - rate)) : 0
    const agoOf = (host: string) => Math.round(scheduler.now - oracle.answeredAt(host, voters()))
    const look = (host: string) => {
      armed.delete(host)
      const runs = ledger.on(host)
      const [first] = runs
      if (first === undefined) return
      const end = Math.max(endOf(host) + toleranceMs, excusedUntil(scene, host))
      if (scheduler.now >= end)
        violate(
          `${host} runs ${first.group}/${first.resource} (epoch ${first.epoch}) although the promises that its lease rested on have run out: the beats that a majority answered are from ${agoOf(host)} ms ago`,
        )
      else if (end !== Number.POSITIVE_INFINITY) {
        armed.add(host)
        scheduler.at(end, () => look(host))
      }
    }
    return {
      // Under other voters, or with the other server back, a lease may end sooner.
      committed: (_, before, after) => {
        if (before.configuration.voters !== after.configuration.voters || before.logSides !== after.logSides)
          for (const { name } of configuration.servers) if (!armed.has(name)) look(name)
      },
      began: ({ host, group, resource }) => {
        if (scheduler.now > endOf(host) - leadMs + toleranceMs)
          violate(`${host} starts ${group}/${resource} without a lease`)
        if (!armed.has(host)) look(host)
      },
    }
  },
}

/**
 * Without a watchdog nothing ends what stands still, nor with one that is suspended with its machine, as GUARANTEES.md says:
 * fencing has to. Once it goes on it is off as soon as after the end of any lease. Fencing has to as well where servers keep
 * what they run without a quorum (rule 12).
 */
const excusedUntil = ({ hasWatchdog, cluster, configuration, scheduler }: Scene, name: string): number => {
  const { heartbeat, fencing } = configuration
  const { isFrozen, isSuspended, stoodStill } = cluster.host(name)
  if (heartbeat.onQuorumLoss === 'keep') return Number.POSITIVE_INFINITY
  const isExcused = { frozen: !hasWatchdog, suspended: fencing.policy === 'required' }
  const graceMs = heartbeat.stop + guardianLooksMs
  if ((isFrozen && isExcused.frozen) || (isSuspended && isExcused.suspended)) return scheduler.now + graceMs
  return stoodStill !== null && isExcused[stoodStill.how] ? stoodStill.until + graceMs : Number.NEGATIVE_INFINITY
}
/** A guardian's timers stand still with the machine: it notices this much later at most. */
const guardianLooksMs = 200
