/** What a data plane says of itself, as its agent reads it. */
import { type PlaneStatus, planeStatus } from '../../../src/mirror/process/sayings.ts'

export const planeOf = (more: Readonly<Record<string, unknown>>): PlaneStatus =>
  planeStatus.parse({ say: 'status', id: 1, disks: { dataBytes: 1_048_576 }, because: null, ...more })
