/** Which living processes belong to a tag, however they were detached, and signals for all of them. */
import { joinPath, killGroup, pidsOf, removeIfEmpty } from './control-groups.ts'
import { removeOwnMemory } from './memory-groups.ts'
import { signal as signalExactly } from './process-exit.ts'
import { allPids, hasVariable, identityOf, isLiving, type ProcessStat, readStat } from './process-table.ts'
import type { Processes, ProcessIdentity } from './world.ts'

/** Carries the tag to all descendants that keep their environment. */
export const tagVariable = 'BATON_TAG'

/** Starts under way by tag: their control group is empty for a moment and must not be removed. */
const starting = new Map<string, number>()

/** A process is about to be started under the tag; the path it joins the tag's control group by, if there is one. */
export const beginStart = (tag: string): string | null => {
  starting.set(tag, (starting.get(tag) ?? 0) + 1)
  return joinPath(tag)
}
/** What was begun has ended, or has been started for certain. */
export const endStart = (tag: string): void => {
  const left = (starting.get(tag) ?? 1) - 1
  if (left > 0) starting.set(tag, left)
  else starting.delete(tag)
  tidy(tag)
}

const tidy = (tag: string): void => {
  if (starting.has(tag)) return
  removeIfEmpty(tag)
  removeOwnMemory(tag)
}

/** Without control groups: by environment, then whoever is their descendant or of a session one of them leads. */
const scan = (tag: string): readonly ProcessIdentity[] => {
  const assignment = `${tagVariable}=${tag}`
  const stats = allPids()
    .map(readStat)
    .filter((stat): stat is ProcessStat => isLiving(stat) && stat.pid !== process.pid)
  const found = new Set(stats.filter(({ pid }) => hasVariable(pid, assignment)).map(({ pid }) => pid))
  if (found.size === 0) return []
  // Each round finds at least one more or ends.
  for (let before = -1; before !== found.size; ) {
    before = found.size
    for (const { pid, parent, session } of stats) if (found.has(parent) || found.has(session)) found.add(pid)
  }
  return stats.filter(({ pid }) => found.has(pid)).map(({ pid, startTicks }) => ({ pid, startTicks }))
}

const living = (tag: string): readonly ProcessIdentity[] => {
  const listed = pidsOf(tag)
    .map(identityOf)
    .filter((identity) => identity !== null)
  // An empty group proves nothing about processes started while there were no control groups.
  return listed.length > 0 ? listed : scan(tag)
}

/** See `Processes.members`. */
export const members: Processes['members'] = async (tag) => {
  const found = living(tag)
  if (found.length === 0) tidy(tag)
  return found
}

// A fork bomb against a killer without control groups: after this many rounds the caller must look again.
const maxKillRounds = 20

const killAll = (tag: string): number => {
  const first = living(tag)
  let left = first
  for (let round = 0; left.length > 0 && round < maxKillRounds; round++) {
    if (!killGroup(tag) || round > 0) for (const member of left) sendTo(member, 'SIGKILL')
    // A killed process may be listed for a moment: only new ones are a reason to go on.
    const known = new Set(left.map(({ pid }) => pid))
    left = living(tag).filter(({ pid }) => !known.has(pid))
  }
  return first.length
}

const sendTo = (member: ProcessIdentity, name: 'SIGTERM' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void => {
  if (name === 'SIGTERM' || name === 'SIGKILL') {
    signalExactly(member, name)
    return
  }
  try {
    process.kill(member.pid, name)
  } catch {
    // It ended in between.
  }
}

/** See `Processes.signalAll`. */
export const signalAll: Processes['signalAll'] = async (tag, name) => {
  if (name === 'SIGKILL') return killAll(tag)
  const found = living(tag)
  for (const member of found) sendTo(member, name)
  return found.length
}
