/**
 * How far the rate of the clock that leases go by is from that of the hardware: CLOCK_MONOTONIC, which NTP slews,
 * against CLOCK_MONOTONIC_RAW, which nobody touches. It bounds what slewing adds; what the oscillator itself is off by
 * (some ten parts in a million) no machine can see alone.
 */

/** Both in ms, read at one moment. */
export type ClockReading = { readonly monotonic: number; readonly raw: number }

/** Shorter, and what lies between two readings of one moment would be taken for drift. */
const leastWindowMs = 5000
/** Readings older than this do not tell of the present. */
const windowMs = 120_000

export const withReading = (readings: readonly ClockReading[], reading: ClockReading): readonly ClockReading[] => [
  ...readings.filter(({ monotonic }) => reading.monotonic - monotonic <= windowMs),
  reading,
]

/**
 * The largest rate error between neighbouring readings that are far enough apart, in percent; null as long as there
 * are none. The largest and not the mean: a lease is shorter than the window.
 */
export const rateErrorPercent = (readings: readonly ClockReading[]): number | null => {
  let worst: number | null = null
  let from = readings[0]
  for (const reading of readings.slice(1)) {
    if (from === undefined) break
    const raw = reading.raw - from.raw
    if (raw < leastWindowMs) continue
    const percent = Math.abs((reading.monotonic - from.monotonic) / raw - 1) * 100
    worst = Math.max(worst ?? 0, percent)
    from = reading
  }
  return worst
}

/** One of two clocks may run fast while the other runs slow, so each may use what is allowed for one clock. */
export const isRateExceeded = (percent: number | null, allowedPercent: number): boolean =>
  percent !== null && percent > allowedPercent
