/** Carries out the plan's effects on this machine, keeps what is observed, and writes down what every outcome was. */
import { withLiveFields } from '../decisions/diff-configuration.ts'
import { keepsOnQuorumLoss } from '../decisions/fencing.ts'
import type { Effect, Observed, ObservedResource } from '../decisions/plan.ts'
import { type Installation, scriptEnvironment } from '../decisions/script-environment.ts'
import {
  type Epoch,
  type Event,
  epochOf,
  type GroupName,
  groupName,
  type ResourceConfiguration,
  type ResourceName,
  resourceName,
  type Sequence,
  type ServerName,
  sequence,
} from '../events/index.ts'
import type { State } from '../projections/state.ts'
import type { Cancel, World } from '../world/world.ts'
import { type ManifestEntry, readManifest, writeManifest } from './guardian/manifest.ts'
import type { Outcome, ResourceContext, ResourceDriver } from './resources/driver.ts'
import { pause } from './resources/sweep.ts'

/** By resource type. */
export type ResourceDrivers = Readonly<Record<ResourceConfiguration['type'], ResourceDriver>>

export type RunnerOptions = {
  readonly me: ServerName
  /** Distinguishes clusters and servers that share a machine. */
  readonly instance: string
  readonly installation: Installation
  readonly drivers: ResourceDrivers
  readonly logDirectory: string
  /** What runs is written here, so that the next agent can adopt it and the guardian can stop it. */
  readonly manifest: string
  readonly changed: () => void
  /** A lease is over, and in so long the guardian acts; null = nobody presses. */
  readonly leftMs?: () => number | null
}

export type ResourceRunner = {
  readonly observed: () => Observed
  readonly perform: (effects: readonly Effect[], state: State) => void
  /** Outcomes that are not on the log yet, oldest first. */
  readonly outbox: () => readonly Event[]
  /** The first `count` of them are on the log now. */
  readonly recorded: (count: number) => void
  /** Takes over what an earlier agent left running: probes it, cleans up halves. */
  readonly adopt: (state: State) => Promise<void>
  readonly isAllOff: () => boolean
  readonly context: (group: string, resource: string) => ResourceContext | null
}

/** A forced stop that takes longer than this has failed; shorter once a lease is over (`leftMs`). */
const urgentTimeoutMs = 10_000
/** Who waits for a disk cannot be killed. A data plane of a mirror that hangs is ended after 10 s, which frees him: force waits. */
const hungMs = 12_000
const hungAgainMs = 200
/** More outcomes than this wait only while the log is away; the oldest go first, they are history already. */
const longestOutbox = 1000

type Entry = {
  context: ResourceContext
  condition: ObservedResource['condition']
  since: Sequence
  adopted: boolean
  lost: string | null
  readonly isKept: boolean
  /** Ends the watching of what is up; must come before it is taken down on purpose. */
  unwatch: Cancel
  /** The operation under way; aborting it makes it end soon. */
  operation: { readonly abort: AbortController; readonly urgent: boolean; readonly ended: Promise<void> } | null
}

const seen = ({ context, condition, since, adopted, lost }: Entry): ObservedResource => ({
  group: context.group,
  resource: context.resource,
  epoch: context.epoch,
  condition,
  since,
  after: context.configuration.after,
  adopted,
  lost,
})

/** Entries are replaced, never removed: each keeps its place. */
const isAsSeen = ({ context, condition, since, adopted, lost }: Entry, was: ObservedResource | undefined): boolean =>
  was?.condition === condition &&
  was.since === since &&
  was.epoch === context.epoch &&
  was.adopted === adopted &&
  was.lost === lost &&
  was.after === context.configuration.after

export const resourceRunner = (world: World, options: RunnerOptions): ResourceRunner => new Runner(world, options)

class Runner implements ResourceRunner {
  readonly #world: World
  readonly #options: RunnerOptions
  readonly #entries = new Map<string, Entry>()
  #observed: Observed = []
  #outbox: Event[] = []
  #writing: Promise<void> = Promise.resolve()

