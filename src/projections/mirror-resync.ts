/** How far the stale copy of a mirror has been brought up, as the log tells it. */
import type { MirrorEvent, ServerName, WallTime } from '../events/index.ts'

export type Resync = {
  readonly source: ServerName
  readonly target: ServerName
  readonly copy: 'differences' | 'everything'
  readonly totalBytes: number
  readonly doneBytes: number
  readonly elapsedMs: number
  readonly startedAt: WallTime
  readonly at: WallTime
  /** Why it does not go on; null while it does. */
  readonly interrupted: string | null
}

export type Resyncing = Extract<
  MirrorEvent,
  { type: 'MirrorResyncStarted' | 'MirrorResyncProgressed' | 'MirrorResyncInterrupted' }
>

type Standing = { readonly stale: ServerName | null; readonly resync: Resync | null }

export const resyncAfter = ({ stale, resync }: Standing, { type, data }: Resyncing, at: WallTime): Resync | null => {
  if (type === 'MirrorResyncStarted') {
    const { source, target, copy, totalBytes } = data
    const begun = { doneBytes: 0, elapsedMs: 0, startedAt: at, at, interrupted: null }
    // A resync that is about something else than the side that lacks something is not this mirror's.
    return stale === target ? { source, target, copy, totalBytes, ...begun } : resync
  }
  if (resync?.target !== data.target) return resync
  const { doneBytes } = data
  return type === 'MirrorResyncInterrupted'
    ? { ...resync, doneBytes, at, interrupted: data.because }
    : { ...resync, doneBytes, totalBytes: data.totalBytes, elapsedMs: data.elapsedMs, at }
}
