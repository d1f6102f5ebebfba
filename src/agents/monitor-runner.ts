/** Runs this server's monitors: when to look, how often in vain, what counts. What follows is decided elsewhere. */

import type { Observed } from '../decisions/plan.ts'
import {
  groupName,
  type MonitorConfiguration,
  type MonitorName,
  type MonitorVerdict,
  monitorName,
  resourceName,
  type ServerName,
} from '../events/index.ts'
import { monitorsOf } from '../projections/configuration.ts'
import { isDummyFailing, isSuspended, monitorOf } from '../projections/monitors.ts'
import type { State } from '../projections/state.ts'
import type { Cancel, World } from '../world/world.ts'
import { lossMonitors } from './lost-resource.ts'
import type { MonitorContext, MonitorDriver, Sight } from './monitors/driver.ts'

/** By monitor type. */
export type MonitorDrivers = Readonly<Record<MonitorConfiguration['type'], MonitorDriver>>

/** What a monitor has come to, retries included. `again`: the same verdict as before, one look later. */
export type Finding = {
  readonly monitor: MonitorName
  readonly configuration: MonitorConfiguration
  readonly verdict: MonitorVerdict
  readonly because: string
  readonly elapsedMs: number
  /** The machine itself was short of time while the monitor looked. */
  readonly starved: boolean
  readonly again: boolean
  /** False: an error for people only, such as a time-out that must not cause recovery. */
  readonly mayRecover: boolean
}

export type MonitorRunnerOptions = {
  readonly me: ServerName
  readonly instance: string
  readonly logDirectory: string
  readonly drivers: MonitorDrivers
  readonly environment: (monitor: MonitorName) => Readonly<Record<string, string>>
  readonly found: (finding: Finding) => void
  readonly delayed: (monitor: MonitorName, elapsedMs: number, timeoutMs: number) => void
}

export type MonitorRunner = {
  /** Starts what is due here now and stops what is not. Cheap when nothing has changed. */
  readonly arrange: (state: State, observed: Observed) => void
  readonly stop: () => void
}

/** Our own timer came this much late: the machine, not the target, is to blame for slowness. */
const starvedMs = 500

export const monitorRunner = (world: World, options: MonitorRunnerOptions): MonitorRunner => {
  const running = new Map<string, { readonly key: string; readonly watch: Watch }>()
  let last: {
    readonly configuration: State['configuration']
    readonly monitors: State['monitors']
    readonly observed: Observed
    readonly ups: string
  } | null = null
  return {
    arrange: (state, observed) => {
      const isConfiguredSo = last?.configuration === state.configuration && last.monitors === state.monitors
      if (isConfiguredSo && last?.observed === observed) return
      const ups = observed
        .filter(({ condition }) => condition === 'on')
        .map((one) => `${one.group}/${one.resource}/${one.epoch}/${one.since}/${one.lost}`)
        .join()
      if (isConfiguredSo && last?.ups === ups) return
      last = { configuration: state.configuration, monitors: state.monitors, observed, ups }
      const due = dueMonitors(state, observed, options.me)
      for (const [name, { key, watch }] of running) {
        if (due.get(name)?.key === key) continue
        watch.stop()
        running.delete(name)
      }
      for (const [name, one] of due)
        if (!running.has(name))
          running.set(name, { key: one.key, watch: new Watch(world, options, monitorName(name), one) })
    },
    stop: () => {
      for (const { watch } of running.values()) watch.stop()
      running.clear()
    },
  }
}

type Due = {
  readonly key: string
  readonly configuration: MonitorConfiguration
  readonly isDummy: boolean
  /** Null: that of its type. */
  readonly driver: MonitorDriver | null
}

/** The monitors that have to run here. The key changes whenever one has to begin anew: another target instance, settings. */
const dueMonitors = (state: State, observed: Observed, me: ServerName): ReadonlyMap<string, Due> => {
  const { current } = state.configuration
  const due = new Map<string, Due>()
  if (current === null) return due
  const configured = monitorsOf(current)
  const losses = lossMonitors(state, me, observed)
  for (const name of new Set([...Object.keys(losses), ...Object.keys(configured)])) {
    const sight = name in configured ? null : (losses[name]?.sight ?? null)
    const configuration = configured[name] ?? losses[name]?.configuration
    if (configuration === undefined) continue
    const monitor = monitorOf(state.monitors, name)
    if (configuration.servers && !configuration.servers.includes(me)) continue
    if (isSuspended(monitor, me)) continue
    const target = targetInstance(configuration, observed, current.groups)
    if (configuration.when === 'active' && target === null) continue
    const isDummy = isDummyFailing(monitor, me)
    const driver = sight && { look: async () => sight }
    due.set(name, { key: JSON.stringify([configuration, target, isDummy, sight]), configuration, isDummy, driver })
  }
  return due
}

