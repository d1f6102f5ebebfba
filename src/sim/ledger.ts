/** What truly runs where, and when: written by the simulated drivers, past all agents. Read by the invariants. */
import type { ResourceContext } from '../agents/resources/driver.ts'

/** A resource from the moment its activation began to touch the machine until it was wholly gone. */
export type Run = {
  readonly host: string
  readonly group: string
  readonly resource: string
  readonly epoch: number
  readonly from: number
  /** Wholly up: nothing of it is half done. */
  isUp: boolean
  /** It died by itself: what is left of it is harmless, but not gone. */
  isBroken: boolean
}

export type LedgerListener = { readonly began: (run: Run) => void; readonly ended: (run: Run, at: number) => void }

export class Ledger {
  readonly #runs = new Map<string, Run>()
  readonly #now: () => number
  readonly #told: LedgerListener

  constructor(now: () => number, told: LedgerListener) {
    this.#now = now
    this.#told = told
  }

  find(host: string, { group, resource }: Pick<ResourceContext, 'group' | 'resource'>): Run | undefined {
    return this.#runs.get(`${host}/${group}/${resource}`)
  }
  running(): readonly Run[] {
    return [...this.#runs.values()]
  }
  on(host: string): readonly Run[] {
    return this.running().filter((run) => run.host === host)
  }

  begin(host: string, { group, resource, epoch }: Pick<ResourceContext, 'group' | 'resource' | 'epoch'>): Run {
    const known = this.find(host, { group, resource })
    if (known) return known
    const run: Run = { host, group, resource, epoch, from: this.#now(), isUp: false, isBroken: false }
    this.#runs.set(`${host}/${group}/${resource}`, run)
    this.#told.began(run)
    return run
  }

  end(run: Run): void {
    if (this.#runs.delete(`${run.host}/${run.group}/${run.resource}`)) this.#told.ended(run, this.#now())
  }

  powerLost(host: string): void {
    for (const run of this.on(host)) this.end(run)
  }
}
