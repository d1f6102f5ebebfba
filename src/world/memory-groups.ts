/**
 * A control group for the memory of one process. Whoever writes back what others have written must not be in the group
 * of one of them: at its limit the kernel would make the process wait for pages that only it can write.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { groupName, joinPath } from './control-groups.ts'

/** Puts this process into a group of its own. Null: done; otherwise why that cannot be had here. */
export const takeOwnMemory = (tag: string): string | null => {
  try {
    const place = olderHierarchy()
    return place === null ? takeBelow(joinPath(tag)) : takeOlder(join(place, 'baton', groupName(tag)))
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** Removes what `takeOwnMemory` made, once nobody is in it; version 2 keeps it with the tag's group. */
export const removeOwnMemory = (tag: string): void => {
  const place = olderHierarchy()
  try {
    if (place === null) return
    rmdirSync(join(place, 'baton', groupName(tag)))
    rmdirSync(join(place, 'baton'))
  } catch {
    // Still in use, or never made.
  }
}

/** Version 2: the group of a tag has its memory for itself once the group above hands memory on. */
const takeBelow = (procs: string | null): string | null => {
  if (procs === null) return 'there are no control groups, or none may be made'
  const group = dirname(procs)
  writeFileSync(procs, '0')
  if (!isLimitable(group)) writeFileSync(join(dirname(group), 'cgroup.subtree_control'), '+memory')
  return isLimitable(group) ? null : `${group} has no memory of its own`
}

const isLimitable = (group: string): boolean => existsSync(join(group, 'memory.current'))

/** Version 1 has hierarchies of their own; a group for good is made where memory is. */
const takeOlder = (group: string): null => {
  mkdirSync(group, { recursive: true })
  writeFileSync(join(group, 'cgroup.procs'), String(process.pid))
  return null
}

let older: { readonly place: string | null } | null = null
/** Where version 1 has memory; null: it is in version 2, or nowhere. */
const olderHierarchy = (): string | null => {
  older ??= { place: findOlder() }
  return older.place
}

const findOlder = (): string | null => {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  // Fields by proc_pid_mountinfo(5): the last one after the dash has the options, which name the controllers.
  const memory = mounts.find((line) => / - cgroup \S+ \S*\bmemory\b/.test(line))
  return memory?.split(' ')[4] ?? null
}
