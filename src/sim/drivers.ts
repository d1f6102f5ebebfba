/** Resources and monitors of the simulation: their state lives on the host, not in the agent. They take time, fail and hang. */
import type { MonitorDriver } from '../agents/monitors/driver.ts'
import type { Limit, Outcome, ResourceContext, ResourceDriver } from '../agents/resources/driver.ts'
import type { Cancel } from '../world/world.ts'
import type { Ledger, Run } from './ledger.ts'
import type { SimulatedProcess } from './process.ts'
import type { Chance } from './random.ts'

/** How well resources behave on a host. */
export type Behaviour = {
  /** ms. */
  activation: readonly [least: number, most: number]
  deactivation: readonly [least: number, most: number]
  urgent: readonly [least: number, most: number]
  /** Probabilities: that an activation fails, or hangs until it is told to stop; that a stop fails, or hangs. */
  failure: number
  hang: number
  stopFailure: number
  stopHang: number
}

export const goodBehaviour: Behaviour = {
  activation: [5, 300],
  deactivation: [5, 200],
  urgent: [1, 10],
  failure: 0,
  hang: 0,
  stopFailure: 0,
  stopHang: 0,
}

export type DriverParts = {
  readonly ledger: Ledger
  readonly behaviour: Behaviour
  readonly chance: Chance
  readonly watchers: Map<Run, Set<(because: string) => void>>
}

const cancelled: Outcome = { ok: false, because: 'cancelled', stalled: false }
const probeMs = 1

/** Resolves to true after `ms`, to false as soon as it is cancelled. */
export const lasting = (process: SimulatedProcess, ms: number, signal: AbortSignal): Promise<boolean> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve(false)
    const cancel = process.after(ms, () => resolve(true))
    signal.addEventListener(
      'abort',
      () => {
        cancel()
        resolve(false)
      },
      { once: true },
    )
  })

/** One driver for every type of resource. */
export const simulatedResource = (process: SimulatedProcess, parts: DriverParts): ResourceDriver => {
  const { ledger, behaviour, chance, watchers } = parts
  const host = process.host.name
  const activate = async (context: ResourceContext, { timeoutMs, signal }: Limit): Promise<Outcome> => {
    const known = ledger.find(host, context)
    if (known?.isUp && !known.isBroken) return { ok: true }
    const run = ledger.begin(host, context)
    const hangs = chance.happens(behaviour.hang)
    const fails = chance.happens(behaviour.failure)
    const takes = hangs ? Number.POSITIVE_INFINITY : chance.between(...behaviour.activation)
    if (!(await lasting(process, Math.min(takes, timeoutMs), signal))) return cancelled
    if (takes > timeoutMs) return { ok: false, because: `no end within ${timeoutMs} ms`, stalled: true }
    if (fails) return { ok: false, because: 'it did not come up', stalled: false }
    run.isUp = true
    run.isBroken = false
    return { ok: true }
  }
  const deactivate = async (
    context: ResourceContext,
    { timeoutMs, signal, urgent }: Limit & { readonly urgent: boolean },
  ): Promise<Outcome> => {
    const run = ledger.find(host, context)
    if (run === undefined) return { ok: true }
    const hangs = !urgent && chance.happens(behaviour.stopHang)
    const fails = !urgent && chance.happens(behaviour.stopFailure)
    const takes = hangs
      ? Number.POSITIVE_INFINITY
      : chance.between(...(urgent ? behaviour.urgent : behaviour.deactivation))
    if (!(await lasting(process, Math.min(takes, timeoutMs), signal))) return cancelled
    if (takes > timeoutMs) return { ok: false, because: `no end within ${timeoutMs} ms`, stalled: true }
    if (fails) return { ok: false, because: 'it did not stop', stalled: false }
    watchers.delete(run)
    ledger.end(run)
    return { ok: true }
  }
  return {
    activate,
    deactivate,
    probe: (context) =>
      process.answer(probeMs, () => {
        const run = ledger.find(host, context)
        if (run === undefined) return 'off'
        return run.isUp && !run.isBroken ? 'on' : 'partial'
      }),
    watch: (context, lost) => watch(process, parts, context, lost),
  }
}

const watch = (
  process: SimulatedProcess,
  { ledger, watchers }: DriverParts,
  context: ResourceContext,
  lost: (because: string) => void,
): Cancel => {
  const run = ledger.find(process.host.name, context)
  if (run === undefined) return () => {}
  const told = (because: string) => process.enter(() => lost(because))
  const known = watchers.get(run) ?? new Set()
  watchers.set(run, known)
  known.add(told)
  return () => known.delete(told)
}

/** A running resource dies by itself. */
export const breakRun = ({ watchers }: Pick<DriverParts, 'watchers'>, run: Run, because: string): void => {
  if (run.isBroken) return
  run.isBroken = true
  for (const told of watchers.get(run) ?? []) told(because)
}

/** For what is no business of resources: networks. */
export const contentMonitor = (process: SimulatedProcess): MonitorDriver => ({
  look: () => process.answer(1, () => ({ verdict: 'normal', because: 'it answers' })),
})

/** One driver for every other type of monitor: sees whether its target is well. */
export const simulatedMonitor = (
  process: SimulatedProcess,
  { ledger, chance }: Pick<DriverParts, 'ledger' | 'chance'>,
): MonitorDriver => ({
  look: ({ target }) =>
    process.answer(chance.between(1, 20), () => {
      const runs = ledger.on(process.host.name).filter(({ group }) => group === target?.group)
      const broken = runs.find(({ resource, isBroken }) => isBroken && (target?.resource ?? resource) === resource)
      return broken
        ? { verdict: 'error', because: `${broken.resource} is dead` }
        : { verdict: 'normal', because: 'it answers' }
    }),
})
