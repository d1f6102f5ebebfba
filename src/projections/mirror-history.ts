/** What was written to a mirror under each epoch, in coarse extents: so that a copy from the past can be brought up by less than everything (X5). */
import { type ByteRun, type Epoch, mostRecordedRuns, type Sequence, type ServerName } from '../events/index.ts'

export type EpochHistory = {
  readonly epoch: Epoch
  /** The one that was active. */
  readonly server: ServerName
  readonly runs: readonly ByteRun[]
  /**
   * Whether everything written under it can be named. `yes`: it is over, and in `runs`. `by-bitmap`: what is not in `runs` was
   * written alone, and stands in the bitmap of the current side until the sides join. `open`: what was written up to a
   * moment since the sides joined is in `runs`; what came later both have, and only they know. `no`: some of it nobody knows any more.
   */
  readonly covered: 'yes' | 'by-bitmap' | 'open' | 'no'
  /** When it was last broken or joined under it. A snapshot of an earlier version has none. */
  readonly since?: Sequence
}

/** `byBitmap`: besides `runs`, what the bitmap of the current side marks. */
export type Lacking =
  | { readonly copy: 'nothing' }
  | { readonly copy: 'differences'; readonly runs: readonly ByteRun[]; readonly byBitmap: true }
  | { readonly copy: 'everything'; readonly because: string }

/** What is older than so many ownerships is copied in full. */
const keptEpochs = 64

type Recorded = Omit<EpochHistory, 'covered' | 'since'> & {
  /** None: it was neither broken nor joined now. */
  readonly since?: Sequence
  /** Null: as it is; for an epoch that is new here: all of it is written alone. */
  readonly covered: EpochHistory['covered'] | null
}

export const recordedUnder = (epochs: readonly EpochHistory[], recorded: Recorded): readonly EpochHistory[] => {
  const { epoch, server, runs, covered, since } = recorded
  const moment = since === undefined ? {} : { since }
  const known = epochs.find((one) => one.epoch === epoch)
  if (known === undefined) {
    const fresh: EpochHistory = { epoch, server, runs: joined([], runs), covered: covered ?? 'by-bitmap', ...moment }
    return [...epochs, fresh].toSorted((a, b) => a.epoch - b.epoch).slice(-keptEpochs)
  }
  const now = { ...known, runs: joined(known.runs, runs), covered: covered ?? known.covered, ...moment }
  return epochs.map((one) => (one === known ? now : one))
}

/** The sides are equal: bitmaps are cleared, and what was in them is known only as far as it was recorded. */
export const afterJoin = (
  epochs: readonly EpochHistory[],
  when: Pick<EpochHistory, 'epoch' | 'server'> & { readonly since: Sequence },
): readonly EpochHistory[] => {
  const forgotten = epochs.map((one): EpochHistory => (one.covered === 'by-bitmap' ? { ...one, covered: 'no' } : one))
  return recordedUnder(forgotten, { ...when, runs: [], covered: 'no' })
}

/**
 * Everything written under `epoch` and later. Under `epoch` itself too: nobody knows at which moment of it a copy was
 * made. `mustBeKnown`: an epoch of which the log has not everything makes it everything.
 */
export const writtenSince = (epochs: readonly EpochHistory[], epoch: Epoch, mustBeKnown: boolean): Lacking => {
  const since = epochs.filter((one) => one.epoch >= epoch)
  const everything = (because: string): Lacking => ({ copy: 'everything', because })
  if (mustBeKnown) {
    if (!epochs.some((one) => one.epoch === epoch))
      return everything(`the log does not know any more what was written since epoch ${epoch}`)
    const open = since.find(({ covered }) => covered === 'no' || covered === 'open')
    if (open) return everything(`the log does not know everything that was written under epoch ${open.epoch}`)
  }
  return {
    copy: 'differences',
    runs: joined(
      [],
      since.flatMap(({ runs }) => runs),
    ),
    byBitmap: true,
  }
}

/** In order, without overlaps; where there are too many, the closest ones become one. A superset, never less. */
export const joined = (a: readonly ByteRun[], b: readonly ByteRun[]): readonly ByteRun[] => {
  if (b.length === 0) return a
  const merged: { at: number; length: number }[] = []
  for (const { at, length } of [...a, ...b].toSorted((one, other) => one.at - other.at)) {
    const last = merged.at(-1)
    if (length === 0) continue
    if (last && at <= last.at + last.length) last.length = Math.max(last.length, at + length - last.at)
    else merged.push({ at, length })
  }
  return merged.length <= mostRecordedRuns ? merged : coarser(merged)
}

const coarser = (runs: readonly { readonly at: number; readonly length: number }[]): readonly ByteRun[] => {
  const gapBefore = (index: number): number => {
    const [before, here] = [runs[index - 1], runs[index]]
    return before && here ? here.at - before.at - before.length : Number.POSITIVE_INFINITY
  }
  const closest = runs
    .map((_, index) => index)
    .toSorted((one, other) => gapBefore(one) - gapBefore(other))
    .slice(0, runs.length - mostRecordedRuns)
  const isJoined = new Set(closest)
  const coarse: { at: number; length: number }[] = []
  for (const [index, { at, length }] of runs.entries()) {
    const last = coarse.at(-1)
    if (last && isJoined.has(index)) last.length = at + length - last.at
    else coarse.push({ at, length })
  }
  return coarse
}

export const bytesOf = (runs: readonly ByteRun[]): number => runs.reduce((sum, { length }) => sum + length, 0)
