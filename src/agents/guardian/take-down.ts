/** Takes down by force what a manifest names: for whoever has to when the agent cannot. */

import type { ResourceDrivers } from '../resource-runner.ts'
import type { ManifestEntry } from './manifest.ts'

export type TakeDownParts = {
  readonly drivers: ResourceDrivers
  readonly logDirectory: string
  readonly instance: string
}

/**
 * Dependents before what they need; answers what is still there. `leftMs`: how long all that is left may take from now on. Each
 * turn has its share, whether the one before it succeeded or not.
 */
export const takeAllDown = async (
  running: readonly ManifestEntry[],
  parts: TakeDownParts,
  leftMs: () => number,
): Promise<readonly ManifestEntry[]> => {
  const stuck: ManifestEntry[] = []
  const turns = turnsOf(running)
  for (const [at, turn] of turns.entries()) {
    const timeoutMs = leftMs() / (turns.length - at)
    const outcomes = await Promise.all(
      turn.map(async (entry) => ({ entry, isOff: await takeOneDown(entry, parts, timeoutMs) })),
    )
    stuck.push(...outcomes.flatMap(({ entry, isOff }) => (isOff ? [] : [entry])))
  }
  return stuck
}

/** What goes down together, first to last. */
const turnsOf = (running: readonly ManifestEntry[]): readonly (readonly ManifestEntry[])[] => {
  if (running.length === 0) return []
  const isNeeded = (entry: ManifestEntry) =>
    running.some(
      (other) => other !== entry && other.group === entry.group && other.configuration.after.includes(entry.resource),
    )
  const free = running.filter((entry) => !isNeeded(entry))
  // A cycle cannot be configured; should there be one, take down everything at once.
  if (free.length === 0) return [running]
  return [free, ...turnsOf(running.filter((entry) => !free.includes(entry)))]
}

const takeOneDown = async (
  entry: ManifestEntry,
  { drivers, logDirectory, instance }: TakeDownParts,
  timeoutMs: number,
): Promise<boolean> => {
  const outcome = await drivers[entry.configuration.type].deactivate(
    { ...entry, logDirectory, instance },
    { timeoutMs, signal: new AbortController().signal, urgent: true },
  )
  return outcome.ok
}
