/** One thing that the doctor looked at. */
export type Level = 'ok' | 'unknown' | 'warning' | 'problem'

export type Finding = {
  /** What was looked at, in a word or two. */
  readonly what: string
  readonly level: Level
  readonly seen: string
  /** What to do; empty when nothing is. */
  readonly remedy: string
}

export const ok = (what: string, seen: string): Finding => ({ what, level: 'ok', seen, remedy: '' })
/** It cannot be told here; that is no warning. */
export const unknown = (what: string, seen: string, remedy = ''): Finding => ({ what, level: 'unknown', seen, remedy })
export const warning = (what: string, seen: string, remedy: string): Finding => ({
  what,
  level: 'warning',
  seen,
  remedy,
})
export const problem = (what: string, seen: string, remedy: string): Finding => ({
  what,
  level: 'problem',
  seen,
  remedy,
})

/** How long a certificate lasts yet, in days. One voter with another authority than the rest would be cut off from the log. */
export const lasting = (what: string, seen: string, days: number): Finding => {
  const remedy = 'new kits for all voters at once, with the cluster stopped: docs/operations.md, Certificates'
  if (days < urgentDays) return problem(what, seen, remedy)
  return days < earlyDays ? warning(what, seen, remedy) : ok(what, seen)
}
const urgentDays = 14
const earlyDays = 90

/** Fixed: scripts rely on it. */
export const codeOf = (findings: readonly Finding[]): 0 | 1 | 2 => {
  if (findings.some(({ level }) => level === 'problem')) return 2
  return findings.some(({ level }) => level === 'warning') ? 1 : 0
}
