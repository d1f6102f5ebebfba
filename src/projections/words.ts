/** What happened, in words: one sentence for every event. Used by `baton why`, `baton log` and the alerts alike. */
import {
  type AssignReason,
  type ByStream,
  byStream,
  type ClusterEvent,
  type Event,
  type GroupEvent,
  type MonitorEvent,
  type OperatorEvent,
  type ResourceEvent,
  type ServerEvent,
  type StopFactor,
  type SupportReason,
} from '../events/index.ts'
import { describeCommand, durationInWords, listInWords, onWhich } from './wording.ts'
import { describeFencing } from './words-of-fencing.ts'
import { describeMirror } from './words-of-mirrors.ts'

const times = (attempt: number): string => (attempt > 1 ? `, attempt ${attempt}` : '')
const explained = (because: string): string => (because === '' ? '' : `: ${because}`)

const reasons: Readonly<Record<AssignReason, string>> = {
  startup: 'start of the cluster',
  start: 'started by hand',
  move: 'moved',
  failover: 'failover',
  failback: 'failback to its home',
  restart: 'restart',
}
const factors: Readonly<Record<StopFactor, string>> = {
  CLUSTERSHUTDOWN: 'the cluster stops',
  SERVERSHUTDOWN: 'its server stops',
  GROUPSTOP: 'it is to be stopped',
  GROUPMOVE: 'it moves',
  GROUPFAILOVER: 'it fails over',
  GROUPRESTART: 'it restarts',
}
/** Why a group is stopped, of which the state keeps the factor, or a sentence. */
export const stopInWords = (because: string): string => stops[because] ?? because
const stops: Readonly<Record<string, string | undefined>> = {
  CLUSTERSHUTDOWN: 'the cluster was stopped',
  SERVERSHUTDOWN: 'its server was stopped',
  GROUPSTOP: 'it was stopped by hand, or by a final action',
} satisfies Partial<Record<StopFactor, string>>

/** One sentence, without its full stop. */
export const describeEvent = (event: Event): string =>
  event.type === 'UnknownEvent'
    ? `${event.data.was} (version ${event.data.version}), which only newer software understands`
    : byStream(event, describers, null)

const describeCluster = ({ type, data }: ClusterEvent): string => {
  switch (type) {
    case 'ClusterCreated':
      return `cluster ${data.cluster} was created`
    case 'ConfigurationApplied':
      return `configuration version ${data.version} is in force${explained(data.note)}`
    case 'ClusterSuspended':
      return 'the cluster was suspended: nothing is decided automatically'
    case 'ClusterResumed':
      return 'the cluster was resumed'
    case 'ClusterStopping':
      return 'the cluster stops: every group is to stop'
    case 'ClusterStarted':
      return 'the cluster was started'
    case 'StartSyncEnded':
      return data.missing.length === 0
        ? `groups may start${explained(data.because)}`
        : `groups may start without ${listInWords(data.missing)}${explained(data.because)}`
    case 'VotersChanging':
      return `the voters are to be ${listInWords(data.to)} instead of ${listInWords(data.from)}`
    case 'VotersChanged':
      return `the voters are ${listInWords(data.voters)} from now on`
    case 'VotersChangeAbandoned':
      return `the voters stay as they were: ${listInWords(data.voters)}`
    case 'TimeoutStretched':
      return `the heartbeat time-out is ${data.ratio} times as long for ${durationInWords(data.forMs)}`
    case 'TimeoutStretchEnded':
      return `the heartbeat time-out is as configured again${explained(data.because)}`
    default:
      return type satisfies never
  }
}

