/**
 * The guardian: a small process beside the agent. Groups may run only under a lease; when it ends and the agent has not
 * taken them down (it hangs, or died and did not come back), the guardian ends the agent and takes them down itself.
 */
import type { Cancel, LocalConnection, ProcessIdentity, World } from '../world/world.ts'
import { lineReader, type ToGuardian, toGuardian } from './guardian-protocol.ts'
import { type ManifestEntry, type ResourceDrivers, readManifest, writeManifest } from './resource-runner.ts'
import type { ResourceContext } from './resources/driver.ts'

export type GuardianOptions = {
  readonly socket: string
  readonly manifest: string
  readonly logDirectory: string
  readonly instance: string
  readonly drivers: ResourceDrivers
  /** Starts the agent again when it died; null where something else (systemd) does. */
  readonly respawn: readonly [string, ...string[]] | null
  /** The last resort when groups cannot be taken down: resets the machine. Null = it is only said. */
  readonly reset: readonly [string, ...string[]] | null
  readonly say: (what: string, fields: Readonly<Record<string, unknown>>) => void
}

/** Longest wait for one resource in an emergency, before the next is tried. */
const takeDownMs = 5000
/** How often an emergency that did not succeed is tried again. */
const againMs = 500
/** The pause before an agent that died is started again; doubled with each death in a row, up to the longest. */
const firstRespawnMs = 20
const longestRespawnMs = 5000
/** An agent that lived this long did not die of its start. */
const healthyMs = 20_000

/** Timers do not reach further than some weeks; a later deadline is looked at again after this. */
const longestTimerMs = 1e9

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
  #graceMs = 0
  #agent: ProcessIdentity | null = null
  #unwatch: Cancel = () => {}
  #deadline: Cancel = () => {}
  #isBusy = false
  #respawnMs = firstRespawnMs
  #bornAt = 0
  readonly #ended = Promise.withResolvers<void>()

  constructor(world: World, options: GuardianOptions) {
    this.#world = world
    this.#options = options
  }

  async run(): Promise<void> {
    const close = await this.#world.local.listen(this.#options.socket, (connection) => this.#greet(connection))
    await this.#ended.promise
    close()
  }

  #greet(connection: LocalConnection): void {
    connection.send(`${JSON.stringify({ say: 'until', until: this.#until })}\n`)
    connection.onText(lineReader(toGuardian, (message) => this.#hear(message)))
  }

  #hear(message: ToGuardian): void {
    switch (message.say) {
      case 'here':
        this.#agent = { pid: message.pid, startTicks: message.startTicks }
        this.#bornAt = this.#world.clock.now()
        this.#unwatch()
        this.#unwatch = this.#world.processes.onExit(this.#agent, () => this.#agentDied())
        break
      case 'lease':
        this.#until = message.until
        this.#graceMs = message.graceMs
        this.#arm()
        break
      case 'off':
        this.#until = 0
        this.#deadline()
        break
      case 'end':
        this.#unwatch()
        this.#deadline()
        this.#ended.resolve()
        break
      default:
        message satisfies never
    }
  }

  #arm(): void {
    this.#deadline()
    if (this.#until === 0) return
    const inMs = this.#until + this.#graceMs - this.#world.clock.sinceBoot()
    this.#deadline = this.#world.clock.after(Math.min(longestTimerMs, Math.max(0, inMs)), () => void this.#onDeadline())
  }

  async #onDeadline(): Promise<void> {
    if (this.#until === 0 || this.#isBusy) return
    if (this.#world.clock.sinceBoot() < this.#until + this.#graceMs) return this.#arm()
    this.#isBusy = true
    try {
      const isOff = await this.#takeDown()
      if (isOff) this.#until = 0
      else this.#deadline = this.#world.clock.after(againMs, () => void this.#onDeadline())
    } finally {
      this.#isBusy = false
    }
  }

  /** The agent first, so that it cannot start anything meanwhile; then everything its manifest names. */
  async #takeDown(): Promise<boolean> {
    const running = await readManifest(this.#world, this.#options.manifest)
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
    const left = await takeAllDown(running, (entry) => this.#takeOneDown(entry))
    await writeManifest(this.#world, this.#options.manifest, left)
    if (left.length === 0) return true
    say('some resources could not be taken down', {
      resources: left.map(({ group, resource }) => `${group}/${resource}`),
    })
    await this.#resetMachine()
    return false
  }

  async #resetMachine(): Promise<void> {
    if (this.#options.reset) await this.#world.processes.run(this.#options.reset, { timeoutMs: takeDownMs })
  }

  async #takeOneDown(entry: ManifestEntry): Promise<boolean> {
    const { logDirectory, instance, drivers } = this.#options
    const context: ResourceContext = { ...entry, logDirectory, instance }
    const outcome = await drivers[entry.configuration.type].deactivate(context, {
      timeoutMs: takeDownMs,
      signal: new AbortController().signal,
      urgent: true,
    })
    return outcome.ok
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
        this.#agent ??= agent
        this.#bornAt = this.#world.clock.now()
        this.#unwatch()
        this.#unwatch = this.#world.processes.onExit(agent, () => this.#agentDied())
      },
      (trouble: unknown) => say('the agent could not be started', { trouble: String(trouble) }),
    )
  }
}

/** Dependents before what they need; answers what is still there. */
const takeAllDown = async (
  running: readonly ManifestEntry[],
  takeDown: (entry: ManifestEntry) => Promise<boolean>,
): Promise<readonly ManifestEntry[]> => {
  let rest = [...running]
  const stuck: ManifestEntry[] = []
  while (rest.length > 0) {
    const isNeeded = (entry: ManifestEntry) =>
      rest.some(
        (other) => other !== entry && other.group === entry.group && other.configuration.after.includes(entry.resource),
      )
    const free = rest.filter((entry) => !isNeeded(entry))
    // A cycle cannot be configured; should there be one, take down everything at once.
    const turn = free.length > 0 ? free : rest
    const outcomes = await Promise.all(turn.map(async (entry) => ({ entry, isOff: await takeDown(entry) })))
    stuck.push(...outcomes.flatMap(({ entry, isOff }) => (isOff ? [] : [entry])))
    rest = rest.filter((entry) => !turn.includes(entry))
  }
  return stuck
}
