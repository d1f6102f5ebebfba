/**
 * How long beats take on each path: telemetry, for people, never on the log.
 *
 * *Answer time*: from sending a beat until hearing, on this path, the first beat of the peer that answers it. It
 * includes how long the peer waited until its own next beat, up to an interval; and the way there is the fastest that
 * the two have, only the way back is this path's. The smallest of the last few is told: an upper bound of the round trip.
 *
 * *Late*: a beat that came after more than what the configuration expects, but before T. Time in which this process
 * stood still itself does not count against the path.
 */
import type { Beat, Liveness } from '../decisions/liveness.ts'
import type { Instant, PathName, VoterName } from '../events/index.ts'

export type PathTime = {
  readonly voter: VoterName
  readonly path: PathName
  readonly heardAt: Instant
  /** Null: no beat on it has answered one of ours yet. */
  readonly answerMs: number | null
  /** Late beats since this agent started, and the worst of them. */
  readonly late: number
  readonly worstMs: number
}

export type PathTimes = {
  /** Before the beat is taken in. */
  readonly heard: (liveness: Liveness, beat: Beat, path: PathName, now: Instant) => void
  /** This process stood still until now. */
  readonly stoodStill: (now: Instant) => void
  readonly expect: (lateMs: number) => void
  readonly forget: (path: PathName) => void
  readonly all: () => readonly PathTime[]
}

/** Over so many answers the wait of the peer is nearly nothing in one of them. */
const samplesKept = 16
/** Peers and paths are few; what is more is not counted. */
const mostEntries = 128

type Entry = PathTime & {
  readonly samples: readonly number[]
  readonly answered: number
  readonly number: number
  readonly incarnation: number
}

export const pathTimes = (): PathTimes => {
  const entries = new Map<string, Entry>()
  let lateMs = Number.POSITIVE_INFINITY
  let stillUntil = Number.NEGATIVE_INFINITY

  const answer = (l: Liveness, beat: Beat, before: Entry | undefined, now: Instant) => {
    const echo = beat.echoes[l.me]
    const sentAt = echo && echo.incarnation === l.incarnation ? l.sent.get(echo.number) : undefined
    const answered = before?.answered ?? 0
    if (!echo || sentAt === undefined || echo.number <= answered) return { samples: before?.samples ?? [], answered }
    return { samples: [...(before?.samples ?? []), now - sentAt].slice(-samplesKept), answered: echo.number }
  }
  return {
    heard: (l, beat, path, now) => {
      const key = `${beat.from} ${path}`
      const before = entries.get(key)
      const isSame = before?.incarnation === beat.incarnation
      if ((isSame && beat.number <= before.number) || (!before && entries.size >= mostEntries)) return
      const gapMs = isSame && before.heardAt > stillUntil ? now - before.heardAt : 0
      const isLate = gapMs > lateMs && gapMs < l.timing.timeoutMs
      const { samples, answered } = answer(l, beat, before, now)
      entries.set(key, {
        voter: beat.from,
        path,
        heardAt: now,
        incarnation: beat.incarnation,
        number: beat.number,
        samples,
        answered,
        answerMs: samples.length === 0 ? null : Math.min(...samples),
        late: (before?.late ?? 0) + (isLate ? 1 : 0),
        worstMs: Math.max(before?.worstMs ?? 0, isLate ? gapMs : 0),
      })
    },
    stoodStill: (now) => {
      stillUntil = now
    },
    expect: (ms) => {
      lateMs = ms
    },
    forget: (path) => {
      for (const [key, entry] of entries) if (entry.path === path) entries.delete(key)
    },
    all: () => [...entries.values()],
  }
}