const describeServer = ({ type, data }: ServerEvent): string => {
  switch (type) {
    case 'ServerJoined':
      return `${data.server} joined, heard by ${listInWords(data.heardBy)}${data.awaitsReturn ? '; it awaits its return, and takes management groups alone' : ''}`
    case 'ServerDeclaredDown':
      return `${data.server} was declared down: ${listInWords(data.supports.map(support))}`
    case 'ServerLeft':
      return `${data.server} left: ${data.reason === 'reboot' ? 'it reboots' : 'it was stopped'}`
    case 'LeaseLost': {
      const released = data.groups.length === 0 ? 'it ran nothing' : `released ${listInWords(data.groups)}`
      return `${data.server} had lost its lease: ${released} within ${durationInWords(data.releasedMs)}`
    }
    case 'SuspicionRaised':
      return `${data.server} saw what is not what it claims to be, and did not believe it: ${data.what} (${data.count}×)`
    case 'VoterAdmitted':
      return `voter ${data.voter} was admitted with store ${data.store}`
    case 'QuorumLossOutlived':
      return `${data.server} had lost its majority and went on with ${listInWords(data.groups)} for ${durationInWords(data.keptMs)}`
    case 'VotersAcknowledged':
      return `${data.server} counts the next voters, too`
    case 'PathLost':
      return `${data.server} hears nothing more of ${data.peer} over ${data.path}`
    case 'PathRestored':
      return `${data.server} hears ${data.peer} again over ${data.path}`
    case 'PingTargetsLost':
      return `${data.server} reaches none of the ping targets (${data.targets.join(', ')})`
    case 'PingTargetsRestored':
      return `${data.server} reaches a ping target again (${data.targets.join(', ')})`
    case 'BeatsDelayed':
      return `${data.server} heard ${data.peer} late over ${data.path}, ${data.count === 1 ? 'once' : `${data.count} times`}, at worst after ${durationInWords(data.worstMs)}`
    case 'ServerCutOff':
      return `${data.server} is cut off, as far as NP resolution can tell (${data.reasons.join('; ')})`
    case 'ServerConnected':
      return `${data.server} is connected again (${data.reasons.join('; ')})`
    case 'PartitionLost':
      return data.practice
        ? `${data.server} had lost a partition and would have done ${data.action}, were it not for practice (${data.reasons.join('; ')})`
        : `${data.server} had lost a partition and did ${data.action} (${data.reasons.join('; ')})`
    case 'LogCopyJoined':
      return `the log is on ${data.server} again: from here on a commit stands once both servers have it`
    case 'LogTailSetAside':
      return `${data.count} ${data.count === 1 ? 'commit' : 'commits'} after ${data.after}, which only ${data.server} had, ${data.count === 1 ? 'is' : 'are'} not on the log and kept there in ${data.file}`
    case 'LogTroubleSeen':
      return `${data.server} sees trouble with its log and decides nothing: ${data.trouble}`
    case 'LogRepaired':
      return `${data.server} finds its log in order again`
    case 'OwnProcessDied':
      return `the ${data.process} of ${data.server} died${data.count > 1 ? ` (${data.count} times lately)` : ''}${explained(data.because)}`
    case 'EmergencySuppressed':
      return `${data.server} did not ${data.action === 'stop-service' ? 'stop its service' : data.action} after a process of its own had died${explained(data.because)}`
    case 'ServerConditionFound':
      return `${data.server}: ${conditions[data.condition].found}${explained(data.because)}`
    case 'ServerConditionEnded':
      return `${data.server}: ${conditions[data.condition].ended}`
    default:
      return type satisfies never
  }
}
const conditions = {
  watchdog: { found: 'no watchdog is armed', ended: 'its watchdog is armed' },
  'clock-rate': { found: 'its clock runs at a wrong rate', ended: 'its clock runs at the right rate again' },
  certificate: { found: 'its certificate ends soon', ended: 'its certificate is good for long' },
} as const
const support = ({ voter, reason }: { readonly voter: string; readonly reason: SupportReason }): string =>
  supports[reason].replace('%', voter)
const supports: Readonly<Record<SupportReason, string>> = {
  silent: '% hears it no more',
  renounced: '% has its word that it released everything',
  'np-resolution': 'NP resolution says that this side is connected, which stands in for %',
  alone: 'the log is with the other server alone, which needs no word of %',
  operator: 'an operator vouches that % is off',
}

const describeGroup = ({ type, data }: GroupEvent): string => {
  switch (type) {
    case 'GroupWanted':
      return `${data.group} is to be ${data.wanted}${data.because === undefined ? '' : `, because ${data.because}`}`
    case 'GroupAssigned':
      return `${data.group} was given to ${data.server} (${reasons[data.reason]})`
    case 'GroupStopping':
      return `${data.group} stops, because ${factors[data.factor]}${data.next === null ? '' : `; next is ${data.next.server}`}`
    case 'GroupOnline':
      return data.adopted
        ? `${data.group} is online: it was found running`
        : `${data.group} is online after ${durationInWords(data.durationMs)}`
    case 'GroupStopped':
      return `${data.group} has stopped after ${durationInWords(data.durationMs)}`
    case 'GroupFailed':
      return `${data.group} failed${explained(data.because)}`
    case 'GroupWaiting':
      return `${data.group} waits: ${data.because}`
    case 'FailoverSuppressed':
      return `${data.group} was not failed over: ${data.because}`
    case 'DoubleActivationSeen': {
      const [winner, loser] = [data.winner, data.loser].map(({ server, epoch }) => `${server} (epoch ${epoch})`)
      return `${data.group} ran on ${winner} and on ${loser} at the same time, as ${data.server} saw; ${data.loser.server} stops it`
    }
    case 'FailoverCountReset':
      return `${data.group} was healthy long enough: its failovers count from zero again`
    default:
      return type satisfies never
  }
}

