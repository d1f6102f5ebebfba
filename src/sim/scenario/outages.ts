/** For how long groups were not wholly up while a scenario was played. */
import type { Simulation } from '../simulation.ts'

const lookMs = 10

export class Outages {
  readonly #sim: Simulation
  readonly #downSince = new Map<string, number>()
  readonly #longest = new Map<string, number>()

  /** From now on. */
  constructor(sim: Simulation) {
    this.#sim = sim
    const look = () => {
      this.#look()
      sim.after(lookMs, look)
    }
    look()
  }

  /** Of those that are over, and the one that still lasts. */
  longest(group: string): number {
    this.#look()
    const since = this.#downSince.get(group)
    return Math.max(this.#longest.get(group) ?? 0, since === undefined ? 0 : this.#sim.now - since)
  }

  #look(): void {
    const { ledger, now, configuration } = this.#sim
    for (const [group, { resources }] of Object.entries(configuration.groups)) {
      const up = ledger.running().filter((run) => run.group === group && run.isUp && !run.isBroken)
      const isWhole = up.length === Object.keys(resources).length
      const since = this.#downSince.get(group)
      if (!isWhole && since === undefined) this.#downSince.set(group, now)
      if (!isWhole || since === undefined) continue
      this.#longest.set(group, Math.max(this.#longest.get(group) ?? 0, now - since))
      this.#downSince.delete(group)
    }
  }
}
