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

export type VerifyReport = {
  readonly say: 'verify'
  readonly state: 'started' | 'progress' | 'interrupted' | 'ended'
  readonly checkedBytes: number
  readonly totalBytes: number
  readonly differentBytes: number
  /** So far; what one of the disks cannot read counts as different. */
  readonly differences: readonly { readonly at: number; readonly length: number }[]
  readonly elapsedMs: number
  readonly because: string | null
}

/** This side's data partition did not do what it was asked (`MirrorDiskTrouble` of src/events/mirror.ts). */
export type TroubleReport = {
  readonly say: 'trouble'
  readonly operation: 'read' | 'write' | 'flush'
  /** Of the blocks that are bad, as far as they are known. */
  readonly offsets: readonly number[]
  readonly because: string
}

/** Bad blocks were read from the other side and written here again. */
export type RepairReport = { readonly say: 'repaired'; readonly at: number; readonly length: number }

export type MirrorReport = ResyncReport | VerifyReport | TroubleReport | RepairReport
/** Must not call back. */
export type ReportListener = (report: MirrorReport) => void
