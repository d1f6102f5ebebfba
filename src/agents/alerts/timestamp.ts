/** Wall-clock times as text, in UTC. */
import type { WallTime } from '../../events/index.ts'

const dayMs = 86_400_000
/** From 0000-03-01, when the leap day of a year is its last, to 1970-01-01. */
const daysBeforeEpoch = 719_468
/** 400 years. */
const eraDays = 146_097
/** 9999-12-31T23:59:59.999Z: RFC 3339 has no more than four digits for a year. */
const latest = 253_402_300_799_999

const digits = (n: number, width: number): string => String(n).padStart(width, '0')

/** `2026-11-20T16:08:53.007Z` (RFC 3339); null when it has no such form. */
export const timestampOf = (at: WallTime): string | null => {
  if (!(at >= 0 && at <= latest)) return null
  const ms = Math.floor(at)
  const inDay = ms % dayMs
  const time = [
    digits(Math.floor(inDay / 3_600_000), 2),
    digits(Math.floor(inDay / 60_000) % 60, 2),
    `${digits(Math.floor(inDay / 1000) % 60, 2)}.${digits(inDay % 1000, 3)}`,
  ]
  return `${dateOf(Math.floor(ms / dayMs))}T${time.join(':')}Z`
}

/** Years counted from March, in eras of 400 of them: no table of months, no loop over years. */
const dateOf = (daysSince1970: number): string => {
  const days = daysSince1970 + daysBeforeEpoch
  const era = Math.floor(days / eraDays)
  const inEra = days % eraDays
  const yearOfEra = Math.floor(
    (inEra - Math.floor(inEra / 1460) + Math.floor(inEra / 36_524) - Math.floor(inEra / 146_096)) / 365,
  )
  const inYear = inEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const fromMarch = Math.floor((5 * inYear + 2) / 153)
  const day = inYear - Math.floor((153 * fromMarch + 2) / 5) + 1
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9
  const year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
  return `${digits(year, 4)}-${digits(month, 2)}-${digits(day, 2)}`
}
