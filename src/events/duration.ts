/** Durations as people write them, and as milliseconds. */

/** What a duration looks like; no leading zeros, which other YAML readers take for octal. */
export const durationPattern = /^(0|[1-9]\d*)(\.\d+)?(ms|s|m|h|d)$/

/** In milliseconds. A timer of Node holds 2³¹ ms, some 24.8 days; one that is longer fires at once. */
export const longestDuration = 24 * 86_400_000

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Milliseconds of a duration as people write it: `300ms`, `3s`, `5m`, `1h`, `2d`; null when it is none. */
export const parseDuration = (text: string): number | null => {
  const match = durationPattern.exec(text)
  if (!match) return null
  const ms = Math.round(Number(`${match[1]}${match[2] ?? ''}`) * (units[match[3] ?? ''] ?? 0))
  return ms <= longestDuration ? ms : null
}

/** The shortest exact way to write a number of milliseconds; `parseDuration` reads it back. */
export const formatDuration = (ms: number): string => {
  const whole = Math.round(ms)
  const unit = ['d', 'h', 'm', 's'].find((name) => whole > 0 && whole % (units[name] ?? 1) === 0) ?? 'ms'
  // 90s says more than 1.5m, and 100s more than 100000ms.
  return `${whole / (units[unit] ?? 1)}${unit}`
}
