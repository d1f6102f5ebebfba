/** No group runs longer than R after the last lease its server can have had, by the beats that truly arrived. */
import type { Invariant, Scene } from '../scene.ts'

/** Of floating-point sums, and of what is rounded to whole milliseconds. */
const toleranceMs = 2

export const leased: Invariant = {
  name: 'a group runs only under a lease',
  watch: (scene) => {
    const { scheduler, configuration, timeouts, voters, ledger, oracle, violate } = scene
    const armed = new Set<string>()
    /** In true time, latest: R holds what clocks may differ. */
    const endOf = (host: string) =>
      oracle.answeredAt(host, voters()) + timeouts.most / (1 - configuration.heartbeat.clockRateError / 100)
    const look = (host: string) => {
      armed.delete(host)
      const runs = ledger.on(host)
      const [first] = runs
      if (first === undefined) return
      const end = endOf(host) + toleranceMs
      if (scheduler.now >= end && !isExcused(scene, host))
        violate(
          `${host} runs ${first.group}/${first.resource} (epoch ${first.epoch}) although its lease ended, and R after it: the beats that a majority answered are from ${Math.round(scheduler.now - oracle.answeredAt(host, voters()))} ms ago`,
        )
      else if (scheduler.now < end && end !== Number.POSITIVE_INFINITY) {
        armed.add(host)
        scheduler.at(end, () => look(host))
      }
    }
    return {
      // Under other voters a lease may end sooner.
      committed: (_, before, after) => {
        if (before.configuration.voters !== after.configuration.voters) for (const host of [...armed]) look(host)
      },
      began: ({ host, group, resource }) => {
        const { release } = configuration.heartbeat
        const timeout = timeouts.most
        const leastRelease = timeouts.least === timeouts.most ? release : 0
        const slack = (timeout * configuration.heartbeat.clockRateError) / 50 + toleranceMs
        if (scheduler.now > oracle.answeredAt(host, voters()) + timeout - leastRelease + slack)
          violate(`${host} starts ${group}/${resource} without a lease`)
        if (!armed.has(host)) look(host)
      },
    }
  },
}

/**
 * Without a watchdog nothing ends what stands still, as GUARANTEES.md says: fencing has to. So it has where servers keep
 * what they run without a quorum (rule 12).
 */
const isExcused = ({ hasWatchdog, cluster, configuration }: Scene, host: string): boolean =>
  configuration.heartbeat.onQuorumLoss === 'keep' || (!hasWatchdog && cluster.host(host).isFrozen)