const describeResource = ({ type, data }: ResourceEvent): string => {
  const name = `${data.group}/${data.resource}`
  switch (type) {
    case 'ActivationStarted':
      return `${name} starts${times(data.attempt)}`
    case 'ResourceActivated':
      return data.adopted
        ? `${name} is online: it was found running`
        : `${name} is online after ${durationInWords(data.durationMs)}${times(data.attempt)}`
    case 'ActivationFailed':
      return `${name} ${data.stalled ? 'did not start in time' : 'failed to start'} after ${durationInWords(data.durationMs)}${times(data.attempt)}${explained(data.because)}`
    case 'DeactivationStarted':
      return `${name} stops${times(data.attempt)}`
    case 'ResourceDeactivated':
      return `${name} is off after ${durationInWords(data.durationMs)}`
    case 'DeactivationFailed':
      return `${name} ${data.stalled ? 'did not stop in time' : 'failed to stop'} after ${durationInWords(data.durationMs)}${times(data.attempt)}${explained(data.because)}`
    case 'ResourceLost':
      return `${name} is gone by itself${explained(data.because)}`
    case 'ResourceRestartOrdered':
      return `${name} is to be restarted`
    case 'ResourceStopOrdered':
      return `${name} is to be stopped by itself`
    case 'ResourceStartOrdered':
      return `${name} is to be started by itself`
    default:
      return type satisfies never
  }
}

const describeMonitor = ({ type, data }: MonitorEvent): string => {
  switch (type) {
    case 'MonitorVerdictChanged':
      return `monitor ${data.monitor} on ${data.server} says ${data.verdict}${explained(data.because)}${data.starved ? ' (the machine was short of time)' : ''}`
    case 'MonitorDelayed':
      return `monitor ${data.monitor} on ${data.server} is slow: ${durationInWords(data.elapsedMs)} of at most ${durationInWords(data.timeoutMs)}`
    case 'RecoveryStarted':
      return `recovery by monitor ${data.monitor} on ${data.server}: ${rungs[data.action]}, ${data.count} of ${data.limit}${explained(data.because)}`
    case 'RecoverySuppressed':
      return `no recovery by monitor ${data.monitor} on ${data.server}: ${data.because}`
    case 'RecoveryCountsReset':
      return `monitor ${data.monitor} on ${data.server} was content long enough: its recoveries count from zero again`
    case 'MonitorSuspended':
      return `monitor ${data.monitor} was suspended ${onWhich(data.server)}`
    case 'MonitorResumed':
      return `monitor ${data.monitor} was resumed ${onWhich(data.server)}`
    case 'DummyFailureEnabled':
      return `monitor ${data.monitor} reports a failure for practice ${onWhich(data.server)}`
    case 'DummyFailureDisabled':
      return `monitor ${data.monitor} reports what it sees again ${onWhich(data.server)}`
    default:
      return type satisfies never
  }
}
const rungs = { script: 'its script', restart: 'restart', failover: 'failover', final: 'final action' } as const

const describeOperator = ({ type, data }: OperatorEvent): string => {
  switch (type) {
    case 'OperationRequested':
      return `asked on ${data.from}: ${describeCommand(data.command)}`
    case 'OperationRefused':
      return `refused: ${data.because}${data.possible === '' ? '' : ` (possible: ${data.possible})`}`
    case 'OperationFinished':
      return data.outcome === 'done' ? `done${explained(data.detail)}` : `${data.outcome}${explained(data.detail)}`
    case 'ServerStopOrdered':
      return `${data.server} is to give up its groups and leave${data.because === undefined ? '' : `, because ${data.because}`}`
    case 'ServerStartOrdered':
      return `${data.server} may run groups again`
    default:
      return type satisfies never
  }
}

const describers: ByStream<null, string> = {
  cluster: describeCluster,
  server: describeServer,
  group: describeGroup,
  resource: describeResource,
  monitor: describeMonitor,
  operator: describeOperator,
  fencing: describeFencing,
  mirror: describeMirror,
}
