/**
 * Every message that an alert may carry. A module and an id name a message for ever: people filter by them. Never
 * renumber or reuse one; a message that is not told any more stays listed. `docs/alerts.md` says what to do about each.
 */

/** cl cluster, cfg configuration, op operators, pm servers by order, nm servers and paths, log the log, rc groups and resources, rm monitors, fc fencing and last resorts, md mirror disks. */
export type Module = 'cl' | 'cfg' | 'op' | 'pm' | 'nm' | 'log' | 'rc' | 'rm' | 'fc' | 'md'

/** `error`: somebody should look now. `warning`: something is degraded or was not done. `info`: a state changed. */
export type Severity = 'info' | 'warning' | 'error'

/** `%1`, `%2` … in the text stand for values. */
export type Message = {
  readonly module: Module
  readonly id: number
  readonly severity: Severity
  readonly text: string
}

const info = (module: Module, id: number, text: string): Message => ({ module, id, severity: 'info', text })
const warning = (module: Module, id: number, text: string): Message => ({ module, id, severity: 'warning', text })
const error = (module: Module, id: number, text: string): Message => ({ module, id, severity: 'error', text })

export const catalogue = {
  clusterCreated: info('cl', 1, 'Cluster %1 has been created.'),
  clusterSuspended: warning('cl', 10, 'The cluster has been suspended by %1: nothing is decided automatically.'),
  clusterResumed: info('cl', 11, 'The cluster has been resumed by %1.'),
  clusterStopping: warning('cl', 12, 'Stopping the cluster has been ordered by %1: every group stops.'),
  clusterStarted: info('cl', 13, 'Starting the cluster has been ordered by %1.'),
  startedIncomplete: warning('cl', 14, 'Groups start although these servers are not there: %1.(%2)'),
  timeoutStretched: warning('cl', 15, 'The heartbeat time-out is %1 times as long for %2, by order of %3.'),
  timeoutStretchEnded: info('cl', 16, 'The heartbeat time-out is as configured again.(%1)'),
  votersChanging: info('cl', 17, 'The voters are to change from %1 to %2.(by %3)'),
  votersChanged: info('cl', 18, 'The voters are %1 from now on.'),
  votersChangeAbandoned: warning('cl', 19, 'The voters stay as they were: %1.(by %2)'),
  newerEvent: error('cl', 40, 'Newer software wrote %1 to the log: older servers keep what runs and decide nothing.'),
  anomaly: error('cl', 41, 'The log contradicts itself.(%1)'),

  configurationApplied: info('cfg', 1, 'Configuration version %1 has been applied by %2.(%3)'),

  operationRequested: info('op', 1, 'Requested by %1 on %2: %3.'),
  operationRefused: warning('op', 2, 'Refused to %1: %2.(%3; possible: %4)'),
  operationFailed: warning('op', 3, 'Requested by %1 and failed: %2.(%3)'),
  operationTimedOut: warning('op', 4, 'Requested by %1 and not done in time: %2.(%3)'),

  serverStopOrdered: info('pm', 1, 'Stopping server %1 has been ordered by %2.'),
  serverStartOrdered: info('pm', 2, 'Starting server %1 has been ordered by %2.'),
  serverStopsItself: error('pm', 3, 'Server %1 gives its groups away and stops, by itself.(%2)'),

  serverJoined: info('nm', 1, 'Server %1 has joined the cluster.'),
  serverRestarted: warning('nm', 2, 'Server %1 has restarted without having left the cluster.'),
  serverRejoined: info('nm', 3, 'Server %1 has got a new lease generation.'),
  serverAwaitsReturn: info('nm', 4, 'Server %1 is there again, awaits its return and takes management groups alone.'),
  serverDown: error('nm', 10, 'Server %1 is down.(%2; it owned: %3)'),
  serverLeft: info('nm', 11, 'Server %1 has left the cluster.(%2)'),
  leaseLost: error('nm', 12, 'Server %1 lost its lease and stopped what it ran within %2 s: %3.'),
  quorumLossOutlived: error('nm', 14, 'Server %1 lost its majority and went on with %2 for %3.'),
  majorityLost: error('nm', 15, 'Server %1 has lost its majority of voters: %2.'),
  majorityBack: info('nm', 16, 'Server %1 has a majority of voters again, after %2.'),
  witnessAlone: error('nm', 17, 'Witness %1 hears no majority of the voters any more: %2.'),
  witnessHears: info('nm', 18, 'Witness %1 hears a majority of the voters again, after %2.'),
  pathLost: warning('nm', 20, 'Server %1 does not hear %2 on path %3 any more.'),
  pathRestored: info('nm', 21, 'Server %1 hears %2 on path %3 again.'),
  jeopardy: warning('nm', 22, 'Jeopardy: server %1 hears %2 on one path only: %3.'),
  jeopardyOver: info('nm', 23, 'Server %1 hears %2 on more than one path again.'),
  peerSilent: error('nm', 24, 'Server %1 does not hear %2 on any path.'),
  pingTargetsLost: error('nm', 25, 'Server %1 reaches none of the ping targets.(%2)'),
  pingTargetsRestored: info('nm', 26, 'Server %1 reaches a ping target again.(%2)'),
  beatsDelayed: warning('nm', 29, 'Server %1 hears %2 late on path %3: %4 times, at worst after %5 s.'),
  serverCutOff: error('nm', 27, 'Server %1 is cut off, as far as NP resolution can tell.(%2)'),
  serverConnected: info('nm', 28, 'Server %1 is connected again.(%2)'),
  partitionLost: error('nm', 40, 'Server %1 lost a partition and did what is configured for it: %2.(%3)'),
  partitionLostPractice: warning('nm', 41, 'Server %1 lost a partition; for practice it did not do: %2.(%3)'),
  suspicion: warning('nm', 50, 'Server %1 did not believe what came in: %2.(%3 times)'),
  voterAdmitted: info('nm', 30, 'Voter %1 has been admitted by %2.'),
  voterReadmitted: warning('nm', 31, 'Voter %1 has been admitted by %2 with another store than before.'),
  storeForeign: error(
    'nm',
    32,
    'The word of voter %1 counts for nothing: its voter.json was replaced or restored from a backup.',
  ),
  storeAdmitted: info('nm', 33, 'The word of voter %1 counts again, after %2.'),
  noWatchdog: warning('nm', 60, 'Server %1 has no armed watchdog.(%2)'),
  watchdogArmed: info('nm', 61, 'The watchdog of server %1 is armed.'),
  clockRateWrong: warning('nm', 62, 'The clock of server %1 runs at a rate that leases do not allow for.(%2)'),
  clockRateRight: info('nm', 63, 'The clock of server %1 runs at a rate that leases allow for again.'),
  certificateEnding: warning('nm', 64, 'The certificate of server %1 ends: %2.'),
  certificateRenewed: info('nm', 65, 'The certificate of server %1 is good for long again.'),
  witnessClockWrong: warning('nm', 66, 'The clock of witness %1 runs at a rate that leases do not allow for.(%2)'),
  witnessClockRight: info('nm', 67, 'The clock of witness %1 runs at a rate that leases allow for again, after %2.'),
  witnessCertificateEnding: warning('nm', 68, 'The certificate of witness %1 ends: %2.'),
  witnessCertificateRenewed: info('nm', 69, 'The certificate of witness %1 is good for long again.'),
  ownProcessDied: warning('nm', 70, 'Process %2 of server %1 has died.(%3; %4 times lately)'),
  emergencySuppressed: warning(
    'nm',
    71,
    'Server %1 does not do to itself what is configured for the death of a process: %2.(%3)',
  ),
  witnessProcessDied: warning('nm', 72, 'Process %2 of witness %1 has died.(%3)'),

  logTrouble: error('log', 1, 'Server %1 has trouble with the log and decides nothing until it is repaired.(%2)'),
  logRepaired: info('log', 2, 'The log of server %1 is repaired.'),
  logCopyJoined: info('log', 3, 'The copy of the log on server %1 is complete: a commit is on both servers again.'),
  logTailSetAside: error('log', 4, 'Server %1 had decided %2 commits after %3 by itself; they are kept in %4.'),
  logAway: error(
    'log',
    5,
    'Server %1 cannot reach the log for %2: nothing is decided; what runs goes on while a majority answers.',
  ),
  logBack: info('log', 6, 'Server %1 reaches the log again, after %2.'),
  witnessLogAway: error('log', 7, 'Witness %1 cannot reach the log for %2.'),
  witnessLogBack: info('log', 8, 'Witness %1 reaches the log again, after %2.'),
  alertsDropped: warning('log', 20, '%1 alerts are missing here: they came faster than they could be written.'),
  alertsPassedOver: warning('log', 21, 'Alerts of log sequences %1 to %2 are missing here: they were not read.'),

  groupStarting: info('rc', 10, 'Activating group %1 on server %2 has started.(%3: %4)'),
  groupOnline: info('rc', 11, 'Activating group %1 on server %2 has completed.(%3 s)'),
  groupFailed: error('rc', 12, 'Activating group %1 on server %2 has failed.(%3)'),
  groupAdopted: info('rc', 13, 'Group %1 has been found running on server %2.'),
  groupWaiting: warning('rc', 15, 'Group %1 waits for a server that fits.(%2; %3)'),
  groupStopping: info('rc', 20, 'Stopping group %1 on server %2 has started.(%3)'),
  groupStopped: info('rc', 21, 'Stopping group %1 on server %2 has completed.(%3 s)'),
  groupFinallyStopped: error('rc', 22, 'Group %1 is stopped by a final action.(%2)'),
  resourceBack: info('rc', 31, 'Activating %1 resource of group %2 has completed after it had failed.(%3 s)'),
  activationStalled: error('rc', 32, 'Activating %1 resource has failed.(99 : command is timeout)'),
  activationFailed: error('rc', 33, 'Activating %1 resource of group %2 on server %3 has failed.(attempt %4: %5)'),
  deactivationStalled: error('rc', 42, 'Stopping %1 resource has failed.(99 : command is timeout)'),
  deactivationFailed: error('rc', 43, 'Stopping %1 resource of group %2 on server %3 has failed.(attempt %4: %5)'),
  resourceLost: error('rc', 50, 'Resource %1 of group %2 on server %3 is not running any more.(%4)'),
  failoverStarted: warning('rc', 60, 'Failing over group %1 from %2 to server %3 has started.(%4)'),
  failoverCompleted: info('rc', 61, 'Failing over group %1 to server %2 has completed.(%3 s)'),
  moveStarted: info('rc', 63, 'Moving group %1 from %2 to server %3 has started.(%4)'),
  failbackStarted: info('rc', 64, 'Failing back group %1 from %2 to server %3 has started.(%4)'),
  restartStarted: warning('rc', 65, 'Activating group %1 on server %2 again has started.(%3)'),
  doubleActivation: error('rc', 90, 'Group %1 is active twice: on %2 and on %3. %4 stops it at once.'),
  failoverSuppressed: warning('rc', 100, 'Group %1 is not failed over.(%2; %3)'),

  monitorWarning: warning('rm', 4, 'Monitor %1 on server %2 warns.(%3)'),
  monitorUnknown: warning('rm', 5, 'Monitor %1 on server %2 cannot tell.(%3)'),
  monitorSuspended: info('rm', 6, 'Monitor %1 has been suspended on %2 by %3.'),
  monitorResumed: info('rm', 7, 'Monitor %1 has been resumed on %2 by %3.'),
  monitorNormal: info('rm', 8, 'Monitor %1 on server %2 is normal again.'),
  monitorError: error('rm', 9, 'Detected an error in monitor %1 on server %2.(%3)'),
  monitorDelayed: warning('rm', 11, 'Monitor %1 on server %2 was slow: %3 s of a time-out of %4 s.'),
  recoveryScript: warning('rm', 12, 'Recovery of %1 on server %2: its script runs, %3 of %4.(%5)'),
  recoveryRestart: warning('rm', 13, 'Recovery of %1 on server %2: restart %3 of %4.(%5)'),
  recoveryFailover: warning('rm', 14, 'Recovery of %1 on server %2: failover %3 of %4.(%5)'),
  recoveryFinal: error('rm', 15, 'Recovery of %1 on server %2: its final action.(%5)'),
  dummyEnabled: warning('rm', 16, 'Monitor %1 on %2 reports an error from now on, for practice, by order of %3.'),
  dummyDisabled: info('rm', 17, 'Monitor %1 on %2 reports what it finds again, by order of %3.'),
  recoverySuppressed: warning('rm', 25, 'No recovery of %1 on server %2.(%3)'),

  fencingRequested: error('fc', 1, 'Server %1 must be proven off before its groups go on: %2.(by %3; %4)'),
  fencingConfirmed: info('fc', 2, 'Server %1 has been fenced by %2.(level %3, %4 s, by server %5)'),
  fencingFailed: error('fc', 3, 'Server %1 could not be fenced: its groups stay uncertain.(attempt %2: %3)'),
  fencingConfirmedByOperator: warning('fc', 4, 'Server %1 is off, says %2: its groups go on.(%3)'),
  fencingUnneeded: info('fc', 5, 'Server %1 need not be fenced.(%2)'),
  fencingForgone: warning('fc', 6, 'Server %1 is not proven off; its groups go on all the same.(%2)'),
  fencingTakenOver: warning('fc', 7, 'Fencing server %1 goes on by server %2.(%3)'),
  uncertainServerBack: info('fc', 8, 'Server %1 came back before it was fenced, and keeps its groups.'),
  fenceDeviceLost: error('fc', 10, 'Fence device %1 does not answer server %2.(%3)'),
  fenceDeviceRestored: info('fc', 11, 'Fence device %1 answers again.'),
  finalActionOrdered: error('fc', 20, 'Server %1 does to itself as a final action: %2.(%3)'),
  finalActionFailed: error('fc', 21, 'The final action %2 of server %1 has failed.(%3)'),

  mirrorConstructed: info('md', 1, 'Mirror %1 has been initialised; server %2 has the data.(%3)'),
  mirrorBroken: error(
    'md',
    2,
    'Mirror %1 is broken: server %2 goes on alone, %3 is left behind and cannot take over.(%4)',
  ),
  mirrorJoined: info('md', 3, 'Mirror %1 is whole again: servers %2 and %3 have everything.'),
  mirrorResyncStarted: info('md', 4, 'Resync of mirror %1 from server %2 to %3 has started.(%4)'),
  mirrorResyncInterrupted: warning('md', 5, 'Resync of mirror %1 to server %2 does not go on.(%3)'),
  mirrorSideOlder: error('md', 6, 'Mirror %1: the copy of server %2 is from the past and is not believed.(%3)'),
  mirrorSideUnknown: error(
    'md',
    7,
    'Mirror %1: the copy of server %2 is not what the log knows, and is left alone.(%3)',
  ),
  mirrorForced: warning('md', 8, 'Mirror %1: the copy of server %2 has been made current by %3; given up: %4.'),
  mirrorSplit: warning(
    'md',
    9,
    'Mirror %1: the copy of server %2 has been split off at generation %3: no redundancy meanwhile.',
  ),
  mirrorRejoined: info('md', 10, 'Mirror %1: the copy of server %2 follows again.'),
  mirrorVerified: info('md', 11, 'Mirror %1 has been verified: both sides are equal.(%2)'),
  mirrorDiffers: error('md', 12, 'Mirror %1 has been verified: %2 of %3 differ; they are copied by the next resync.'),
  mirrorDiskTrouble: error('md', 13, 'Mirror %1: the disk of server %2 has failed to %3.(%4)'),
  mirrorConnectLost: warning('md', 14, 'Mirror %1: server %2 has lost the mirror connect over network %3.(%4)'),
  mirrorConnectRestored: info('md', 15, 'Mirror %1: server %2 has the mirror connect over network %3 again.'),
  mirrorOrderFailed: warning('md', 16, 'Mirror %1: what was ordered on server %2 has failed.(%3)'),
  mirrorProcessDied: error('md', 17, 'Mirror %1: the data plane of server %2 has died and is started anew.(%3)'),
  mirrorDetached: error(
    'md',
    18,
    'Mirror %1: the disk of server %2 has failed; it goes on with that of %3 alone: move the group there, then replace the disk.(%4)',
  ),
} as const satisfies Readonly<Record<string, Message>>

export type MessageName = keyof typeof catalogue

/** More of a message is only on the log: alerts are read at a glance, kept by the hundred and sent in datagrams. */
export const longestMessage = 4096

/** The text with its values, on one line, whatever the values are. */
export const textOf = (name: MessageName, values: readonly string[]): string => {
  const filled = catalogue[name].text.replaceAll(/%([1-9])/g, (_, n: string) => values[Number(n) - 1] ?? '')
  return clip(onOneLine(filled))
}

/** What a value brings along must neither begin a line of its own nor steer a terminal. */
const onOneLine = (text: string): string => text.toWellFormed().replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')

const clip = (text: string): string =>
  text.length <= longestMessage ? text : `${text.slice(0, longestMessage - 1).replace(/[\uD800-\uDBFF]$/, '')}…`
