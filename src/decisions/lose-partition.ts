/**
 * N5: when the losing side of a partition has to do what is configured for it. Only a server that *was* part of the
 * cluster and no longer may run anything loses; one that never had a lease, by its agent or by what the guardian of an
 * earlier agent tells, may just be the first to boot. Whoever holds a lease, or knows otherwise that it is the survivor,
 * never loses, whatever it cannot reach: losing every path and the witness must not stop both sides when one of them can
 * know.
 */
import type { NpResolution } from '../events/index.ts'
import type { Verdict } from './resolve-partition.ts'

export type LossAction = NpResolution['onLoss']['action']

export type LossFacts = {
  /** For how long this server, which had a lease, has been without; null = it has one, or never had. */
  readonly leaseLostMs: number | null
  /** Everything it ran is off, or was taken down for it. */
  readonly isAllOff: boolean
  readonly verdict: Verdict
  /** For how long the verdict has been the same. */
  readonly verdictMs: number
  /** It left or was told to, or the cluster is suspended or stopped: then nothing is done by itself. */
  readonly isExempt: boolean
}

export type Loss = { readonly action: Exclude<LossAction, 'none'>; readonly practice: boolean }

/** What to do now, or null. It is for the caller to do it once only, until there has been a lease again. */
export const losePartition = (facts: LossFacts, onLoss: NpResolution['onLoss']): Loss | null => {
  const { leaseLostMs, isAllOff, verdict, verdictMs, isExempt } = facts
  if (onLoss.action === 'none' || leaseLostMs === null || isExempt || !isAllOff) return null
  // What is not known is no reason to stop a machine.
  if (verdict !== 'cut-off') return null
  if (Math.min(leaseLostMs, verdictMs) < onLoss.after) return null
  return { action: onLoss.action, practice: onLoss.practice }
}
