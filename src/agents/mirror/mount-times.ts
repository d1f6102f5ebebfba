/** How long checking and unmounting the file systems on mirror disks took, since this agent started. */
import type { MountTimes } from './statistics-rows.ts'

export type MountTimesKept = {
  readonly took: (mirror: string, what: keyof MountTimes, ms: number) => void
  readonly of: (mirror: string) => MountTimes
}

export const noMountTimes: MountTimes = {
  unmount: { current: 0, highest: 0 },
  fsck: { current: 0, highest: 0 },
}

export const mountTimesKept = (): MountTimesKept => {
  const all = new Map<string, MountTimes>()
  const of = (mirror: string): MountTimes => all.get(mirror) ?? noMountTimes
  return {
    of,
    took: (mirror, what, ms) => {
      const before = of(mirror)
      all.set(mirror, { ...before, [what]: { current: ms, highest: Math.max(ms, before[what].highest) } })
    },
  }
}
