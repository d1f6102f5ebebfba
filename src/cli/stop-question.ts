/** What `baton server stop` asks: what becomes of each group, as things are now. */
import type { AgentStatus } from '../agents/control-protocol.ts'
import { placeGroup } from '../decisions/place-group.ts'
import { groupsByServer } from '../projections/overview.ts'
import { reachableOf } from './reachable.ts'

export const stopQuestion = (status: AgentStatus, server: string): string => {
  const { state } = status
  const wish = { reachable: reachableOf(status), avoid: { [server]: 'it is being stopped' } }
  const fates = (groupsByServer(state).get(server) ?? []).map(({ name }) => {
    const { chosen } = placeGroup(state, name, wish)
    return chosen === null ? `${name} finds no other server and STAYS DOWN` : `${name} moves to ${chosen}`
  })
  return `Stop ${server}? ${fates.length === 0 ? 'It runs no group' : fates.join('; ')}.`
}
