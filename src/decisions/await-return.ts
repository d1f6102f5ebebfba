/**
 * A server that was told to stop, and whose machine has started anew since, is there again, and awaits an operator's word
 * to return. It is a member like any other, with a generation, a lease and all rules of liveness; but only management
 * groups are placed on it, so that operators reach the cluster by their address. Where there is none for it, it stays out.
 */
import type { GroupName, ServerName } from '../events/index.ts'
import { isManagement } from '../projections/configuration.ts'
import { isInService, type Server, serverOf } from '../projections/servers.ts'
import type { State } from '../projections/state.ts'

/** One that stopped and was not restarted stays stopped: whoever works on it wants it so. */
export const mayAwaitReturn = (state: State, { name, awaitsReturn, boot: before }: Server, boot: string): boolean =>
  (awaitsReturn || before !== boot) && managementGroupsFor(state, name).length > 0

const managementGroupsFor = ({ configuration: { current } }: State, server: ServerName): readonly string[] =>
  Object.entries(current?.groups ?? {}).flatMap(([name, { servers }]) =>
    isManagement(current, name) && servers.includes(server) ? [name] : [],
  )

/** Whether the server must not have the group before it has returned. */
export const isHeldBack = (state: State, group: GroupName, server: ServerName): boolean =>
  serverOf(state.servers, server).awaitsReturn && !isManagement(state.configuration.current, group)

/** Whether the group waits for the first server that returns, and for nothing else: then there is nothing to say of it. */
export const awaitsAnyReturn = (state: State, group: GroupName): boolean =>
  !isManagement(state.configuration.current, group) && !Object.values(state.servers.byName).some(isInService)
