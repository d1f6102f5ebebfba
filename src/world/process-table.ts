/** Reading /proc: who lives, who is whose child, what environment they were started with. */
import { readdirSync, readFileSync } from 'node:fs'
import type { ProcessIdentity } from './world.ts'

export type ProcessStat = ProcessIdentity & {
  readonly state: string
  readonly parent: number
  readonly session: number
}

const readOrNull = (path: string): string | null => {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    // The process may end at any moment; gone and unreadable are the same to us.
    return null
  }
}

/** /proc/PID/stat (proc(5)); null when there is no such process. */
export const readStat = (pid: number): ProcessStat | null => {
  const line = readOrNull(`/proc/${pid}/stat`)
  if (line === null) return null
  // The command's name may contain spaces and parentheses: fields count from after the last one.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ')
  return {
    pid,
    state: fields[0] ?? 'X',
    parent: Number(fields[1]),
    session: Number(fields[3]),
    startTicks: Number(fields[19]),
  }
}

/** Neither gone nor only waiting for its parent to take notice. */
export const isLiving = (stat: ProcessStat | null): stat is ProcessStat =>
  stat !== null && stat.state !== 'Z' && stat.state !== 'X'

export const isAlive = (process: ProcessIdentity): boolean => {
  const stat = readStat(process.pid)
  return isLiving(stat) && stat.startTicks === process.startTicks
}

export const identityOf = (pid: number): ProcessIdentity | null => {
  const stat = readStat(pid)
  return isLiving(stat) ? { pid, startTicks: stat.startTicks } : null
}

export const allPids = (): readonly number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)

/** Whether the process was started with this `NAME=value` in its environment. */
export const hasVariable = (pid: number, assignment: string): boolean =>
  readOrNull(`/proc/${pid}/environ`)?.split('\0').includes(Buffer.from(assignment).toString('latin1')) ?? false
