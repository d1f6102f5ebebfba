/** Rule 7 of liveness: when a server may run a group. */
import type { Epoch, ServerName, VoterName } from '../events/index.ts'

/** Rule 7: why this server must not run a group, or null when it may. */
export const mayNotRun = (
  ownership: { readonly server: ServerName; readonly epoch: Epoch } | null,
  me: VoterName,
  facts: { readonly isLeased: boolean; readonly hasBarrier: boolean; readonly stoppedEpoch: Epoch | undefined },
): string | null => {
  if (ownership === null || ownership.server !== me) return 'this server does not own it'
  if (!facts.isLeased) return 'this server holds no lease'
  if (!facts.hasBarrier) return 'this agent has not had a commit of its own accepted yet'
  if (facts.stoppedEpoch !== undefined && facts.stoppedEpoch >= ownership.epoch)
    return 'this epoch was reported stopped'
  return null
}
