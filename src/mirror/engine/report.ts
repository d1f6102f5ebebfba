/** What the active side tells whoever watches it, besides its condition. */

export type ResyncReport = {
  readonly say: 'resync'
  readonly state: 'started' | 'progress' | 'interrupted' | 'ended'
  readonly copy: 'differences' | 'everything'
  /** Durable on the other side. */
  readonly doneBytes: number
  readonly totalBytes: number
  readonly elapsedMs: number
  /** Why it was interrupted. */
  readonly because: string | null
}

export type MirrorReport = ResyncReport
/** Must not call back. */
export type ReportListener = (report: MirrorReport) => void
