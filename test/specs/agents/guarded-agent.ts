/** An agent, as its guardian knows it: a link, leases, and a manifest of what runs. */
import { runGuardian } from '../../../src/agents/guardian/guardian.ts'
import { type GuardianLink, linkGuardian } from '../../../src/agents/guardian/guardian-link.ts'
import type { ResourceDrivers } from '../../../src/agents/resource-runner.ts'
import type { ResourceDriver } from '../../../src/agents/resources/driver.ts'
import { releaseBudget } from '../../../src/decisions/release-budget.ts'
import { instant } from '../../../src/events/index.ts'
import { GuardedWorld, VirtualWatchdog } from './guarded-world.ts'

export const manifest = '/state/run/running.json'
export const budget = releaseBudget({ stop: 800 })
export const agentPid = 77
export const guardianPid = 4711
export const order = { device: '/dev/watchdog', timeoutMs: 2000, mostMs: 2760, pretimeoutMs: null }

export class GuardedAgent {
  readonly guarded = new GuardedWorld()
  readonly watchdog = new VirtualWatchdog(this.guarded.virtual)
  readonly said: string[] = []
  /** Time-outs that the driver was given. */
  readonly limits: number[] = []
  canStop = true
  #link: GuardianLink | null = null

  get link(): GuardianLink {
    if (this.#link === null) throw new Error('no agent was started')
    return this.#link
  }

  /** A guardian, and an agent that has come to it. */
  async begin(): Promise<void> {
    this.startGuardian()
    await this.guarded.virtual.settle()
    await this.startAgent()
  }

  startGuardian(respawn: readonly [string, ...string[]] | null = null): void {
    const driver = this.#driver
    void runGuardian(this.guarded.world, {
      socket: '/guardian.sock',
      manifest,
      trace: '/state/run/agent.json',
      logDirectory: '/log',
      instance: 'i',
      drivers: { exec: driver, fip: driver, disk: driver, service: driver } as ResourceDrivers, // cast: other types are not touched
      watchdogs: this.watchdog.watchdogs,
      respawn,
      reset: ['/bin/reset'],
      say: (what) => this.said.push(what),
    })
  }

  async startAgent(): Promise<void> {
    const linking = linkGuardian(this.guarded.world, {
      socket: '/guardian.sock',
      command: ['baton', 'guardian'],
      tag: 'i/guardian',
      logFile: '/log/guardian.log',
      own: { pid: agentPid, startTicks: 1 },
    })
    await this.guarded.virtual.pass(0)
    this.#link = await linking
  }

  running(...resources: readonly string[]): void {
    this.guarded.writeManifest(
      manifest,
      resources.map((name) => ({ name })),
    )
  }

  pass(ms: number): Promise<void> {
    return this.guarded.virtual.pass(ms)
  }

  leaseFor(ms: number): number {
    const until = this.guarded.virtual.now + ms
    this.link.lease(instant(until), budget)
    return until
  }

  readonly #driver: ResourceDriver = {
    activate: async () => ({ ok: true }),
    probe: async () => 'on',
    deactivate: (_, { timeoutMs }) =>
      new Promise((resolve) => {
        this.limits.push(timeoutMs)
        const { clock } = this.guarded.world
        const outcome = this.canStop ? { ok: true as const } : { ok: false as const, because: 'stuck', stalled: true }
        clock.after(this.canStop ? 20 : timeoutMs, () => resolve(outcome))
      }),
  }
}
