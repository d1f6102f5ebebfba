/** A control group with little memory, under version 1 or 2 of the kernel's hierarchies. */
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../lab/until.ts'

/** Where groups can be made, and the file that limits one; null where memory cannot be limited. */
export const memoryHierarchy = (): { readonly place: string; readonly limit: string } | null => {
  const place = '/sys/fs/cgroup'
  if (existsSync(join(place, 'memory', 'memory.limit_in_bytes')))
    return { place: join(place, 'memory'), limit: 'memory.limit_in_bytes' }
  return existsSync(join(place, 'memory.stat')) ? { place, limit: 'memory.max' } : null
}

export const memoryGroup = (name: string, bytes: number) => {
  const hierarchy = memoryHierarchy()
  if (hierarchy === null) throw new Error('memory cannot be limited here')
  const group = join(hierarchy.place, name)
  mkdirSync(group)
  writeFileSync(join(group, hierarchy.limit), String(bytes))
  return {
    procs: join(group, 'cgroup.procs'),
    remove: () =>
      until(
        () => {
          rmdirSync(group)
          return true
        },
        10_000,
        'the control group to be empty',
      ),
  }
}
