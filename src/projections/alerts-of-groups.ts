/** What there is to tell of events of the streams `group` and `resource`. */
import type { Epoch, GroupEvent, GroupName, ResourceEvent, StopFactor } from '../events/index.ts'
import { secondsOf, verdictsInWords, whyChosen } from './alert-words.ts'
import type { Scene, Told } from './alerts.ts'
import type { Ownership } from './groups.ts'
import type { State } from './state.ts'

type Owned = Extract<Ownership, { status: 'assigned' }>
type Assignment = Extract<GroupEvent, { type: 'GroupAssigned' }>['data']
type OwnedEvent = Extract<GroupEvent, { data: { epoch: Epoch } }>

export const tellGroup = (event: GroupEvent, { before }: Scene): readonly Told[] => {
  const { type, data } = event
  switch (type) {
    case 'GroupWanted':
      return data.because === undefined
        ? []
        : [{ name: 'groupFinallyStopped', server: null, values: [data.group, data.because] }]
    case 'FailoverCountReset':
      return []
    case 'GroupAssigned':
      return [tellAssignment(data, before)]
    case 'DoubleActivationSeen': {
      const { group, server, winner, loser } = data
      const held = [winner, loser].map((one) => `${one.server} (epoch ${one.epoch})`)
      return [{ name: 'doubleActivation', server, values: [group, ...held, loser.server] }]
    }
    case 'GroupWaiting': {
      if (before.groups[data.group]?.waiting?.because === data.because) return []
      const values = [data.group, data.because, verdictsInWords(data.verdicts)]
      return [{ name: 'groupWaiting', server: null, values }]
    }
    default:
      return tellOwned(event, before)
  }
}

const tellAssignment = ({ group, server, reason, verdicts }: Assignment, before: State): Told => {
  const last = before.groups[group]?.lastServer
  const from = last ? `server ${last}` : 'nowhere'
  const why = whyChosen(verdicts)
  switch (reason) {
    case 'startup':
    case 'start':
      return { name: 'groupStarting', server, values: [group, server, reason, why] }
    case 'failover':
      return { name: 'failoverStarted', server, values: [group, from, server, why] }
    case 'move':
      return { name: 'moveStarted', server, values: [group, from, server, why] }
    case 'failback':
      return { name: 'failbackStarted', server, values: [group, from, server, why] }
    case 'restart':
      return { name: 'restartStarted', server, values: [group, server, why] }
    default:
      return reason satisfies never
  }
}

/** Of the ownership that the event names; nothing when that is over. */
const tellOwned = ({ type, data }: OwnedEvent, before: State): readonly Told[] => {
  const owned = ownershipOf(before, data)
  if (!owned) return []
  const { server, phase } = owned
  const told = (name: Told['name'], ...values: readonly string[]): readonly Told[] => [
    { name, server, values: [data.group, ...values] },
  ]
  switch (type) {
    case 'GroupStopping':
      return phase === 'stopping' ? [] : told('groupStopping', server, factorInWords[data.factor])
    case 'GroupOnline':
      // The fold passes over it while stopping, and once online it is no news.
      if (phase === 'stopping' || phase === 'online') return []
      if (data.adopted) return told('groupAdopted', server)
      return told(owned.reason === 'failover' ? 'failoverCompleted' : 'groupOnline', server, secondsOf(data.durationMs))
    case 'GroupStopped':
      return told('groupStopped', server, secondsOf(data.durationMs))
    case 'GroupFailed':
      return told('groupFailed', server, data.because)
    case 'FailoverSuppressed':
      if (before.groups[data.group]?.suppressed === data.because) return []
      return told('failoverSuppressed', data.because, verdictsInWords(data.verdicts))
    default:
      return type satisfies never
  }
}

export const tellResource = ({ type, data }: ResourceEvent, { before }: Scene): readonly Told[] => {
  const owned = ownershipOf(before, data)
  if (!owned) return []
  const { group, resource } = data
  const { server } = owned
  const told = (name: Told['name'], ...values: readonly string[]): readonly Told[] => [
    { name, server, values: [resource, group, ...values] },
  ]
  switch (type) {
    case 'ResourceActivated':
      return hadFailed(owned, resource) ? told('resourceBack', secondsOf(data.durationMs)) : []
    case 'ActivationFailed':
      if (data.stalled) return told('activationStalled')
      return told('activationFailed', server, String(data.attempt), data.because)
    case 'DeactivationFailed':
      if (data.stalled) return told('deactivationStalled')
      return told('deactivationFailed', server, String(data.attempt), data.because)
    case 'ResourceLost':
      return told('resourceLost', server, data.because)
    // The group's own alerts, the operator's request or the monitor's recovery have told of these.
    case 'ActivationStarted':
    case 'DeactivationStarted':
    case 'ResourceDeactivated':
    case 'ResourceRestartOrdered':
    case 'ResourceStopOrdered':
    case 'ResourceStartOrdered':
      return []
    default:
      return type satisfies never
  }
}

const ownershipOf = (
  { groups }: State,
  { group, epoch }: { readonly group: GroupName; readonly epoch: Epoch },
): Owned | null => {
  const ownership = groups[group]?.ownership
  return ownership?.status === 'assigned' && ownership.epoch === epoch ? ownership : null
}

/** Failed attempts are forgotten only once it is online. */
const hadFailed = ({ resources }: Owned, name: string): boolean => {
  const resource = resources[name]
  return resource !== undefined && (resource.failedAttempts > 0 || resource.condition === 'lost')
}

const factorInWords: Readonly<Record<StopFactor, string>> = {
  CLUSTERSHUTDOWN: 'the cluster stops',
  SERVERSHUTDOWN: 'the server stops',
  GROUPSTOP: 'the group is to stop',
  GROUPMOVE: 'the group moves',
  GROUPFAILOVER: 'the group fails over',
  GROUPRESTART: 'the group restarts',
}
