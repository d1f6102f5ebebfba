/** Control groups (v2) as the kernel's own list of who belongs together: complete whatever a daemon does to hide. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

const readOrEmpty = (path: string): string => {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    // Gone in between, or of a kind that has no such list.
    return ''
  }
}

/** Field 5 of /proc/self/mountinfo writes blanks as \040. */
const unescaped = (path: string): string =>
  path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

/** Where groups of ours could be: at the top of the hierarchy, else below our own group (when it is delegated to us). */
const candidates = (): readonly string[] => {
  const mount = readOrEmpty('/proc/self/mountinfo')
    .split('\n')
    .find((line) => line.includes(' - cgroup2 '))
  const mountPoint = mount?.split(' ')[4]
  if (mountPoint === undefined) return []
  const own = /^0::(.*)$/m.exec(readOrEmpty('/proc/self/cgroup'))?.[1] ?? '/'
  return [join(unescaped(mountPoint), 'baton'), join(unescaped(mountPoint), own, 'baton')]
}

const isUsable = (directory: string): boolean => {
  try {
    mkdirSync(directory, { recursive: true })
    // Moving a process needs the right to write here; opening is what the kernel checks.
    writeFileSync(join(directory, 'cgroup.procs'), '')
    return true
  } catch {
    return false
  }
}

let root: string | null | undefined
/** The directory that holds one group per tag; null where the hierarchy is absent or not ours to write. */
const rootDirectory = (): string | null => {
  if (root === undefined) {
    root = candidates().find(isUsable) ?? null
    if (root !== null) removeAbandoned(root)
  }
  return root
}

// Between making a group and joining it lie milliseconds; a group this old that is empty was left by a dead agent.
const abandonedAfterMs = 60_000

const removeAbandoned = (top: string): void => {
  const now = Date.now()
  for (const directory of subgroups(top)) if (now - changedAt(directory) > abandonedAfterMs) removeBelow(directory)
}

const changedAt = (path: string): number => {
  try {
    return statSync(path).mtimeMs
  } catch {
    // Gone: nothing to remove.
    return Number.POSITIVE_INFINITY
  }
}

/** What the group of a tag is called: one path component; longer names are refused by the kernel. */
export const groupName = (tag: string): string => encodeURIComponent(tag).replaceAll('*', '%2A').replace(/^\./, '%2E')

const directoryOf = (tag: string): string | null => {
  const top = rootDirectory()
  return top === null ? null : join(top, groupName(tag))
}

/** Makes the group of a tag; the path a process writes 0 to, to join it. Null where there are no control groups. */
export const joinPath = (tag: string): string | null => {
  const directory = directoryOf(tag)
  if (directory === null) return null
  try {
    mkdirSync(directory, { recursive: true })
    // Used again, therefore not abandoned.
    const now = Date.now() / 1000
    utimesSync(directory, now, now)
    return join(directory, 'cgroup.procs')
  } catch {
    return null
  }
}

const subgroups = (directory: string): readonly string[] => {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(directory, entry.name))
  } catch {
    return []
  }
}

const pidsBelow = (directory: string): readonly number[] => [
  // Processes that our pid namespace cannot see are listed as 0.
  ...readOrEmpty(join(directory, 'cgroup.procs'))
    .split('\n')
    .map(Number)
    .filter((pid) => pid > 0),
  ...subgroups(directory).flatMap(pidsBelow),
]

/** Pids in the group of a tag, subgroups included; zombies are not listed by the kernel. */
export const pidsOf = (tag: string): readonly number[] => {
  const directory = directoryOf(tag)
  return directory === null ? [] : pidsBelow(directory)
}

/** Kills the whole group in one step, so that nobody forks away from it. False where the kernel cannot (before 5.14). */
export const killGroup = (tag: string): boolean => {
  const directory = directoryOf(tag)
  if (directory === null || !existsSync(join(directory, 'cgroup.kill'))) return false
  try {
    writeFileSync(join(directory, 'cgroup.kill'), '1')
    return true
  } catch {
    return false
  }
}

const removeBelow = (directory: string): void => {
  for (const sub of subgroups(directory)) removeBelow(sub)
  try {
    rmdirSync(directory)
  } catch {
    // Still in use, or gone already: the kernel decides.
  }
}

/** Removes the group when nobody is in it. */
export const removeIfEmpty = (tag: string): void => {
  const directory = directoryOf(tag)
  if (directory !== null && existsSync(directory)) removeBelow(directory)
}

/** Whether this user may make control groups here. */
export const mayMakeControlGroups = (): boolean => rootDirectory() !== null
