import { beatTargets } from './beats.ts'
import { blockFileTargets } from './block-file.ts'
import { commitTargets } from './commits.ts'
import { lineAndDiskTargets } from './lines-and-disks.ts'
import { mirrorTargets } from './mirrors.ts'
import { orderTargets } from './orders.ts'
import type { Target } from './target.ts'
import { witnessTargets } from './witness.ts'

/** Every place where bytes from outside come in. */
export const targets: readonly Target[] = [
  ...beatTargets,
  ...lineAndDiskTargets,
  ...blockFileTargets,
  ...commitTargets,
  ...mirrorTargets,
  ...orderTargets,
  ...witnessTargets,
]
