/** Takes down by force what a manifest names: for whoever has to when the agent cannot. */
import type { ManifestEntry } from './manifest.ts'
import type { ResourceDrivers } from './resource-runner.ts'

export type TakeDownParts = {
  readonly drivers: ResourceDrivers
  readonly logDirectory: string
  readonly instance: string
}

/** Dependents before what they need; answers what is still there. `leftMs`: how long one may take from now on. */
export const takeAllDown = async (
  running: readonly ManifestEntry[],
  parts: TakeDownParts,
  leftMs: () => number,
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
    const outcomes = await Promise.all(
      turn.map(async (entry) => ({ entry, isOff: await takeOneDown(entry, parts, leftMs()) })),
    )
    stuck.push(...outcomes.flatMap(({ entry, isOff }) => (isOff ? [] : [entry])))
    rest = rest.filter((entry) => !turn.includes(entry))
  }
  return stuck
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
