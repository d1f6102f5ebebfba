/** Supports that were decided and could not be written yet (rule 3). */
import type { Liveness } from './liveness.ts'

/**
 * What is barred and not said, for its write has not ended or has failed. It may be written and said at any later time:
 * 1. Silence of T, or the renunciation, was there when it was barred; nothing has been granted to that generation since.
 * 2. To everybody else it is a support whose beat was long on its way, and those must do no harm anyway (rule 6).
 * 3. After a restart in between it is either on disk, and said, or it never was one.
 */
export const unsaid = ({ barred, supports }: Pick<Liveness, 'barred' | 'supports'>): Liveness['barred'] =>
  Object.fromEntries(Object.entries(barred).filter(([p, { generation }]) => supports[p]?.generation !== generation))
