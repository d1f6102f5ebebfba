/** D12: what a data plane has counted, as a row of `perf/disk/nmpN.cur` (docs/mirror-process.md names the columns). */
import type { ToldDuration, ToldLevel, ToldStatistics } from '../../mirror/engine/statistics.ts'

export type Sample = {
  /** `YYYY/MM/DD HH:MM:SS.mmm` */
  readonly date: string
  readonly elapsedMs: number
  readonly now: ToldStatistics
  /** At the end of the sample before. */
  readonly before: ToldStatistics
  readonly mountTimes: MountTimes
}
/** Of the resource that mounts it; milliseconds. */
export type MountTimes = {
  readonly unmount: Pick<ToldLevel, 'current' | 'highest'>
  readonly fsck: Pick<ToldLevel, 'current' | 'highest'>
}

type Column = readonly [title: string, value: (sample: Sample) => number]

const mib = 1_048_576
const kib = 1024

/** A count of this sample: the totals only grow, unless the data plane was started anew. */
const grown = (of: (told: ToldStatistics) => number, { now, before }: Sample): number => {
  const was = of(before)
  return of(now) >= was ? of(now) - was : of(now)
}
const flow = (title: string, unit: string, bytes: number, of: (told: ToldStatistics) => number): readonly Column[] => [
  [`${title}, Total (${unit})`, (sample) => grown(of, sample) / bytes],
  [`${title}, Avg (${unit}/s)`, (sample) => grown(of, sample) / bytes / (sample.elapsedMs / 1000)],
]
const level = (title: string, divisor: number, of: (told: ToldStatistics) => ToldLevel): readonly Column[] => [
  [`${title}, Max`, ({ now }) => of(now).highest / divisor],
  [`${title}, Max2`, ({ now }) => of(now).highestOfSample / divisor],
  [`${title}, Cur`, ({ now }) => of(now).current / divisor],
]
const average = (of: (told: ToldStatistics) => ToldDuration, sample: Sample): number => {
  const count = grown((told) => of(told).count, sample)
  return count === 0 ? 0 : grown((told) => of(told).sumMs, sample) / count
}
const ratio = (sample: Sample): number => {
  const before = grown((told) => told.payloadBytes, sample)
  return before === 0 ? 100 : (grown((told) => told.compressedBytes, sample) / before) * 100
}
/**
 * Nobody holds a region: one thread reads a block for the resync and sends it in one step, and performs a write in one
 * step, both in the order of one connection (`engine/resync.ts`). What a write waits behind a resync on its way is in
 * *Sync Time*.
 */
const never = (): number => 0

const columns: readonly Column[] = [
  ...flow('Write', 'MB', mib, (told) => told.writtenBytes),
  ...flow('Read', 'MB', mib, (told) => told.readBytes),
  ...flow('Local Disk Write', 'MB', mib, (told) => told.diskWrittenBytes),
  ...flow('Local Disk Read', 'MB', mib, (told) => told.diskReadBytes),
  ...flow('Send', 'KB', kib, (told) => told.sentBytes),
  ['Compress Ratio (%)', ratio],
  ['Sync Time, Max (s)', ({ now }) => now.synchronize.highestOfSample / 1000],
  ['Sync Time, Avg (s)', (sample) => average((told) => told.synchronize, sample) / 1000],
  ['Sync Ack Time, Max (ms)', ({ now }) => now.acknowledge.highest],
  ['Sync Ack Time, Cur (ms)', ({ now }) => now.acknowledge.current],
  ...level('Recovery Ack Time (ms)', 1, (told) => told.resyncAcknowledge),
  ['Sync Diff, Max (MB)', ({ now }) => now.behindBytes.highest / mib],
  ['Sync Diff, Cur (MB)', ({ now }) => now.behindBytes.current / mib],
  ...level('Send Queue', 1, (told) => told.queue),
  ...level('Request Queue', 1, (told) => told.requests),
  ...level('MDC HB Time (s)', 1000, (told) => told.roundTripMs),
  ['Local-Write Waiting Recovery-Read Time, Total (s)', never],
  ['Local-Write Waiting Recovery-Read Time, Total2 (s)', never],
  ['Recovery-Read Waiting Local-Write Time, Total (s)', never],
  ['Recovery-Read Waiting Local-Write Time, Total2 (s)', never],
  ['Unmount Time, Max (s)', ({ mountTimes }) => mountTimes.unmount.highest / 1000],
  ['Unmount Time, Last (s)', ({ mountTimes }) => mountTimes.unmount.current / 1000],
  ['Fsck Time, Max (s)', ({ mountTimes }) => mountTimes.fsck.highest / 1000],
  ['Fsck Time, Last (s)', ({ mountTimes }) => mountTimes.fsck.current / 1000],
]

/** Two decimals, truncated; what is more than nothing and shows as nothing is `0.00`, nothing is `0`. */
export const statisticOf = (value: number): string => (value === 0 ? '0' : (hundredths(value) / 100).toFixed(2))
/** 8.2 × 100 is 819.9999999999999: what is nearer to a whole number than a double can tell is that number. */
const hundredths = (value: number): number => Math.floor(Number((value * 100).toPrecision(15)))

export const statisticsHeader = ['Date', ...columns.map(([title]) => title)].map((title) => `"${title}"`).join(',')

export const statisticsRow = (sample: Sample): string =>
  [`"${sample.date}"`, ...columns.map(([, value]) => statisticOf(value(sample)))].join(',')

export type LastRow = {
  readonly date: string
  readonly cells: readonly (readonly [title: string, value: string])[]
}

/** The last whole row of such a file, by the file's own header; null: it has none yet. */
export const lastRowOf = (file: string): LastRow | null => {
  const [header = '', ...rows] = file.slice(0, file.lastIndexOf('\n')).split('\n')
  const row = rows.at(-1)
  if (row === undefined) return null
  const titles = [...header.matchAll(/"([^"]*)"/g)].map(([, title = '']) => title)
  const [date = '', ...values] = row.split(',')
  return { date: date.slice(1, -1), cells: titles.slice(1).map((title, index) => [title, values[index] ?? '']) }
}

/** For people: nothing at all is told from what is only shown as nothing. */
export const shownStatistic = (value: string): string => (value === '0' ? 'None' : value)
