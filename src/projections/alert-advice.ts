/** What to do about each alert: `docs/alerts.md` has the same words, and `baton alerts --verbose`. Nothing, where it says so. */
import { catalogue, type MessageName } from './alert-catalogue.ts'

const advice: Readonly<Record<MessageName, string>> = {
  clusterCreated: 'Nothing.',
  clusterSuspended: 'Resume when the work is done (`baton cluster resume`): until then nothing fails over.',
  clusterResumed: 'Nothing.',
  clusterStopping: 'Nothing, if it was meant. `baton cluster start` brings the groups back.',
  clusterStarted: 'Nothing.',
  startedIncomplete: 'Find out why the servers are missing; groups that only fit there wait.',
  timeoutStretched:
    'Nothing; it ends by itself. Until then a crash is noticed later: `baton timeout-ratio -i` ends it at once.',
  timeoutStretchEnded: 'Nothing.',
  votersChanging: 'Wait for cl/18; `baton status` says who has not acknowledged it.',
  votersChanged: 'Nothing.',
  votersChangeAbandoned: 'Nothing, if that was meant: the change before it was given up.',
  newerEvent: 'Finish the upgrade: install the same version everywhere. What runs goes on running meanwhile.',
  anomaly:
    'Look at the log around this sequence (`baton log show --from N -v`) and report it: two decisions contradict each other. What contradicts had no effect, unless a group was given away twice.',
  configurationApplied: 'Nothing. Every version stays on the log.',
  operationRequested: 'Nothing.',
  operationRefused: 'Do what the message says would make it possible, then ask again.',
  operationFailed: 'Look at the alerts after the request: they name what failed.',
  operationTimedOut: 'Look whether it is still under way (`baton status`) before asking again.',
  serverStopOrdered: 'Nothing.',
  serverStartOrdered: 'Nothing.',
  serverStopsItself:
    'Repair what the message names, then `baton server start`: it takes no groups before that, and after a boot management groups alone.',
  serverJoined: 'Nothing.',
  serverRestarted: 'Find out why the machine restarted: power, kernel, watchdog.',
  serverRejoined: 'Nothing, if rare. Often: look at the network and the load of that server.',
  serverAwaitsReturn: '`baton server start NAME` lets it return.',
  serverDown:
    'Look at the machine: until it is back, a second failure may not be covered. Its groups are moved where they can be; alerts of `rc` follow.',
  serverLeft: 'Nothing.',
  leaseLost:
    'The server could not reach a majority and stopped its services itself. Look at its network and at pauses of the machine.',
  quorumLossOutlived:
    '`onQuorumLoss: keep` let it. Find out why it was cut off; nothing was taken over meanwhile without a fence.',
  majorityLost:
    'Look at its networks and at the other voters. Told by the server itself, at once and only by its own targets.',
  majorityBack: 'Nothing.',
  witnessAlone:
    'Look at its networks and at the voters that are named. Told by the witness itself, at once and only by its own targets.',
  witnessHears: 'Nothing.',
  pathLost: 'Look at that network: cable, switch, firewall.',
  pathRestored: 'Nothing.',
  jeopardy: 'Repair the lost paths soon: when the last one fails, a healthy server cannot be told from a dead one.',
  jeopardyOver: 'Nothing.',
  peerSilent: 'Look at the silent server and at the networks; it is declared down unless it is heard again.',
  pingTargetsLost: 'Look at the network of this server: it may be cut off from its users.',
  pingTargetsRestored: 'Nothing.',
  beatsDelayed: 'Look at that network and at the load of both machines, before lost beats cost a lease.',
  serverCutOff:
    'Look at its network; it is the last choice for groups and lets others take over first. The values say what each method found.',
  serverConnected: 'Nothing.',
  partitionLost: 'Find out what cut it off; docs/np-resolution.md.',
  partitionLostPractice: 'Was it right? Then switch `npResolution.onLoss.practice` off.',
  suspicion:
    'Somebody sends beats with a wrong key, repeats old ones, or a cable damages them. Nothing was believed; find who is on that network.',
  voterAdmitted: 'Nothing.',
  voterReadmitted:
    'Nothing, if the disk of that voter was really replaced. Otherwise find out who gave it another one.',
  storeForeign:
    'Make sure that it is this machine, then `baton server readmit` (docs/operations.md). Until then fewer voters may fail.',
  storeAdmitted: 'Nothing.',
  noWatchdog:
    'Load its driver, or name the right device: docs/watchdog.md. Until then a machine that hangs with its groups is reset by nobody.',
  watchdogArmed: 'Nothing.',
  clockRateWrong: 'See what slews it (`chronyc tracking`), or raise `heartbeat.clockRateError`.',
  clockRateRight: 'Nothing.',
  certificateEnding:
    'Exchange all kits in time, never one by one (docs/operations.md, Certificates): without certificates the log servers do not talk.',
  certificateRenewed: 'Nothing.',
  witnessClockWrong:
    'See what slews it (`chronyc tracking`), or raise `heartbeat.clockRateError`: a voter whose clock is fast supports too early.',
  witnessClockRight: 'Nothing.',
  witnessCertificateEnding:
    'Exchange all kits in time, never one by one (docs/operations.md, Certificates): without certificates the log servers do not talk.',
  witnessCertificateRenewed: 'Nothing.',
  ownProcessDied:
    'It is started again by itself. Look at its log below the state directory, and at memory (the kernel may have killed it). `ownProcesses` says what else happens.',
  emergencySuppressed: 'Bring another server back; look at what made the process die.',
  witnessProcessDied:
    'It is started again by itself. Look at its log below the state directory, and at memory. Told by the witness itself.',
  logTrouble:
    'Follow the message; `baton status` on the others says who still has a good copy; docs/operations.md has the steps.',
  logRepaired: 'Nothing.',
  logCopyJoined: 'Nothing.',
  logTailSetAside:
    'One or two commits that never stood are nothing lost. More: both servers of a pair had gone on alone; read what that one did (`baton log show --file FILE`), and make NP resolution tell them apart.',
  logAway:
    'A crash now would move nothing. Bring back the log servers of a majority of those that keep the log. Told by the server itself, as it cannot write.',
  logBack: 'Nothing.',
  witnessLogAway:
    'Its replica of the log, or its way to the others, is lost: one more loss may stop decisions. Look at its log server and its networks. Told by the witness itself.',
  witnessLogBack: 'Nothing.',
  alertsDropped:
    'Nothing is lost: `baton alerts` tells them from the log. If it happens often, look at the disk of this server.',
  alertsPassedOver:
    'Nothing is lost: `baton alerts` tells them from the log. The server stopped between reading and sending.',
  groupStarting: 'Nothing.',
  groupOnline: 'Nothing.',
  groupFailed:
    'Look at the resource that failed, repair it, and start the group again (`baton group start`). It does not start by itself.',
  groupAdopted: 'Nothing: Baton was restarted, the service was not.',
  groupWaiting: 'Make one of the named servers fit; it is tried again whenever something changes.',
  groupStopping: 'Nothing.',
  groupStopped: 'Nothing.',
  groupFinallyStopped: 'Repair what the message names, then start the group again (`baton group start`).',
  resourceBack: 'Nothing now; find out why it had failed.',
  activationStalled:
    "See why starting takes longer than the time-out of the resource: its log, its disk, its dependencies. The server is the alert's.",
  activationFailed: 'Look at the output of the resource on that server.',
  deactivationStalled:
    'See what keeps it from stopping on that server: processes, open files, mounts. Its final action follows.',
  deactivationFailed:
    'Look at the output of the resource on that server. Until it is off, the group does not run elsewhere.',
  resourceLost: 'Look at the log of the service: it ended by itself. Recovery follows as configured.',
  failoverStarted: 'Nothing now; find out why it had to move.',
  failoverCompleted: 'Nothing now; find out why it had to move.',
  moveStarted: 'Nothing.',
  failbackStarted: 'Nothing.',
  restartStarted: 'Look at what made it restart.',
  doubleActivation:
    'What it wrote meanwhile may have to be put together by hand: look at its data on both servers before anything else. Then find out how it could happen: a machine that hung without a watchdog, or a partition of a pair.',
  failoverSuppressed: 'The group stays where it is. Remove the reason, then move it by hand if it is not well.',
  monitorWarning: 'Look at what the monitor says; no recovery follows from a warning.',
  monitorUnknown: 'Look at the monitor itself: its program, its permissions, its target.',
  monitorSuspended: 'Resume it when the work is done (`baton monitor resume`): meanwhile nobody watches.',
  monitorResumed: 'Nothing.',
  monitorNormal: 'Nothing now; find out why it had failed.',
  monitorError: 'Look at what is watched. Recovery follows as configured, or an alert says why not.',
  monitorDelayed: 'Look at the load of the server; a larger time-out prevents a false alarm.',
  recoveryScript: 'Look at what is watched, and at what the script did.',
  recoveryRestart: 'Look at what is watched: it is restarted.',
  recoveryFailover: 'Look at what is watched: its group fails over.',
  recoveryFinal: 'Look at what is watched: nothing else has helped.',
  dummyEnabled: '`baton monitor unfail` after the practice.',
  dummyDisabled: 'Nothing.',
  recoverySuppressed: 'The failure stays until somebody acts: remove the reason or repair by hand.',
  fencingRequested: 'Wait for fc/2 or fc/3; find out why the server was lost.',
  fencingConfirmed: 'Find out why it was lost before it is switched on again.',
  fencingFailed:
    'Its groups run nowhere else until it is proven off. Repair the device; or switch the server off by hand, see that it is off, and only then `baton server confirm-off`.',
  fencingConfirmedByOperator: 'Nothing, if it is true.',
  fencingUnneeded: 'Nothing.',
  fencingForgone:
    'Make sure that it is off, or that it released everything: `fencing.policy` is `preferred`. Repair the fence devices.',
  fencingTakenOver: 'Nothing.',
  uncertainServerBack: 'Find out why it was lost.',
  fenceDeviceLost: 'Repair it now: should its server be lost, its groups would stay uncertain.',
  fenceDeviceRestored: 'Nothing.',
  finalActionOrdered: 'Find out what could not be started, stopped or recovered there.',
  finalActionFailed: 'Do it by hand: something there could not be started or stopped.',
  mirrorConstructed: 'Nothing to do; the first copy follows.',
  mirrorBroken:
    'Until md/3 do not switch off the server that goes on, and force nothing. Find out why the other side is gone; it is brought up again when it returns.',
  mirrorJoined: 'Nothing to do.',
  mirrorResyncStarted: 'Nothing to do; `baton mirror status` shows how far it is.',
  mirrorResyncInterrupted: 'See to the mirror connect and the other server; it goes on where it was.',
  mirrorSideOlder:
    'Was it restored from a backup? It is brought up from the other side; nothing to do unless that one is lost.',
  mirrorSideUnknown:
    'Look whether the right partitions are configured. Only if this one is really to be overwritten: `baton mirror replace-disk`.',
  mirrorForced: 'Check the data of the application; the other copy is overwritten when it returns.',
  mirrorSplit: 'Make the backup, then `baton mirror rejoin`.',
  mirrorRejoined: 'Nothing to do.',
  mirrorVerified: 'Nothing to do.',
  mirrorDiffers:
    'Look at the disks of both servers before anything is copied: `baton mirror resync` takes what the serving one has.',
  mirrorDiskTrouble:
    'If the group runs there, move it to the other server first. Replace the disk, then `baton mirror replace-disk`.',
  mirrorConnectLost: 'See to the network; another connect is used meanwhile where there is one.',
  mirrorConnectRestored: 'Nothing to do.',
  mirrorOrderFailed: 'Remove the cause that is named, then order it again.',
  mirrorProcessDied:
    'See `log/GROUP.RESOURCE.mirror.log` in its state directory. Where it served, the group is recovered as after any failure.',
  mirrorDetached:
    'Until the group has moved it ends when that server, its disk or the mirror connect is lost. A disk that answers again is brought up in full by itself; otherwise put in another, `baton mirror replace-disk`.',
}

const byAlert = new Map(
  Object.entries(catalogue).map(([name, { module, id }]) => [
    `${module}/${id}`,
    // cast: the catalogue has no other keys
    advice[name as MessageName],
  ]),
)

/** Of an alert, by what names it for ever; empty for one of newer software. */
export const adviceOn = ({ module, id }: { readonly module: string; readonly id: number }): string =>
  byAlert.get(`${module}/${id}`) ?? ''
