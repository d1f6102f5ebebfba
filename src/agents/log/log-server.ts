/** Keeps a voter's log server running. It outlives the agent: replacing the agent must not cost the log a replica. */
import { z } from 'zod'
import type { Cancel, ProcessIdentity, World } from '../../world/world.ts'
import type { VoterKit } from '../voter/voter-kit.ts'
import { logServerConfiguration } from './log-server-configuration.ts'
import { askIsFrozen, canStore } from './log-server-health.ts'

export type LogServerOptions = {
  readonly kit: VoterKit
  /** Path of nats-server 2.12 or later. */
  readonly binary: string
  /** Holds everything the log server keeps: configuration, `store/`, `log-server.log`. Of this voter alone. */
  readonly directory: string
  /** How much the log may take on disk, in bytes. */
  readonly storeBytes?: number
  readonly changed?: (status: LogServerStatus) => void
  /** It ended without having been told to. */
  readonly died?: (because: string) => void
}

export type LogServerStatus =
  | { readonly state: 'running'; readonly process: ProcessIdentity; readonly adopted: boolean }
  /** It runs, but has given up storing: its disk is full or broken. It is restarted when its disk takes data again. */
  | { readonly state: 'frozen'; readonly process: ProcessIdentity; readonly because: string }
  | { readonly state: 'waiting'; readonly because: string; readonly restartInMs: number }
  | { readonly state: 'stopped' }

export type LogServer = {
  /**
   * Adopts the log server that runs, if it runs with this very configuration; otherwise ends it and starts it.
   * Resolves when that has been tried: whether the log is usable is for `connectLog` and `ensureStream` to say.
   */
  readonly start: () => Promise<void>
  /** Ends the log server, within about 15 s whatever it does. */
  readonly stop: () => Promise<void>
  /** Looks after it no longer; it goes on running. */
  readonly release: () => void
  readonly status: () => LogServerStatus
}

const defaultStoreBytes = 8_589_934_592
const firstRestartMs = 200
const longestRestartMs = 10_000
/** Whoever lived this long starts with the short wait again. */
const healthyMs = 30_000
/** A log server that leads the log hands over first, which takes less than 1 s. */
const endMs = 10_000
/** A frozen log server costs the log a replica, or the cluster its decisions: it is looked for this often. */
const healthMs = 5_000
const killMs = 5_000

/** Which process runs with which configuration. */
const startedSchema = z.object({ pid: z.int(), startTicks: z.number(), configuration: z.string() })

export const logServer = (world: World, options: LogServerOptions): LogServer => new Supervisor(world, options)

class Supervisor implements LogServer {
  readonly #world: World
  readonly #options: LogServerOptions
  readonly #configuration: string
  readonly #paths: Readonly<Record<'configuration' | 'started' | 'output', string>>
  /** Finds it even if the agent died between starting it and writing that down. */
  readonly #tag: string
  #status: LogServerStatus = { state: 'stopped' }
  #wanted = false
  #failures = 0
  #cancel: Cancel = () => {}
  #cancelHealth: Cancel = () => {}
  /** The one that was told to end. */
  #ending: ProcessIdentity | null = null

