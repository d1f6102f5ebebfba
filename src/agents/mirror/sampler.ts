/** D12: a row a minute for every mirror with a copy on this server. */
import type { ToldStatistics } from '../../mirror/engine/statistics.ts'
import { toldStatistics } from '../../mirror/process/told-statistics.ts'
import { localTime } from '../../world/local-time.ts'
import type { Cancel, World } from '../../world/world.ts'
import type { Say } from '../log/log-link.ts'
import type { OrderAnswer } from './plane-link.ts'
import { appendSample, sampleEveryMs } from './statistics-file.ts'
import type { MountTimes } from './statistics-rows.ts'

export type Sampled = {
  readonly name: string
  /** Of its file, from 1. */
  readonly number: number
  /** A new sample begins with the answer. */
  readonly statistics: () => Promise<OrderAnswer>
  readonly mountTimes: () => MountTimes
}

/** By then the data planes that an earlier agent left are reached: the first row begins there. */
const baselineMs = 5000

type Before = { readonly at: number; readonly told: ToldStatistics }

export const sampleMirrors = (
  { clock, files }: Pick<World, 'clock' | 'files'>,
  {
    directory,
    mirrors,
    say,
  }: { readonly directory: string; readonly mirrors: () => readonly Sampled[]; readonly say: Say },
): Cancel => {
  const before = new Map<string, Before>()
  let isOver = false
  let timer: Cancel = () => {}

  const one = async ({ name, number, statistics, mountTimes }: Sampled): Promise<void> => {
    const answer = await statistics()
    const told = answer.answer === 'done' ? toldStatistics.safeParse(answer.more) : null
    // It is not there, or of another version: the next minute will tell.
    if (!told?.success) return
    const at = clock.now()
    const last = before.get(name)
    before.set(name, { at, told: told.data })
    // It outlives agents: what it has counted so far is not of this minute.
    if (last === undefined) return
    const sample = { date: localTime(clock.wall()), elapsedMs: at - last.at, now: told.data, before: last.told }
    await appendSample(files, { directory, number }, { ...sample, mountTimes: mountTimes() })
  }
  const all = async (): Promise<void> => {
    for (const mirror of mirrors())
      await one(mirror).catch((trouble: unknown) =>
        say('the statistics of a mirror cannot be written', { mirror: mirror.name, trouble: String(trouble) }),
      )
    next(sampleEveryMs)
  }
  const next = (ms: number): void => {
    if (!isOver) timer = clock.after(ms, () => void all())
  }
  next(baselineMs)
  return () => {
    isOver = true
    timer()
  }
}