  constructor(world: World, options: RunnerOptions) {
    this.#world = world
    this.#options = options
  }

  /** The same object until something is different: whoever compares with what was need not look inside. */
  readonly observed = (): Observed => {
    const entries = [...this.#entries.values()]
    const isSame =
      entries.length === this.#observed.length && entries.every((entry, at) => isAsSeen(entry, this.#observed[at]))
    if (!isSame) this.#observed = entries.map(seen)
    return this.#observed
  }

  readonly outbox = () => this.#outbox
  readonly recorded = (count: number): void => {
    this.#outbox = this.#outbox.slice(count)
  }
  readonly isAllOff = () => this.observed().every(({ condition }) => condition === 'off')
  readonly context = (group: string, resource: string) => this.#entries.get(`${group}/${resource}`)?.context ?? null

  readonly perform = (effects: readonly Effect[], state: State): void => {
    for (const effect of effects) {
      const entry = this.#entries.get(`${effect.group}/${effect.resource}`)
      switch (effect.do) {
        case 'Activate':
          this.#activate(effect, state)
          break
        case 'Deactivate':
          if (entry) this.#deactivate(entry, effect.urgent, state)
          break
        case 'Cancel':
          entry?.operation?.abort.abort()
          break
        default:
          effect satisfies never
      }
    }
  }

  readonly adopt = async (state: State): Promise<void> => {
    // Where it cannot be told what runs, everything that could run is taken down.
    const left = (await readManifest(this.#world, this.#options.manifest)) ?? everyResource(state)
    await Promise.all(left.map((entry) => this.#adoptOne(entry)))
    await this.#writeManifest()
  }

  async #adoptOne(left: ManifestEntry): Promise<void> {
    const { group, resource, epoch, since, isUp, isKept, configuration, environment } = left
    const context = this.#contextOf({ group, resource, epoch, configuration, environment })
    const limit = { timeoutMs: urgentTimeoutMs, signal: new AbortController().signal }
    const fresh = { lost: null, unwatch: () => {}, operation: null, isKept }
    const entry: Entry = { context, condition: 'off', since, adopted: true, ...fresh }
    const found = await this.#driver(context).probe(context, limit)
    if (found === 'on' && isUp) this.#isUp(entry)
    else {
      const outcome = await this.#driver(context).deactivate(context, { ...limit, urgent: true })
      if (!outcome.ok) entry.condition = this.#stuck(context, outcome, 1, 0)
    }
    this.#entries.set(`${group}/${resource}`, entry)
  }

  #driver({ configuration }: ResourceContext): ResourceDriver {
    return this.#options.drivers[configuration.type]
  }

  #contextOf(known: {
    readonly group: GroupName
    readonly resource: ResourceName
    readonly epoch: Epoch
    readonly configuration: ResourceConfiguration
    readonly environment: Readonly<Record<string, string>>
  }): ResourceContext {
    return { ...known, logDirectory: this.#options.logDirectory, instance: this.#options.instance }
  }

  #activate({ group, resource, epoch }: Effect & { do: 'Activate' }, state: State): void {
    const key = `${group}/${resource}`
    const configuration = state.configuration.current?.groups[group]?.resources[resource]
    const before = this.#entries.get(key)
    if (!configuration || before?.operation || (before && before.condition !== 'off')) return
    const environment = scriptEnvironment(state, { group, resource, me: this.#options.me }, this.#options.installation)
    const withPid = { ...environment, CLP_PID: String(this.#world.processes.own().pid) }
    const context = this.#contextOf({ group, resource, epoch, configuration, environment: withPid })
    const entry: Entry = {
      context,
      condition: 'activating',
      since: state.position.sequence,
      adopted: false,
      lost: null,
      isKept: keepsOnQuorumLoss(state),
      unwatch: () => {},
      operation: null,
    }
    this.#entries.set(key, entry)
    this.#start(entry, false, async (signal) => {
      try {
        await this.#writeManifest()
      } catch (trouble) {
        const because = `what runs here could not be written down: ${String(trouble)}`
        this.#say({
          type: 'ActivationFailed',
          data: { group, resource, epoch, attempt: 1, durationMs: 0, because, stalled: false },
        })
        entry.condition = 'failed'
        return
      }
      entry.condition = await this.#attemptActivation(entry, signal)
      if (entry.condition === 'on') this.#isUp(entry)
      // Complete in the manifest too: only then may a later agent adopt it. Where it cannot be written it is not adopted.
      this.#writeManifest().catch(() => {})
    })
  }

  async #attemptActivation({ context }: Entry, signal: AbortSignal): Promise<Entry['condition']> {
    const { group, resource, epoch, configuration } = context
    const timeoutMs = configuration.activation.timeout
    const driver = this.#driver(context)
    for (let attempt = 1; ; attempt++) {
      const which = { group, resource, epoch, attempt }
      this.#say({ type: 'ActivationStarted', data: which })
      const began = this.#world.clock.now()
      const outcome = signal.aborted ? cancelled : await driver.activate(context, { timeoutMs, signal })
      const durationMs = Math.round(this.#world.clock.now() - began)
      if (outcome.ok && !signal.aborted) {
        this.#say({ type: 'ResourceActivated', data: { ...which, durationMs, adopted: false } })
        return 'on'
      }
      const { because, stalled } = outcome.ok ? cancelled : outcome
      this.#say({ type: 'ActivationFailed', data: { ...which, durationMs, because, stalled } })
      // Nothing may stay half up: the next attempt, or the next server, starts from nothing.
      const cleaned = await driver.deactivate(context, {
        timeoutMs: urgentTimeoutMs,
        signal: new AbortController().signal,
        urgent: true,
      })
      if (!cleaned.ok) return this.#stuck(context, cleaned, attempt, 0)
      if (signal.aborted) return 'off'
      const hasOwnAction = stalled && configuration.activation.stallAction !== undefined
      if (attempt > configuration.activation.retries || hasOwnAction) return 'failed'
    }
  }

  #isUp(entry: Entry): void {
    entry.condition = 'on'
    const lost = (because: string): void => {
      entry.lost = because
      this.#options.changed()
    }
    entry.unwatch = this.#driver(entry.context).watch?.(entry.context, lost) ?? (() => {})
  }

