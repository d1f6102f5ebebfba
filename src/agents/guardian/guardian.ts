/**
 * The guardian: a small process beside the agent. Groups may run only under a lease; when it ends and the agent has not
 * taken them down (it hangs, or died and did not come back), the guardian ends the agent and takes them down itself,
 * each within its share of D (`release-budget.ts`); it feeds the watchdog, which has the last word.
 */
import { budgetMs, type ReleaseBudget, releaseBudget } from '../../decisions/release-budget.ts'
import type { Watchdogs } from '../../world/watchdog.ts'
import type { Cancel, LocalConnection, ProcessIdentity, World } from '../../world/world.ts'
import { agentInTrace } from '../agent-trace.ts'
import type { ResourceDrivers } from '../resource-runner.ts'
import { within } from '../within.ts'
import { type FromGuardian, lineReader, type TakenDown, type ToGuardian, toGuardian } from './guardian-protocol.ts'
import { type WatchdogFeeder, watchdogFeeder } from './guardian-watchdog.ts'
import { type ManifestEntry, readManifest, writeManifest } from './manifest.ts'
import { takeAllDown } from './take-down.ts'

export type GuardianOptions = {
  readonly socket: string
  readonly manifest: string
  /** Where the agent left its trace. */
  readonly trace: string
  readonly logDirectory: string
  readonly instance: string
  readonly drivers: ResourceDrivers
  readonly watchdogs: Watchdogs
  /** Starts the agent again when it died; null where something else (systemd) does. */
  readonly respawn: readonly [string, ...string[]] | null
  /** The last resort when groups cannot be taken down: resets the machine. Null = it is only said. */
  readonly reset: readonly [string, ...string[]] | null
  readonly say: (what: string, fields: Readonly<Record<string, unknown>>) => void
  /** It listens. */
  readonly ready?: () => void
}

/** Once its share has passed and nothing has reset the machine, better late than never: so long for each resource. */
const lateMs = 5000
/** Nothing that is taken down is given less, whatever came before it. */
const leastMs = 50
const resetMs = 5000
/** How often an emergency that did not succeed is tried again. */
const againMs = 500
/** Until the first lease. */
const firstBudget = releaseBudget({ stop: 800 })
/** The pause before an agent that died is started again; doubled with each death in a row, up to the longest. */
const firstRespawnMs = 20
const longestRespawnMs = 5000
/** An agent that lived this long did not die of its start. */
const healthyMs = 20_000

/**
 * A guardian that starts anew knows no lease. An agent that lives tells it within milliseconds; where none has come by then,
 * what the one before guarded is ended: its agent hangs, or is gone as well. It is started again as after any death.
 */
const nobodyMs = 1000

/** Timers stand still while the machine is suspended, and the deadline does not: it is looked at again after this. */
const longestTimerMs = 200

/** Runs until it is told to end. */
export const runGuardian = async (world: World, options: GuardianOptions): Promise<void> => {
  const guardian = new Guardian(world, options)
  await guardian.run()
}

class Guardian {
  readonly #world: World
  readonly #options: GuardianOptions
  /** CLOCK_BOOTTIME: goes on while the machine is suspended, as other servers' time does. 0 = nothing to guard. */
  #until = 0
  #budget: ReleaseBudget = firstBudget
  readonly #watchdog: WatchdogFeeder
  #agent: ProcessIdentity | null = null
  #unwatch: Cancel = () => {}
  #deadline: Cancel = () => {}
  #nobody: Cancel = () => {}
  #isBusy = false
  /** Told to the next agent that says it is here, and to none after it. */
  #takenDown: TakenDown | null = null
  #respawnMs = firstRespawnMs
  #bornAt = 0
  readonly #ended = Promise.withResolvers<void>()

  constructor(world: World, options: GuardianOptions) {
    this.#world = world
    this.#options = options
    this.#watchdog = watchdogFeeder(world, {
      watchdogs: options.watchdogs,
      guarded: () => ({ until: this.#until, budget: this.#budget }),
      say: options.say,
    })
  }

