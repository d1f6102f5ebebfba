/** The end of processes, event-driven, whoever's children they are. */
import type { ChildProcess } from 'node:child_process'
import { closeDescriptor, openPidfd, signalPidfd } from './libc.ts'
import { isAlive } from './process-table.ts'
import { onReadable } from './readiness.ts'
import type { Cancel, Processes, ProcessIdentity } from './world.ts'

type Exited = (code: number | null) => void

const keyOf = (process: ProcessIdentity): string => `${process.pid}:${process.startTicks}`

/** Our own children that live, with who wants to know of their end: only their parent is told the exit code. */
const children = new Map<string, Set<Exited>>()
/** Exit codes of our children that ended, for those who ask a moment too late. */
const endedChildren = new Map<string, number | null>()
// Asking late means: within the same activation. More than this many children never end in that time.
const maxEndedChildren = 256

/** Our own child: its exit code will be known. Called in the same turn as spawn. */
export const rememberChild = (identity: ProcessIdentity, child: ChildProcess): void => {
  const key = keyOf(identity)
  const watchers = new Set<Exited>()
  children.set(key, watchers)
  child.once('exit', (code) => {
    children.delete(key)
    endedChildren.set(key, code)
    for (const oldest of endedChildren.keys()) {
      if (endedChildren.size <= maxEndedChildren) break
      endedChildren.delete(oldest)
    }
    for (const exited of watchers) exited(code)
  })
}

// Where there is no pidfd (before Linux 5.3, or forbidden by a sandbox).
const pollMs = 50
const poll = (process: ProcessIdentity, exited: Exited): Cancel => {
  const timer = setInterval(() => {
    if (isAlive(process)) return
    clearInterval(timer)
    exited(null)
  }, pollMs)
  return () => clearInterval(timer)
}

/** A pidfd of exactly this process, 'gone', or 'unsupported'. */
const openExactly = (process: ProcessIdentity): number | 'gone' | 'unsupported' => {
  let pidfd: number
  try {
    pidfd = openPidfd(process.pid)
  } catch {
    return isAlive(process) ? 'unsupported' : 'gone'
  }
  // Looked at after opening: the pid may have been given to another process before.
  if (isAlive(process)) return pidfd
  closeDescriptor(pidfd)
  return 'gone'
}

const soon = (run: () => void): Cancel => {
  const immediate = setImmediate(run)
  return () => clearImmediate(immediate)
}

const watchPidfd = (pidfd: number, exited: Exited): Cancel => {
  const stop = onReadable(pidfd, () => {
    end()
    exited(null)
  })
  let isOpen = true
  const end = (): void => {
    if (!isOpen) return
    isOpen = false
    stop()
    closeDescriptor(pidfd)
  }
  return end
}

/** See `Processes.onExit`. */
export const onExit: Processes['onExit'] = (process, exited) => {
  const key = keyOf(process)
  const watchers = children.get(key)
  if (watchers) {
    // A wrapper of its own, so that the same function may be given twice.
    const told: Exited = (code) => exited(code)
    watchers.add(told)
    return () => watchers.delete(told)
  }
  const ended = endedChildren.get(key)
  if (ended !== undefined) return soon(() => exited(ended))
  const pidfd = openExactly(process)
  if (pidfd === 'gone') return soon(() => exited(null))
  if (pidfd === 'unsupported') return poll(process, exited)
  return watchPidfd(pidfd, exited)
}

const signalNumbers = { SIGTERM: 15, SIGKILL: 9 }

/** See `Processes.signal`. */
export const signal: Processes['signal'] = (target, name) => {
  const pidfd = openExactly(target)
  if (pidfd === 'gone') return false
  if (pidfd === 'unsupported') return process.kill(target.pid, name)
  try {
    return signalPidfd(pidfd, signalNumbers[name])
  } finally {
    closeDescriptor(pidfd)
  }
}
