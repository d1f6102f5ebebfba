/** No group runs longer than R after the last lease its server can have had, by the beats that truly arrived. */
import type { Invariant } from '../scene.ts'

/** Of floating-point sums, and of what is rounded to whole milliseconds. */
const toleranceMs = 2

export const leased: Invariant = {
  name: 'a group runs only under a lease',
  watch: ({ scheduler, configuration, voters, ledger, oracle, violate }) => {
    const armed = new Set<string>()
    /** In true time, latest: R holds what clocks may differ. */
    const endOf = (host: string) =>
      oracle.answeredAt(host, voters) +
      configuration.heartbeat.timeout / (1 - configuration.heartbeat.clockRateError / 100)
    const look = (host: string) => {
      armed.delete(host)
      const runs = ledger.on(host)
      const [first] = runs
      if (first === undefined) return
      const end = endOf(host) + toleranceMs
      if (scheduler.now >= end)
        violate(
          `${host} runs ${first.group}/${first.resource} (epoch ${first.epoch}) although its lease ended, and R after it: the beats that a majority answered are from ${Math.round(scheduler.now - oracle.answeredAt(host, voters))} ms ago`,
        )
      else if (end !== Number.POSITIVE_INFINITY) {
        armed.add(host)
        scheduler.at(end, () => look(host))
      }
    }
    return {
      began: ({ host, group, resource }) => {
        const { timeout, release } = configuration.heartbeat
        const slack = (timeout * configuration.heartbeat.clockRateError) / 50 + toleranceMs
        if (scheduler.now > oracle.answeredAt(host, voters) + timeout - release + slack)
          violate(`${host} starts ${group}/${resource} without a lease`)
        if (!armed.has(host)) look(host)
      },
    }
  },
}
