/** Of this voter itself: its lease, the log as it has it, whom it hears and how, its guardian, its alerts. */
import type { PeerStatus } from '../control-protocol.ts'
import { type Measured, type Metric, type Seen, seconds, single, stateOf } from './metric.ts'

type Time = PeerStatus['times'][string]

const ofPeers = (name: string, help: string, value: (peer: PeerStatus) => number | null): Metric => ({
  name,
  help,
  type: 'gauge',
  labels: ['peer'],
  read: ({ status }) => status.peers.map((peer) => [[peer.voter], value(peer)]),
})

const ofPaths = (
  name: string,
  help: string,
  value: (time: Time) => number | null | undefined,
  type: Metric['type'] = 'gauge',
): Metric => ({
  name,
  help,
  type,
  labels: ['peer', 'path'],
  read: ({ status }) =>
    status.peers.flatMap(({ voter, times }) =>
      Object.entries(times).map(([path, time]): Measured => [[voter, path], value(time) ?? null]),
    ),
})

const leaderOf = ({ status: { log } }: Seen): readonly Measured[] =>
  log.replicas.map(({ voter }) => [[voter], voter === log.leader])

const basics: readonly Metric[] = [
  {
    name: 'baton_build_info',
    help: 'Always 1; says what runs here, and as whom.',
    type: 'gauge',
    labels: ['version', 'voter', 'role'],
    read: ({ status: { version, voter, role } }) => [[[version, voter, role], 1]],
  },
  single('baton_agent_start_time_seconds', 'When this agent started, by the wall clock.', ({ status }) =>
    status.clock ? (status.clock.wall - status.startedMsAgo) / 1000 : null,
  ),
  single('baton_lease_held', 'Whether this server may run groups now.', ({ status }) => status.lease.held),
  single('baton_lease_remaining_seconds', 'How long the lease lasts from now on.', ({ status }) =>
    seconds(status.lease.remainingMs),
  ),
  single('baton_voters', 'Voters of the cluster.', ({ quorum }) => quorum.voters),
  single(
    'baton_voters_heard',
    'Voters heard within heartbeat.timeout, this one included.',
    ({ quorum }) => quorum.heard,
  ),
  single('baton_voters_majority', 'So many of them have to agree.', ({ quorum }) => quorum.majority),
  single(
    'baton_voters_not_admitted',
    'Voters whose word does not count: another store.',
    ({ status }) => status.notAdmitted.length,
  ),
  {
    name: 'baton_server_supports',
    type: 'gauge',
    labels: ['server'],
    help: 'Voters that support that this server is declared down, as this one has heard.',
    read: ({ supports }) => Object.entries(supports).map(([server, count]) => [[server], count]),
  },
  {
    name: 'baton_np_verdict',
    type: 'gauge',
    labels: ['verdict'],
    help: 'What NP resolution says of this side; 1 for the verdict that holds.',
    read: ({ status: { partition } }) =>
      partition === null ? [] : stateOf([], ['connected', 'cut-off', 'unknown'], partition.verdict),
  },
]

const log: readonly Metric[] = [
  single('baton_log_reachable', 'Whether the log answers.', ({ status }) => status.log.reachable),
  single('baton_log_last_sequence', 'Last commit that is known to be on the log.', ({ status }) => status.log.last),
  single('baton_log_position', 'Last commit that this agent has taken in.', ({ status }) => status.knowledge.sequence),
  single(
    'baton_log_out_of_touch_seconds',
    'For so long this agent may have missed commits; 0: it has not.',
    ({ status }) => seconds(status.knowledge.knowsUntilMsAgo),
  ),
  single(
    'baton_log_deciding',
    'Whether this agent decides: 0 while the log is damaged or newer.',
    ({ status }) => status.notDeciding === null,
  ),
  {
    name: 'baton_log_leader',
    type: 'gauge',
    labels: ['voter'],
    help: 'Which voter leads the log; all 0: none.',
    read: leaderOf,
  },
  {
    name: 'baton_log_replica_current',
    type: 'gauge',
    labels: ['voter'],
    help: 'Whether the replica of the log on that voter has everything.',
    read: ({ status }) => status.log.replicas.map(({ voter, current }) => [[voter], current]),
  },
  single(
    'baton_log_copy_behind',
    'Commits that the other copy of the log lacks; topology pair alone.',
    ({ status }) => status.copies?.behind ?? null,
  ),
]

const heartbeats: readonly Metric[] = [
  ofPeers('baton_peer_silence_seconds', 'Since the last new beat of that voter, on any path.', ({ heardMsAgo }) =>
    seconds(heardMsAgo),
  ),
  ofPeers('baton_peer_echo_age_seconds', 'Age of the newest of our beats that it has answered.', ({ echoMsAgo }) =>
    seconds(echoMsAgo),
  ),
  {
    name: 'baton_heartbeat_silence_seconds',
    type: 'gauge',
    labels: ['peer', 'path'],
    help: 'Since the last beat of that voter on that path; missing: never heard on it.',
    read: ({ status }) =>
      status.peers.flatMap(({ voter, paths }) =>
        Object.entries(paths).map(([path, ms]): Measured => [[voter, path], seconds(ms)]),
      ),
  },
  ofPaths('baton_heartbeat_round_trip_seconds', 'There and back by that path, the shortest of the last 16.', (time) =>
    seconds(time.roundTripMs),
  ),
  ofPaths('baton_heartbeat_beats_total', 'Beats that came by that path.', ({ beats }) => beats, 'counter'),
  ofPaths(
    'baton_heartbeat_lost_beats_total',
    'Numbers of beats that were passed over on that path; of nats and lan alone, the others carry not every beat.',
    ({ lost }) => lost,
    'counter',
  ),
  ofPaths('baton_heartbeat_late_beats_total', 'Beats later than is to be expected.', ({ late }) => late, 'counter'),
  ofPaths('baton_heartbeat_worst_gap_seconds', 'The longest of these gaps.', ({ worstMs }) => seconds(worstMs)),
]

const machine: readonly Metric[] = [
  single('baton_guardian_running', 'Whether the guardian answers.', ({ status }) =>
    status.role === 'witness' ? null : status.guardian.running,
  ),
  single('baton_watchdog_armed', 'Whether a watchdog resets this machine when it hangs.', ({ status }) =>
    status.role === 'witness' ? null : status.guardian.watchdog !== 'none',
  ),
  single('baton_clock_rate_error_ratio', 'How far the clock’s rate is off the hardware’s.', ({ status }) => {
    const percent = status.clock?.rateErrorPercent ?? null
    return percent === null ? null : percent / 100
  }),
  single('baton_certificate_remaining_seconds', 'Until the certificate of this voter ends, in whole days.', (seen) =>
    seen.certificateDays === null ? null : seen.certificateDays * 86_400,
  ),
]

const alerts: readonly Metric[] = [
  single('baton_alerts_sent_total', 'Alerts sent by this server.', (seen) => seen.alerts?.sent ?? null, 'counter'),
  single('baton_alerts_dropped_total', 'Alerts given up.', (seen) => seen.alerts?.dropped ?? null, 'counter'),
  single('baton_alerts_queued', 'Alerts that wait to be sent.', (seen) => seen.alerts?.queued ?? null),
  {
    name: 'baton_alert_target_failures_total',
    type: 'counter',
    labels: ['target'],
    help: 'Deliveries that a target did not take.',
    read: (seen) => Object.entries(seen.alerts?.troubles ?? {}).map(([target, count]) => [[target], count]),
  },
]

export const agentMetrics: readonly Metric[] = [...basics, ...log, ...heartbeats, ...machine, ...alerts]