  #deactivate(entry: Entry, urgent: boolean, state: State): void {
    const { operation, context } = entry
    if (operation && !(urgent && !operation.urgent)) return
    operation?.abort.abort()
    entry.unwatch()
    entry.lost = null
    const { group, resource } = context
    const fresh = scriptEnvironment(state, { group, resource, me: this.#options.me }, this.#options.installation)
    const environment = {
      ...context.environment,
      CLP_FACTOR: fresh.CLP_FACTOR ?? 'GROUPSTOP',
      BATON_CAUSE: fresh.BATON_CAUSE ?? '0',
    }
    const configuration = withLiveFields(
      context.configuration,
      state.configuration.current?.groups[group]?.resources[resource],
    )
    entry.context = { ...context, environment, configuration }
    entry.condition = 'deactivating'
    this.#start(entry, urgent, async (signal) => {
      await operation?.ended
      entry.condition = await this.#attemptDeactivation(entry, urgent, signal)
      // A stuck resource is tried again by a later order, not by this one.
      if (entry.condition === 'stuck') entry.since = state.position.sequence
      // What is off is off, whether or not the disk takes it: who reads of it later finds out by probing.
      await this.#writeManifest().catch(() => {})
    })
  }

  /** Retries as configured; then by force. Only what even force cannot take down is stuck. */
  async #attemptDeactivation({ context }: Entry, urgent: boolean, signal: AbortSignal): Promise<Entry['condition']> {
    const { group, resource, epoch, configuration } = context
    const patience = configuration.deactivation.timeout
    const attempts = urgent ? 0 : 1 + configuration.deactivation.retries
    this.#say({ type: 'DeactivationStarted', data: { group, resource, epoch, attempt: 1 } })
    const began = this.#world.clock.now()
    const elapsed = () => Math.round(this.#world.clock.now() - began)
    for (let attempt = 1; attempt <= attempts && !signal.aborted; attempt++) {
      const outcome = await this.#driver(context).deactivate(context, { timeoutMs: patience, signal, urgent: false })
      if (outcome.ok) return this.#wentDown(context, elapsed())
      const { because, stalled } = outcome
      this.#say({
        type: 'DeactivationFailed',
        data: { group, resource, epoch, attempt, durationMs: elapsed(), because, stalled },
      })
    }
    const timeoutMs = (urgent ? this.#options.leftMs?.() : null) ?? urgentTimeoutMs
    const limit = { timeoutMs, signal: new AbortController().signal, urgent: true }
    let forced = await this.#driver(context).deactivate(context, limit)
    // Not once a lease ends: then the guardian acts, and what is below goes down beside it.
    const until = this.#world.clock.now() + (urgent ? 0 : hungMs)
    while (!forced.ok && forced.stalled && !signal.aborted && this.#world.clock.now() < until) {
      await pause(this.#world, hungAgainMs, signal)
      forced = await this.#driver(context).deactivate(context, limit)
    }
    return forced.ok ? this.#wentDown(context, elapsed()) : this.#stuck(context, forced, attempts + 1, elapsed())
  }

  #wentDown({ group, resource, epoch }: ResourceContext, durationMs: number): 'off' {
    this.#say({ type: 'ResourceDeactivated', data: { group, resource, epoch, durationMs } })
    return 'off'
  }

  #stuck(
    { group, resource, epoch }: ResourceContext,
    { because, stalled }: Failed,
    attempt: number,
    durationMs: number,
  ): 'stuck' {
    this.#say({
      type: 'DeactivationFailed',
      data: { group, resource, epoch, attempt, durationMs, because: `even by force: ${because}`, stalled },
    })
    return 'stuck'
  }

  #start(entry: Entry, urgent: boolean, work: (signal: AbortSignal) => Promise<void>): void {
    const abort = new AbortController()
    const ended = work(abort.signal).catch((trouble: unknown) => {
      // A driver must not throw; should one, the resource is in nobody's knowledge, and only force is left.
      const because = `the driver failed: ${trouble instanceof Error ? trouble.message : String(trouble)}`
      entry.condition = this.#stuck(entry.context, { ok: false, because, stalled: false }, 1, 0)
    })
    const operation = { abort, urgent, ended }
    entry.operation = operation
    void ended.then(() => {
      if (entry.operation === operation) entry.operation = null
      this.#options.changed()
    })
    this.#options.changed()
  }

  #say(event: Event): void {
    this.#outbox = [...this.#outbox.slice(1 - longestOutbox), event]
    this.#options.changed()
  }

  /** One write at a time; it always holds what is true when it begins. */
  #writeManifest(): Promise<void> {
    // A write that failed, on a full disk, must not fail those after it.
    this.#writing = this.#writing
      .catch(() => {})
      .then(async () => {
        const running: ManifestEntry[] = [...this.#entries.values()]
          .filter(({ condition }) => condition !== 'off')
          .map(({ context, condition, since, isKept }) => {
            const { group, resource, epoch, configuration, environment } = context
            return {
              group,
              resource,
              epoch,
              since,
              isUp: condition === 'on',
              isKept,
              configuration,
              environment: { ...environment },
            }
          })
        await writeManifest(this.#world, this.#options.manifest, running)
      })
    return this.#writing
  }
}

/** Every resource of the configuration, as if it had been found half up. */
const everyResource = (state: State): readonly ManifestEntry[] =>
  Object.entries(state.configuration.current?.groups ?? {}).flatMap(([group, { resources }]) =>
    Object.entries(resources).map(([resource, configuration]) => ({
      group: groupName(group),
      resource: resourceName(resource),
      epoch: epochOf(sequence(0)),
      since: sequence(0),
      isUp: false,
      isKept: false,
      configuration,
      environment: {},
    })),
  )

type Failed = Extract<Outcome, { ok: false }>
const cancelled: Failed = { ok: false, because: 'cancelled', stalled: false }
