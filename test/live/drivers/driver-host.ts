import { once } from 'node:events'
import { createWriteStream, type WriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { MonitorContext, Sight } from '../../../src/agents/monitors/driver.ts'
import type { Outcome, ResourceContext } from '../../../src/agents/resources/driver.ts'
import {
  type Epoch,
  groupName,
  type MonitorConfiguration,
  monitorName,
  type ResourceConfiguration,
  resourceName,
  storedConfiguration,
} from '../../../src/events/index.ts'
import type { ProcessIdentity } from '../../../src/world/world.ts'
import type { Host } from '../lab/host.ts'
import type { HostProcess } from '../lab/host-process.ts'
import { until } from '../lab/until.ts'
import type { Answer, Request } from './runner.ts'

const program = new URL('runner.ts', import.meta.url).pathname
const answerMs = 30_000

type Timed<T> = { readonly value: T; readonly elapsedMs: number }
type Told<T> = { readonly value: T; readonly at: number }
type Asked = Request extends infer R ? (R extends Request ? Omit<R, 'id'> : never) : never

let hosts = 0

/** The drivers of one agent in a host; `restart` is what a new release of the software does. */
export class DriverHost {
  readonly host: Host
  readonly logDirectory: string
  readonly instance: string
  #process: HostProcess | null = null
  #requests: WriteStream | null = null
  #answers: Answer[] = []
  #ids = 0

  constructor(host: Host, directory: string) {
    this.host = host
    this.logDirectory = join(directory, 'logs')
    this.instance = `test-${process.pid}-${++hosts}`
  }

  static async start(host: Host, directory: string, command: readonly string[] = []): Promise<DriverHost> {
    const drivers = new DriverHost(host, join(directory, `${host.name}.drivers`))
    await mkdir(drivers.logDirectory, { recursive: true })
    await drivers.begin(command)
    return drivers
  }

  /** `command` is put before that of the runner, to change the world it finds. */
  async begin(command: readonly string[] = []): Promise<void> {
    const pipe = join(this.logDirectory, `requests-${++hosts}`)
    await this.host.ok(['mkfifo', pipe])
    this.#answers = []
    this.#process = await this.host.spawn([...command, process.execPath, program, pipe], {
      keepInputOpen: true,
      onLine: (line) => this.#answers.push(JSON.parse(line)),
    })
    // Opened for reading too, so that nobody waits for the other end.
    this.#requests = createWriteStream(pipe, { flags: 'r+' })
    await once(this.#requests, 'open')
    // It listens once it has answered.
    await this.ping([])
  }

  async end(): Promise<void> {
    // Its reading of the pipe has to end as well.
    this.#requests?.destroy()
    this.#process?.endInput()
    await this.#process?.exited
  }

  async restart(): Promise<void> {
    await this.end()
    await this.begin()
  }

  activate(context: ResourceContext, timeoutMs = 10_000): Promise<Timed<Outcome>> {
    return this.#ask({ order: 'activate', context, timeoutMs })
  }
  deactivate(context: ResourceContext, { urgent = false, timeoutMs = 10_000 } = {}): Promise<Timed<Outcome>> {
    return this.#ask({ order: 'deactivate', context, timeoutMs, urgent })
  }
  async probe(context: ResourceContext): Promise<'on' | 'off' | 'partial'> {
    return (await this.#ask<'on' | 'off' | 'partial'>({ order: 'probe', context, timeoutMs: 5000 })).value
  }
  look(monitor: MonitorContext, timeoutMs = monitor.configuration.timeout): Promise<Timed<Sight>> {
    return this.#ask({ order: 'look', monitor, timeoutMs })
  }
  async ping(targets: readonly string[], timeoutMs = 500): Promise<Timed<readonly string[]>> {
    return this.#ask({ order: 'ping', targets, timeoutMs })
  }
  async members(tag: string): Promise<readonly ProcessIdentity[]> {
    return (await this.#ask<readonly ProcessIdentity[]>({ order: 'members', tag })).value
  }

  watch(context: ResourceContext): Promise<Watched<string>> {
    return this.#watched({ order: 'watch', context })
  }
  watchMonitor(monitor: MonitorContext): Promise<Watched<Sight>> {
    return this.#watched({ order: 'watch-monitor', monitor })
  }

  /** An attempt that is aborted as soon as `when` is true. */
  async abortedActivation(context: ResourceContext, when: () => Promise<boolean>): Promise<Timed<Outcome>> {
    const id = this.#send({ order: 'activate', context, timeoutMs: answerMs })
    await until(when, answerMs, 'the moment to abort')
    this.#send({ order: 'cancel', which: id })
    return this.#answer(id)
  }

  async #watched<T>(request: Asked): Promise<Watched<T>> {
    const id = this.#send(request)
    await this.#answer(id)
    const told = (): Told<T>[] =>
      this.#answers
        .filter((answer) => answer.id === id && answer.isEvent)
        .map(({ value, at }) => ({ value: value as T, at }))
    return {
      told,
      next: (timeoutMs = 5000) => until(() => told().at(-1), timeoutMs, 'the watch to tell something'),
      cancel: async () => {
        await this.#ask({ order: 'cancel', which: id })
      },
    }
  }

  async #ask<T>(request: Asked): Promise<Timed<T>> {
    return this.#answer(this.#send(request))
  }

  #send(request: Asked): number {
    const id = ++this.#ids
    this.#requests?.write(`${JSON.stringify({ id, ...request })}\n`)
    return id
  }

  async #answer<T>(id: number): Promise<Timed<T>> {
    const answer = await until(
      () => this.#answers.find((candidate) => candidate.id === id && !candidate.isEvent),
      answerMs,
      `an answer to request ${id}`,
    )
    return { value: answer.value as T, elapsedMs: answer.elapsedMs }
  }

  resource(name: string, written: Record<string, unknown>, environment: Record<string, string> = {}): ResourceContext {
    return {
      group: groupName('web'),
      resource: resourceName(name),
      epoch: 7 as Epoch,
      configuration: resourceConfiguration(written),
      environment: { CLP_EVENT: 'START', BATON_EPOCH: '7', ...environment },
      logDirectory: this.logDirectory,
      instance: this.instance,
    }
  }

  monitor(name: string, written: Record<string, unknown>, target: string | null = null): MonitorContext {
    return {
      monitor: monitorName(name),
      configuration: monitorConfiguration(written),
      target: target === null ? null : { group: groupName('web'), resource: resourceName(target) },
      environment: {},
      logDirectory: this.logDirectory,
      instance: this.instance,
    }
  }
}

export type Watched<T> = {
  readonly told: () => readonly Told<T>[]
  readonly next: (timeoutMs?: number) => Promise<Told<T>>
  readonly cancel: () => Promise<void>
}

const configurationWith = (part: object) =>
  storedConfiguration.parse({ cluster: 'test', servers: [{ name: 's1', addresses: {} }], ...part })

const resourceConfiguration = (written: Record<string, unknown>): ResourceConfiguration => {
  const { groups } = configurationWith({ groups: { web: { servers: ['s1'], resources: { it: written } } } })
  const found = groups.web?.resources.it
  if (!found) throw new Error('no resource')
  return found
}

const monitorConfiguration = (written: Record<string, unknown>): MonitorConfiguration => {
  const found = configurationWith({ monitors: { it: written } }).monitors.it
  if (!found) throw new Error('no monitor')
  return found
}
