/** Moments as people write and read them: local time, or UTC on request. */
import { CommandFailed, exitCode } from './deps.ts'

export type Zone = { readonly isUtc: boolean; readonly zoneMs: (at: number) => number }

/** `2026-01-02 03:04:05.678`, with a Z when it is UTC. */
export const formatTime = (at: number, { isUtc, zoneMs }: Zone): string => {
  const text = new Date(at + (isUtc ? 0 : zoneMs(at))).toISOString()
  return `${text.slice(0, 10)} ${text.slice(11, 23)}${isUtc ? 'Z' : ''}`
}

/** A place on the log as people name it: a sequence, or the moment up to which commits count. */
export type At =
  | { readonly kind: 'sequence'; readonly sequence: number }
  | { readonly kind: 'time'; readonly time: number }

const absolute = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,3}))?)?)?(Z)?$/
const units = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** `1043`, `2026-01-02 03:04:05.678`, the same with T and Z, or `-10m` (ten minutes ago). @throws CommandFailed */
export const parseAt = (text: string, zone: Zone, now: number): At => {
  if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text))) return { kind: 'sequence', sequence: Number(text) }
  const ago = /^-(\d+)([smhd])$/.exec(text)
  if (ago) {
    // cast: the expression lets no other letter through
    const unit = units[ago[2] as keyof typeof units]
    return { kind: 'time', time: now - Number(ago[1]) * unit }
  }
  const time = absolute.test(text) ? timeOf(text, zone) : Number.NaN
  if (!Number.isNaN(time)) return { kind: 'time', time }
  throw new CommandFailed(
    exitCode.usage,
    `"${text}" is neither a sequence nor a time`,
    'write 1043, "2026-01-02 03:04:05", 2026-01-02T03:04:05Z, or -10m (10 minutes ago; -30s, -2h, -1d)',
  )
}

const timeOf = (text: string, { isUtc, zoneMs }: Zone): number => {
  const [, year = '', month = '', day = '', hour = '00', minute = '00', second = '00', part = '0', z] =
    absolute.exec(text) ?? []
  const written = `${year}-${month}-${day}T${hour}:${minute}:${second}.${part.padEnd(3, '0')}Z`
  const asUtc = Date.parse(written)
  // 2026-02-31 would be taken for March 3rd.
  if (Number.isNaN(asUtc) || new Date(asUtc).toISOString() !== written) return Number.NaN
  return z === 'Z' || isUtc ? asUtc : asUtc - zoneMs(asUtc)
}