  async run(): Promise<void> {
    const close = await this.#world.local.listen(this.#options.socket, (connection) => this.#greet(connection))
    this.#options.ready?.()
    this.#nobody = this.#world.clock.after(nobodyMs, () => void this.#nobodyCame())
    await this.#ended.promise
    this.#nobody()
    close()
  }

  #greet(connection: LocalConnection): void {
    const tell = (message: FromGuardian) => connection.send(`${JSON.stringify(message)}\n`)
    const takenDown = this.#takenDown === null ? {} : { takenDown: this.#takenDown }
    tell({ say: 'until', until: this.#until, ...this.#world.processes.own(), ...takenDown })
    connection.onText(
      lineReader(toGuardian, (message) => {
        if (message.say === 'ping') tell({ say: 'pong', number: message.number, watchdog: this.#watchdog.report() })
        else this.#hear(message)
      }),
    )
  }

  #hear(message: Exclude<ToGuardian, { say: 'ping' }>): void {
    switch (message.say) {
      case 'here':
        this.#nobody()
        this.#takenDown = null
        this.#watch({ pid: message.pid, startTicks: message.startTicks })
        break
      case 'lease':
        this.#until = message.until
        this.#budget = {
          agentMs: message.graceMs,
          guardianMs: message.guardianMs,
          resetMs: message.resetMs,
        }
        this.#arm()
        this.#watchdog.look()
        break
      case 'watchdog':
        this.#watchdog.obey(message)
        break
      case 'off':
        this.#nothingRuns()
        this.#deadline()
        break
      case 'end':
        this.#unwatch()
        this.#deadline()
        this.#watchdog.end()
        this.#ended.resolve()
        break
      default:
        message satisfies never
    }
  }

  async #nobodyCame(): Promise<void> {
    const { manifest, trace, say } = this.#options
    const [running, before] = await Promise.all([
      readManifest(this.#world, manifest).catch(() => null),
      agentInTrace(this.#world, trace).catch(() => null),
    ])
    if (this.#agent !== null) return
    this.#agent = before
    // Where it cannot be told, anything would be a guess: the next agent looks. Rule 12: what is kept needs no lease.
    if (running?.some(({ isKept }) => !isKept)) {
      say('started anew, and no agent has come: what the guardian before had left is taken down', {})
      this.#until = this.#world.clock.sinceBoot() - this.#budget.agentMs
      await this.#onDeadline()
    }
    // One that is gone already, or was ended just now, is told of at once.
    if (before !== null && this.#agent === before) this.#watch(before)
  }

  #watch(agent: ProcessIdentity): void {
    this.#agent = agent
    this.#bornAt = this.#world.clock.now()
    this.#unwatch()
    this.#unwatch = this.#world.processes.onExit(agent, () => this.#agentDied())
  }

  #nothingRuns(): void {
    this.#until = 0
    this.#watchdog.look()
  }

  #arm(): void {
    this.#deadline()
    if (this.#until === 0) return
    const inMs = this.#until + this.#budget.agentMs - this.#world.clock.sinceBoot()
    this.#deadline = this.#world.clock.after(Math.min(longestTimerMs, Math.max(0, inMs)), () => void this.#onDeadline())
  }

  async #onDeadline(): Promise<void> {
    if (this.#until === 0 || this.#isBusy) return
    if (this.#world.clock.sinceBoot() < this.#until + this.#budget.agentMs) return this.#arm()
    this.#isBusy = true
    const until = this.#until
    try {
      const isOff = await this.#takeDown(until).catch((trouble: unknown) => {
        this.#options.say('what runs could not be taken down', { trouble: String(trouble) })
        return false
      })
      // Another agent may have come meanwhile, and got a lease.
      if (isOff && this.#until !== until) this.#arm()
      else if (isOff) this.#nothingRuns()
      else this.#deadline = this.#world.clock.after(againMs, () => void this.#onDeadline())
    } finally {
      this.#isBusy = false
    }
  }

  /** The agent first, so that it cannot start anything meanwhile; then everything its manifest names. */
  async #takeDown(until: number): Promise<boolean> {
    const { clock } = this.#world
    // The share counts from the deadline: whoever was late itself has less of it, but always something.
    const isFirst = clock.sinceBoot() < until + budgetMs(this.#budget)
    const end = clock.now() + (isFirst ? this.#budget.guardianMs : lateMs)
    const running = await this.#whatRuns(end)
    const { say } = this.#options
    if (running === null) {
      say('lease ended, and what runs cannot be told: ending the agent', {})
      if (this.#agent) this.#world.processes.signal(this.#agent, 'SIGKILL')
      await this.#resetMachine()
      return false
    }
    if (running.length === 0) return true
    say('lease ended and groups still run: taking them down', {
      resources: running.map(({ group, resource }) => `${group}/${resource}`),
    })
    if (this.#agent) this.#world.processes.signal(this.#agent, 'SIGKILL')
    const began = clock.now()
    this.#takenDown ??= { until, offAt: null, groups: [...new Set(running.map(({ group }) => group))] }
    const left = await takeAllDown(running, this.#options, () => Math.max(leastMs, end - clock.now()))
    await this.#writeDown(left, Math.max(leastMs, end - clock.now()))
    if (left.length === 0) {
      const afterLeaseMs = Math.round(clock.sinceBoot() - until)
      if (this.#takenDown !== null) this.#takenDown.offAt = clock.sinceBoot()
      say('everything is off', { tookMs: Math.round(clock.now() - began), afterLeaseMs })
      return true
    }
    say('some resources could not be taken down', {
      resources: left.map(({ group, resource }) => `${group}/${resource}`),
    })
    await this.#resetMachine()
    return false
  }

  /** Null when it cannot be told, a disk that does not answer included. */
  async #whatRuns(end: number): Promise<readonly ManifestEntry[] | null> {
    const inMs = Math.max(leastMs, end - this.#world.clock.now())
    const reading = readManifest(this.#world, this.#options.manifest).catch(() => null)
    const running = await within(this.#world, inMs, reading)
    return running === 'late' ? null : running
  }

  /** Where the disk does not take it, the next agent finds out by probing. */
  async #writeDown(left: readonly ManifestEntry[], timeoutMs: number): Promise<void> {
    const writing = writeManifest(this.#world, this.#options.manifest, left).then(
      () => null,
      (trouble: unknown) => String(trouble),
    )
    const trouble = await within(this.#world, timeoutMs, writing)
    const because = trouble === 'late' ? 'the disk does not answer' : trouble
    if (because !== null) this.#options.say('what runs could not be written down', { trouble: because })
  }

  async #resetMachine(): Promise<void> {
    if (this.#options.reset) await this.#world.processes.run(this.#options.reset, { timeoutMs: resetMs })
  }

  #agentDied(): void {
    const { respawn, say } = this.#options
    this.#agent = null
    if (respawn === null) return
    if (this.#world.clock.now() - this.#bornAt > healthyMs) this.#respawnMs = firstRespawnMs
    say('the agent died: starting it again', { inMs: this.#respawnMs })
    this.#world.clock.after(this.#respawnMs, () => this.#respawn(respawn))
    this.#respawnMs = Math.min(longestRespawnMs, this.#respawnMs * 2)
  }

  #respawn(argv: readonly [string, ...string[]]): void {
    if (this.#agent !== null) return
    const { instance, logDirectory, say } = this.#options
    const options = { tag: `${instance}/agent`, logFile: `${logDirectory}/agent.log` }
    this.#world.processes.launch(argv, options).then(
      (agent) => {
        if (this.#agent === null) this.#watch(agent)
      },
      (trouble: unknown) => say('the agent could not be started', { trouble: String(trouble) }),
    )
  }
}
