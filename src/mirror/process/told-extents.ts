/** What a data plane does with the extents of an epoch while it tells of them (X5). */
import { ActiveSide } from '../engine/active.ts'
import { Standby } from '../engine/standby.ts'
import type { ToldAs } from '../engine/touched.ts'

/** Null: the other side tells of them. */
export const toldAs = (side: ActiveSide | Standby | null, epoch: number): ToldAs | null => {
  if (side instanceof Standby && side.epoch === epoch) return null
  if (!(side instanceof ActiveSide) || side.touched.epoch !== epoch) return 'over'
  const { pair } = side.condition
  return pair === 'paired' ? 'paired' : pair === 'alone' || pair === 'resyncing' ? 'alone' : 'between'
}