  constructor(world: World, options: LogServerOptions) {
    const { directory } = options
    this.#world = world
    this.#options = options
    this.#configuration = logServerConfiguration(options.kit, {
      storeDirectory: `${directory}/store`,
      logFile: `${directory}/log-server.log`,
      storeBytes: options.storeBytes ?? defaultStoreBytes,
    })
    this.#paths = {
      configuration: `${directory}/log-server.conf`,
      started: `${directory}/log-server.started.json`,
      output: `${directory}/log-server.output`,
    }
    this.#tag = `log-server-${world.digest(directory).slice(0, 16)}`
  }

  status(): LogServerStatus {
    return this.#status
  }

  async start(): Promise<void> {
    if (this.#wanted) return
    this.#wanted = true
    const running = await this.#running()
    if (running) this.#watch(running, true)
    else await this.#launch()
  }

  async stop(): Promise<void> {
    this.release()
    for (const process of await this.#world.processes.members(this.#tag)) await this.#end(process)
    await this.#world.files.remove(this.#paths.started)
  }

  release(): void {
    this.#wanted = false
    this.#cancel()
    this.#cancelHealth()
    this.#set({ state: 'stopped' })
  }

  /** The process that runs with our configuration; any other is not for adoption. */
  async #running(): Promise<ProcessIdentity | null> {
    const text = await this.#world.files.read(this.#paths.started)
    const started = startedSchema.safeParse(parseJson(text))
    if (!started.success || started.data.configuration !== this.#world.digest(this.#configuration)) return null
    const { pid, startTicks } = started.data
    return this.#world.processes.isAlive({ pid, startTicks }) ? { pid, startTicks } : null
  }

  async #launch(): Promise<void> {
    const { processes, files, digest } = this.#world
    const { binary, directory } = this.#options
    try {
      for (const left of await processes.members(this.#tag)) await this.#end(left)
      await files.makeDirectory(directory)
      await files.writeDurably(this.#paths.configuration, this.#configuration)
      if (!this.#wanted) return
      const process = await processes.launch([binary, '--config', this.#paths.configuration], {
        tag: this.#tag,
        logFile: this.#paths.output,
        directory,
      })
      const started = { ...process, configuration: digest(this.#configuration) }
      await files.write(this.#paths.started, `${JSON.stringify(started)}\n`)
      this.#watch(process, false)
    } catch (error) {
      this.#restartLater(error instanceof Error ? error.message : String(error))
    }
  }

  #watch(process: ProcessIdentity, adopted: boolean): void {
    if (!this.#wanted) return
    const since = this.#world.clock.now()
    this.#set({ state: 'running', process, adopted })
    this.#examineLater(process)
    this.#cancel = this.#world.processes.onExit(process, (code) => {
      this.#cancelHealth()
      if (this.#world.clock.now() - since >= healthyMs) this.#failures = 0
      const because = `it ended${code === null ? '' : ` with code ${code}`}: see ${this.#paths.output}`
      if (this.#wanted && this.#ending !== process) this.#options.died?.(because)
      this.#restartLater(because)
    })
  }

  #examineLater(process: ProcessIdentity): void {
    this.#cancelHealth = this.#world.clock.after(healthMs, () => void this.#examine(process))
  }

  async #examine(process: ProcessIdentity): Promise<void> {
    const { kit, directory } = this.#options
    const because = await askIsFrozen(this.#world, kit)
    const isCurrent = () => 'process' in this.#status && this.#status.process === process
    if (!isCurrent()) return
    if (because !== null) {
      this.#set({ state: 'frozen', process, because })
      if ((await canStore(this.#world, directory)) && isCurrent()) {
        // Its end is noticed like any other, and it is started again.
        await this.#end(process)
        return
      }
    }
    if (isCurrent()) this.#examineLater(process)
  }

  #restartLater(because: string): void {
    if (!this.#wanted) return
    const restartInMs = Math.min(firstRestartMs * 2 ** this.#failures, longestRestartMs)
    this.#failures += 1
    this.#set({ state: 'waiting', because, restartInMs })
    this.#cancel = this.#world.clock.after(restartInMs, () => void this.#launch())
  }

  async #end(process: ProcessIdentity): Promise<void> {
    this.#ending = process
    this.#world.processes.signal(process, 'SIGTERM')
    if (await this.#hasEnded(process, endMs)) return
    this.#world.processes.signal(process, 'SIGKILL')
    await this.#hasEnded(process, killMs)
  }

  #hasEnded(process: ProcessIdentity, withinMs: number): Promise<boolean> {
    const { processes, clock } = this.#world
    if (!processes.isAlive(process)) return Promise.resolve(true)
    return new Promise((resolve) => {
      const forget = processes.onExit(process, () => {
        cancel()
        resolve(true)
      })
      const cancel = clock.after(withinMs, () => {
        forget()
        resolve(!processes.isAlive(process))
      })
    })
  }

  #set(status: LogServerStatus): void {
    this.#status = status
    this.#options.changed?.(status)
  }
}

const parseJson = (text: string | null): unknown => {
  try {
    return text === null ? null : JSON.parse(text)
  } catch {
    return null
  }
}
