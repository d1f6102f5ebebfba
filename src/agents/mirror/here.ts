/** What an agent knows of the mirror disks that have a copy on its server: for metrics, and for whoever asks it. */
import { z } from 'zod'
import { planeStatus } from '../../mirror/process/sayings.ts'

const ms = z.object({ current: z.number().min(0), highest: z.number().min(0) })

const mirrorHere = z.object({
  name: z.string(),
  /** What its data plane said last; null: it is not reached. */
  plane: planeStatus.nullable(),
  mountTimes: z.object({ unmount: ms, fsck: ms }),
})
export type MirrorHere = z.infer<typeof mirrorHere>

/** As an agent answers; an older one has none. */
export const mirrorsHere = z.array(mirrorHere).default([])
