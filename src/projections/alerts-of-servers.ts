/** What there is to tell of events of the stream `server`. */
import type { ServerCondition, ServerEvent, ServerName, SupportReason } from '../events/index.ts'
import { authorInWords, listed, secondsOf } from './alert-words.ts'
import type { Scene, Told } from './alerts.ts'
import { independentPaths, isJeopardy, pathsBetween } from './paths.ts'
import { presenceOf, serverOf } from './servers.ts'
import type { State } from './state.ts'
import { durationInWords } from './wording.ts'

type Data<Type extends ServerEvent['type']> = Extract<ServerEvent, { type: Type }>['data']

export const tellServer = ({ type, data }: ServerEvent, scene: Scene): readonly Told[] => {
  const { before } = scene
  if (type === 'VoterAdmitted') return tellAdmission(data, scene)
  const known = serverOf(before.servers, data.server)
  const told = (name: Told['name'], ...values: readonly string[]): readonly Told[] => [
    { name, server: data.server, values: [data.server, ...values] },
  ]
  switch (type) {
    case 'ServerJoined':
      if (before.fencing.pending[data.server]) return [...told('serverJoined'), ...told('uncertainServerBack')]
      if (data.awaitsReturn && presenceOf(known) !== 1) return told('serverAwaitsReturn')
      if (known.status !== 'up') return told('serverJoined')
      return told(known.boot === data.boot ? 'serverRejoined' : 'serverRestarted')
    case 'ServerDeclaredDown':
      return known.status === 'down' ? [] : told('serverDown', supportsInWords(data), ownedBy(before, data.server))
    case 'ServerLeft':
      return known.status === 'left' ? [] : told('serverLeft', data.reason)
    case 'VotersAcknowledged':
      return []
    case 'QuorumLossOutlived':
      return told('quorumLossOutlived', data.server, listed(data.groups), durationInWords(data.keptMs))
    case 'LeaseLost':
      return told('leaseLost', secondsOf(data.releasedMs), listed(data.groups))
    case 'SuspicionRaised':
      return told('suspicion', data.what, String(data.count))
    case 'PathLost':
      return tellPath('pathLost', data, scene)
    case 'PathRestored':
      return tellPath('pathRestored', data, scene)
    case 'PingTargetsLost':
      return known.isCutOff ? [] : told('pingTargetsLost', listed(data.targets))
    case 'PingTargetsRestored':
      return known.isCutOff ? told('pingTargetsRestored', listed(data.targets)) : []
    case 'BeatsDelayed':
      return told('beatsDelayed', data.peer, data.path, String(data.count), secondsOf(data.worstMs))
    case 'ServerCutOff':
      return known.isCutOff ? [] : told('serverCutOff', data.reasons.join('; '))
    case 'ServerConnected':
      return known.isCutOff ? told('serverConnected', data.reasons.join('; ')) : []
    case 'PartitionLost':
      return told(data.practice ? 'partitionLostPractice' : 'partitionLost', data.action, data.reasons.join('; '))
    case 'LogCopyJoined':
      return told('logCopyJoined')
    case 'LogTailSetAside':
      return told('logTailSetAside', String(data.count), String(data.after), data.file)
    case 'LogTroubleSeen':
      return known.logTrouble === data.trouble ? [] : told('logTrouble', data.trouble)
    case 'LogRepaired':
      return known.logTrouble === null ? [] : told('logRepaired')
    case 'OwnProcessDied':
      return told('ownProcessDied', data.process, data.because, String(data.count))
    case 'EmergencySuppressed':
      return told('emergencySuppressed', data.action, data.because)
    case 'ServerConditionFound':
      return known.conditions?.[data.condition]?.level === data.level
        ? []
        : told(conditions[data.condition].found, data.because)
    case 'ServerConditionEnded':
      return known.conditions?.[data.condition] === undefined ? [] : told(conditions[data.condition].ended)
    default:
      return type satisfies never
  }
}

const conditions = {
  watchdog: { found: 'noWatchdog', ended: 'watchdogArmed' },
  'clock-rate': { found: 'clockRateWrong', ended: 'clockRateRight' },
  certificate: { found: 'certificateEnding', ended: 'certificateRenewed' },
} as const satisfies Readonly<Record<ServerCondition, unknown>>

const tellAdmission = ({ voter, store }: Data<'VoterAdmitted'>, { before, moment }: Scene): readonly Told[] => {
  const earlier = before.servers.admitted[voter]
  if (earlier === store) return []
  const name = earlier === undefined ? 'voterAdmitted' : 'voterReadmitted'
  return [{ name, server: voter, values: [voter, authorInWords(moment.by)] }]
}

const supportsInWords = ({ supports }: Data<'ServerDeclaredDown'>): string =>
  listed(supports.map(({ voter, reason }) => `${voter}: ${supportWords[reason]}`))
const supportWords: Readonly<Record<SupportReason, string>> = {
  silent: 'hears nothing of it',
  renounced: 'it gave up',
  'np-resolution': 'stood in for by NP resolution',
  alone: 'not asked, the log is with the other alone',
  operator: 'stood in for by an operator',
}

const ownedBy = ({ groups }: State, server: ServerName): string =>
  listed(
    Object.values(groups)
      .filter(({ ownership }) => ownership.status === 'assigned' && ownership.server === server)
      .map(({ name }) => name),
  )

/** A path that changed, and what that means for hearing the peer at all. */
const tellPath = (
  name: 'pathLost' | 'pathRestored',
  { server, peer, path }: Data<'PathLost'>,
  { before, after }: Scene,
): readonly Told[] => {
  // Silence of a server that left or is down is no news.
  const { status } = serverOf(before.servers, peer)
  if (status === 'left' || status === 'down') return []
  const wasLost = before.servers.byName[server]?.lostPaths[peer]?.includes(path) ?? false
  if (wasLost === (name === 'pathLost')) return []
  const told: Told[] = [{ name, server, values: [server, peer, path] }]
  const { current } = after.configuration
  const possible = current === null ? [] : pathsBetween(current, server, peer)
  const earlier = possible.filter((one) => !isLost(before, server, peer, one))
  const left = possible.filter((one) => !isLost(after, server, peer, one))
  if (left.length === 0 && earlier.length > 0) told.push({ name: 'peerSilent', server, values: [server, peer] })
  const lostOf = (alive: readonly string[]) => possible.filter((one) => !alive.includes(one))
  const [independent, hadBefore] = [independentPaths(left), independentPaths(earlier)]
  if (isJeopardy(left, lostOf(left)) && !isJeopardy(earlier, lostOf(earlier)))
    told.push({ name: 'jeopardy', server, values: [server, peer, listed(independent)] })
  if (independent.length > 1 && hadBefore.length <= 1)
    told.push({ name: 'jeopardyOver', server, values: [server, peer] })
  return told
}

const isLost = ({ servers }: State, server: string, peer: string, path: string): boolean =>
  servers.byName[server]?.lostPaths[peer]?.includes(path) ?? false
