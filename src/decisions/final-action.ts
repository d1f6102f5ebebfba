/** F1, F4: what a server does to itself when nothing else has helped, with the reason; never when it is the last healthy one. */
import type { Event, FinalAction, MachineAction } from '../events/index.ts'
import { isInService, isToStop, serverOf } from '../projections/servers.ts'
import type { State } from '../projections/state.ts'
import type { Facts, OwnedGroup } from './decision.ts'
import { stopGroup } from './stop-group.ts'

type Whole = 'stop-service' | MachineAction

/** What ends the whole server, or why that is not done. Ordered already: nothing more. */
export const endServer = (
  state: State,
  action: Whole,
  because: string,
  { me, reachable }: Pick<Facts, 'me' | 'reachable'>,
): { readonly ordered: readonly Event[] } | { readonly suppressed: string } => {
  const others = Object.values(state.servers.byName).filter(
    (one) => one.name !== me && isInService(one) && reachable.has(one.name),
  )
  const what = action === 'stop-service' ? 'stop service' : action
  if (others.length === 0)
    return { suppressed: `the final action (${what}) is suppressed because there is no other healthy server` }
  const known = serverOf(state.servers, me)
  if (action === 'stop-service')
    return { ordered: isToStop(known) ? [] : [{ type: 'ServerStopOrdered', data: { server: me, because } }] }
  const isOrdered = state.fencing.finalActions[me]?.failed === null
  return {
    ordered: isOrdered ? [] : [{ type: 'FinalActionOrdered', data: { server: me, action, boot: known.boot, because } }],
  }
}

/** The final action of a resource or a monitor. `because`: what failed, how often it was tried, what was decided. */
export const finalAction = (
  state: State,
  group: OwnedGroup,
  { action, because }: { readonly action: FinalAction; readonly because: string },
  facts: Facts,
): readonly Event[] => {
  const { name, ownership } = group
  if (action === 'none') return []
  if (action === 'stop-group')
    return [
      { type: 'GroupWanted', data: { group: name, wanted: 'stopped', because } },
      stopGroup(group, 'GROUPSTOP', null),
    ]
  const answer = endServer(state, action, because, facts)
  if ('ordered' in answer) return answer.ordered
  const suppressed = `${answer.suppressed}; it was for: ${because}`
  return [
    { type: 'FailoverSuppressed', data: { group: name, epoch: ownership.epoch, because: suppressed, verdicts: [] } },
  ]
}
