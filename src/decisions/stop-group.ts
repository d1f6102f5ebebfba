/** The first step of every stop and move (rule 8). */
import type { Event, StopFactor } from '../events/index.ts'
import type { Next } from '../projections/groups.ts'
import type { OwnedGroup } from './decision.ts'

export const stopGroup = ({ name, ownership }: OwnedGroup, factor: StopFactor, next: Next | null): Event => ({
  type: 'GroupStopping',
  data: { group: name, epoch: ownership.epoch, factor, next: next && { ...next, verdicts: [...next.verdicts] } },
})
