/** Logs of a test: commits in a row, chained and read as from a real one. */
import {
  type Author,
  type Commit,
  commitId,
  decodeCommit,
  type Event,
  encodeCommit,
  type Hash,
  type Recorded,
  sequence,
  start,
  wallTime,
} from '../src/events/index.ts'

/** Not a cryptographic one: a log here is only as long as a screen. */
export const digestOf = (bytes: string): Hash => {
  let sum = 7
  for (const character of bytes) sum = (Math.imul(sum, 31) + (character.codePointAt(0) ?? 0)) | 0
  return `h${(sum >>> 0).toString(36)}` as Hash
}

/** The commits as a log would hold them, from sequence 1. */
export const recordedLog = (commits: readonly Commit[]): readonly Recorded[] => {
  let previous = start.hash
  return commits.map((commit, index) => {
    const bytes = encodeCommit(commit, previous)
    const recorded = { position: { sequence: sequence(index + 1), hash: digestOf(bytes) }, previous, commit, bytes }
    previous = recorded.position.hash
    return recorded
  })
}

/** As a reader gets it: through the codec. */
export const asRead = (log: readonly Recorded[]): readonly Recorded[] =>
  log.map((recorded) => ({ ...recorded, ...decodeCommit(recorded.bytes) }))

/** An event by its type; `storyOf` checks its data against the schema. */
export const fact = (type: string, data: Readonly<Record<string, unknown>> = {}): Event =>
  ({ type, data }) as unknown as Event

/** 2026-11-20T16:00:00Z; every commit is a second later than the one before. */
const storyStart = 1_795_190_400_000

/** A log with a commit for each list of events. */
export const storyOf = (commits: readonly (readonly [Event, ...Event[]])[], by: Author = 'server:s1') =>
  asRead(
    recordedLog(
      commits.map((events, index) => ({
        id: commitId(`c${index + 1}`),
        by,
        at: wallTime(storyStart + (index + 1) * 1000),
        causedBy: null,
        because: {},
        events,
      })),
    ),
  )
