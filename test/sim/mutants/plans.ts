/** Clusters in which a broken rule shows early: everything that is about times happens sooner with short ones. */

import type { ClusterPlan, GroupPlan } from '../../../src/sim/plan.ts'

export const plain = {
  pair: null,
  hasCable: false,
  hasSharedDisk: false,
  pingTargets: 0,
  hasWebWitness: false,
  hasControllers: false,
  otherTimeouts: [],
  otherVoters: [],
}
export const quick = { ...plain, timeoutMs: 1000, intervalMs: 80 }

/** Written out: what a mutant needs must load nothing that it breaks. */
export const group: Omit<GroupPlan, 'name'> = {
  ...{ resources: 1, retries: 0, failovers: 1, monitorMs: null, home: 0 },
  failover: 'auto',
  failback: 'manual',
  exclusion: 'off',
}
/** With a management group. */
export const managed: Partial<ClusterPlan> = {
  ...plain,
  groups: [
    { ...group, name: 'web' },
    { ...group, name: 't', isManagement: true },
  ],
}

export const mirroredGroup: Omit<GroupPlan, 'name'> = {
  ...group,
  ...{ retries: 1, failovers: 2 },
  mirror: { mode: 'sync', initial: 'none', patience: 0.5, regionSize: 4096 },
}

/** Whatever two servers run at once, or could. */
export const anySafety =
  /a word is kept|one server runs|only under a lease|without a lease|takeovers are supported|epochs only grow|no anomalies/
/** Nothing is unsafe, and the cluster does not find its way back, or nowhere else than in a circle. */
export const anyProgress = /not everything is online again|the log is calm|servers join in calm/
