/** Each host has a top of its own in the hierarchies of control groups (host-init.pl); here its end is tidied up. */
import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'

const hostGroup = /^baton-host-(\d+)$/

/** Removes the groups of hosts that are gone: the kernel keeps them for ever. */
export const removeGroupsOfDeadHosts = (): void => {
  const tops = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => / - cgroup2 | - cgroup \S+ \S*\bmemory\b/.test(line))
    .map((line) => line.split(' ')[4] ?? '')
  for (const top of tops)
    for (const name of readdirSync(top)) {
      const [, init] = hostGroup.exec(name) ?? []
      if (init !== undefined && !existsSync(`/proc/${init}`)) removeEmpty(join(top, name))
    }
}

const removeEmpty = (directory: string): void => {
  try {
    for (const entry of readdirSync(directory, { withFileTypes: true }))
      if (entry.isDirectory()) removeEmpty(join(directory, entry.name))
    rmdirSync(directory)
  } catch {
    // Removed by another test run, or not empty yet: the next one tries again.
  }
}
