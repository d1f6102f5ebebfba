/** What tells one boot of a machine from the next. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readStat } from './process-table.ts'

const read = (): string => {
  const given = process.env.BATON_BOOT_ID
  if (given) return given
  const kernel = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  // Containers share the kernel and its id; the start of their first process tells one life of theirs from the next.
  const first = readStat(1)?.startTicks ?? 0
  return createHash('sha256').update(`${kernel} ${first}`).digest('base64url').slice(0, 22)
}

let known: string | undefined
/** Does not change while the machine, or the container, is up. `BATON_BOOT_ID` overrides it, for tests. */
export const bootId = (): string => {
  known ??= read()
  return known
}
