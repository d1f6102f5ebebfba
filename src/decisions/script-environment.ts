/** The environment that scripts of a group see (R1): the reference's variables, and ours. */
import type { AssignReason, GroupName, ResourceName, ServerName } from '../events/index.ts'
import type { State } from '../projections/state.ts'
import { findGroup, isOwned } from './decision.ts'

/** Facts of the installation that do not stand on the log. */
export type Installation = {
  readonly version: string
  /** Where the product keeps its state on this server. */
  readonly path: string
  readonly osName: string
  readonly osVersion: string
}

/** The owner before gave it up in order, on this very log: what was its own is nobody else's now. */
const handedOver: readonly AssignReason[] = ['move', 'failback', 'restart']

/** CLP_* as groups-and-recovery.md lists them, BATON_EPOCH and BATON_CAUSE (sequence of the commit that ordered it),
 *  BATON_HANDOVER (1 = the server before stopped it in order). */
export const scriptEnvironment = (
  state: State,
  {
    group: name,
    resource,
    me,
  }: { readonly group: GroupName; readonly resource: ResourceName; readonly me: ServerName },
  installation: Installation,
): Readonly<Record<string, string>> => {
  const found = findGroup(state, name)
  const group = state.groups[name]
  const owned = group && isOwned(group) ? group.ownership : null
  const servers = found?.configuration.servers ?? []
  // A stop of the whole group overtakes an order to restart this one.
  const isRestart = owned?.phase !== 'stopping' && owned?.resources[resource]?.restart != null
  return {
    CLP_EVENT: owned?.reason === 'failover' ? 'FAILOVER' : 'START',
    CLP_FACTOR: isRestart ? 'RESOURCERESTART' : (owned?.factor ?? 'GROUPSTOP'),
    CLP_LASTACTION: 'NONE',
    CLP_SERVER: servers[0] === me ? 'HOME' : 'OTHER',
    CLP_DISK: 'SUCCESS',
    CLP_PRIORITY: String(1 + Math.max(0, servers.indexOf(me))),
    CLP_GROUPNAME: name,
    CLP_RESNAME: resource,
    CLP_VERSION_FULL: installation.version,
    CLP_VERSION_MAJOR: installation.version.split('.')[0] ?? '',
    CLP_PATH: installation.path,
    CLP_OSNAME: installation.osName,
    CLP_OSVER: installation.osVersion,
    BATON_EPOCH: String(owned?.epoch ?? 0),
    BATON_CAUSE: String(owned?.orderedBy ?? 0),
    BATON_SERVER: me,
    BATON_HANDOVER: owned && handedOver.includes(owned.reason) ? '1' : '0',
  }
}