/** Which instance of the target is up here: a later one is watched anew. Null = it is not up here. */
const targetInstance = (
  { target }: MonitorConfiguration,
  observed: Observed,
  groups: NonNullable<State['configuration']['current']>['groups'],
): string | null => {
  if (!target) return null
  const wanted = target.resource === undefined ? Object.keys(groups[target.group]?.resources ?? {}) : [target.resource]
  const ups = observed.filter(
    (one) => one.group === target.group && wanted.includes(one.resource) && one.condition === 'on',
  )
  return ups.length === wanted.length && ups.length > 0
    ? ups.map((one) => `${one.resource}:${one.epoch}:${one.since}`).join()
    : null
}

/** One monitor, from the moment it is due until it is not. */
class Watch {
  readonly #world: World
  readonly #options: MonitorRunnerOptions
  readonly #name: MonitorName
  readonly #configuration: MonitorConfiguration
  readonly #isDummy: boolean
  readonly #driver: MonitorDriver
  readonly #context: MonitorContext
  readonly #abort = new AbortController()
  #cancel: Cancel = () => {}
  #unwatch: Cancel = () => {}
  #errors = 0
  #verdict: MonitorVerdict | null = null

  constructor(world: World, options: MonitorRunnerOptions, name: MonitorName, { configuration, isDummy, driver }: Due) {
    this.#world = world
    this.#options = options
    this.#name = name
    this.#configuration = configuration
    this.#isDummy = isDummy
    this.#driver = driver ?? options.drivers[configuration.type]
    const { target } = configuration
    this.#context = {
      monitor: name,
      configuration,
      target: target
        ? {
            group: groupName(target.group),
            resource: target.resource === undefined ? null : resourceName(target.resource),
          }
        : null,
      environment: options.environment(name),
      logDirectory: options.logDirectory,
      instance: options.instance,
    }
    this.#cancel = world.clock.after(configuration.startDelay, () => this.#begin())
  }

  stop(): void {
    this.#abort.abort()
    this.#cancel()
    this.#unwatch()
  }

  #begin(): void {
    // What the world tells by itself is certain: no retry.
    this.#unwatch = this.#driver.watch?.(this.#context, (sight) => this.#conclude(sight, 0, false, true)) ?? (() => {})
    void this.#round()
  }

  async #round(): Promise<void> {
    const due = this.#world.clock.now()
    await this.#look()
    if (this.#abort.signal.aborted) return
    const pause = Math.max(0, this.#configuration.interval - (this.#world.clock.now() - due))
    this.#cancel = this.#world.clock.after(pause, () => void this.#round())
  }

  async #look(): Promise<void> {
    const { timeout, delayWarning, retries, onTimeout } = this.#configuration
    const began = this.#world.clock.now()
    const { sight, isTimeout, starved } = await this.#lookWithin(timeout)
    if (this.#abort.signal.aborted) return
    const elapsedMs = Math.round(this.#world.clock.now() - began)
    if (!isTimeout && delayWarning < 100 && elapsedMs * 100 >= delayWarning * timeout)
      this.#options.delayed(this.#name, elapsedMs, timeout)
    if (sight.verdict !== 'error') {
      this.#errors = 0
      this.#conclude(sight, elapsedMs, starved, true)
      return
    }
    this.#errors += 1
    const isFinal = this.#isDummy || (isTimeout && !onTimeout.retry) || this.#errors > retries
    if (isFinal) this.#conclude(sight, elapsedMs, starved, !isTimeout || onTimeout.recover)
  }

  async #lookWithin(
    timeoutMs: number,
  ): Promise<{ readonly sight: Sight; readonly isTimeout: boolean; readonly starved: boolean }> {
    if (this.#isDummy)
      return {
        sight: { verdict: 'error', because: 'it is to fail, for practice' },
        isTimeout: false,
        starved: false,
      }
    const timer = new AbortController()
    const signal = AbortSignal.any([timer.signal, this.#abort.signal])
    const deadline = this.#world.clock.now() + timeoutMs
    let lateMs = 0
    const { promise, resolve } = Promise.withResolvers<'late'>()
    const cancel = this.#world.clock.after(timeoutMs, () => {
      lateMs = this.#world.clock.now() - deadline
      // In this order: a driver that answers to being cancelled must not pass that off as what it saw.
      resolve('late')
      timer.abort()
    })
    const seen = await Promise.race([this.#driver.look(this.#context, signal), promise])
    cancel()
    if (seen === 'late')
      return {
        sight: { verdict: 'error', because: `no answer within ${timeoutMs} ms` },
        isTimeout: true,
        starved: lateMs > starvedMs,
      }
    return { sight: seen, isTimeout: false, starved: false }
  }

  #conclude({ verdict, because }: Sight, elapsedMs: number, starved: boolean, mayRecover: boolean): void {
    if (this.#abort.signal.aborted) return
    const again = verdict === this.#verdict
    this.#verdict = verdict
    this.#options.found({
      monitor: this.#name,
      configuration: this.#configuration,
      verdict,
      because,
      elapsedMs,
      starved,
      again,
      mayRecover,
    })
  }
}
