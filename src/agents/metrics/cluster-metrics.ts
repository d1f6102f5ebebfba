/** Of the cluster, as the log tells it: every server says the same, as far as each has read. */
import { monitorVerdict, ownProcesses } from '../../events/index.ts'
import type { Group } from '../../projections/groups.ts'
import { isInForce } from '../../projections/monitors.ts'
import type { Server } from '../../projections/servers.ts'
import { type Measured, type Metric, type Seen, single, stateOf } from './metric.ts'

const groupStates = ['stopped', 'starting', 'online', 'stopping', 'failed', 'uncertain']
const serverStates = ['never', 'up', 'down', 'left']
const verdicts = monitorVerdict.options

const groupsOf = ({ status: { state } }: Seen): readonly Group[] => Object.values(state.groups)
const serversOf = ({ status: { state } }: Seen): readonly Server[] => Object.values(state.servers.byName)

const ofGroups = (name: string, help: string, value: (group: Group) => number | boolean): Metric => ({
  name,
  help,
  type: 'gauge',
  labels: ['group'],
  read: (seen) => groupsOf(seen).map((group) => [[group.name], value(group)]),
})
const ofServers = (name: string, help: string, value: (server: Server) => number | boolean): Metric => ({
  name,
  help,
  type: 'gauge',
  labels: ['server'],
  read: (seen) => serversOf(seen).map((server) => [[server.name], value(server)]),
})

/** A sample for each server that may run it. */
const ownersOf = ({ status: { state } }: Seen): readonly Measured[] =>
  Object.values(state.groups).flatMap(({ name, ownership }) => {
    const servers = state.configuration.current?.groups[name]?.servers ?? []
    return servers.map(
      (server): Measured => [[name, server], ownership.status === 'assigned' && ownership.server === server],
    )
  })

const groups: readonly Metric[] = [
  {
    name: 'baton_group_state',
    type: 'gauge',
    labels: ['group', 'state'],
    help: 'What the group is doing; 1 for the state that it is in.',
    read: (seen) =>
      groupsOf(seen).flatMap(({ name, ownership }) =>
        stateOf([name], groupStates, ownership.status === 'assigned' ? ownership.phase : 'stopped'),
      ),
  },
  {
    name: 'baton_group_owner',
    type: 'gauge',
    labels: ['group', 'server'],
    help: 'Which of its servers owns the group.',
    read: ownersOf,
  },
  ofGroups('baton_group_wanted', 'Whether the group is to run.', ({ wanted }) => wanted === 'started'),
  ofGroups('baton_group_waiting', 'Whether it cannot be placed anywhere.', ({ waiting }) => waiting !== null),
  ofGroups('baton_group_failovers', 'Failovers since their count was last reset.', ({ failovers }) => failovers),
  {
    name: 'baton_group_held',
    type: 'gauge',
    labels: ['group'],
    help: 'Whether this server runs something of the group, by what it sees itself.',
    read: (seen) => groupsOf(seen).map(({ name }) => [[name], seen.held.includes(name)]),
  },
  {
    name: 'baton_resource_online',
    type: 'gauge',
    labels: ['group', 'resource'],
    help: 'Whether the resource is online, where its group is owned.',
    read: (seen) =>
      groupsOf(seen).flatMap(({ name, ownership }) =>
        ownership.status === 'assigned'
          ? Object.entries(ownership.resources).map(
              ([resource, { condition }]): Measured => [[name, resource], condition === 'online'],
            )
          : [],
      ),
  },
  {
    name: 'baton_monitor_verdict',
    type: 'gauge',
    labels: ['monitor', 'server', 'verdict'],
    help: 'What the monitor found last on that server; 1 for the verdict that holds.',
    read: ({ status: { state } }) =>
      Object.entries(state.monitors).flatMap(([name, { servers }]) =>
        Object.entries(servers).flatMap(([server, { verdict }]) =>
          isInForce(state, name, server) ? stateOf([name, server], verdicts, verdict) : [],
        ),
      ),
  },
]

const servers: readonly Metric[] = [
  {
    name: 'baton_server_state',
    type: 'gauge',
    labels: ['server', 'state'],
    help: 'What the log says of the server; 1 for the state that it is in.',
    read: (seen) => serversOf(seen).flatMap(({ name, status }) => stateOf([name], serverStates, status)),
  },
  ofServers('baton_server_stop_ordered', 'Whether an operator took it out of service.', (server) => server.stopOrdered),
  ofServers('baton_server_cut_off', 'Whether NP resolution says that there.', ({ isCutOff }) => isCutOff),
  ofServers(
    'baton_server_log_trouble',
    'Whether it finds its log not in order.',
    ({ logTrouble }) => logTrouble !== null,
  ),
  ofServers('baton_server_lost_paths', 'Heartbeat paths that it has lost, of all peers.', ({ lostPaths }) =>
    Object.values(lostPaths).reduce((sum, lost) => sum + lost.length, 0),
  ),
  ofServers(
    'baton_server_conditions',
    'Conditions that are not as they should be there (watchdog, clock, …).',
    (server) => Object.keys(server.conditions ?? {}).length,
  ),
  {
    name: 'baton_own_process_deaths',
    type: 'gauge',
    labels: ['server', 'process'],
    help: 'Deaths of our own processes there, as far as they are remembered: 99 at most.',
    read: (seen) =>
      serversOf(seen).flatMap(({ name, deaths }) =>
        ownProcesses.map((process): Measured => [[name, process], deaths?.[process]?.length ?? 0]),
      ),
  },
  {
    name: 'baton_fence_pending',
    type: 'gauge',
    labels: ['server'],
    help: 'Whether the server is down and not proven off: its groups wait.',
    read: (seen) => serversOf(seen).map(({ name }) => [[name], Object.hasOwn(seen.status.state.fencing.pending, name)]),
  },
  {
    name: 'baton_fence_device_lost',
    type: 'gauge',
    labels: ['device'],
    help: 'Whether the fence device does not answer.',
    read: ({ status: { state } }) =>
      Object.keys(state.configuration.current?.fencing.devices ?? {}).map((device) => [
        [device],
        Object.hasOwn(state.fencing.lostDevices, device),
      ]),
  },
]

const cluster: readonly Metric[] = [
  single(
    'baton_cluster_suspended',
    'Whether failover is suspended everywhere.',
    ({ status }) => status.state.cluster.suspended,
  ),
  single(
    'baton_configuration_version',
    'Of the configuration in force.',
    ({ status }) => status.state.configuration.version,
  ),
  single(
    'baton_anomalies',
    'Events that contradict the log, the latest 20 at most.',
    ({ status }) => status.state.anomalies.length,
  ),
]

export const clusterMetrics: readonly Metric[] = [...groups, ...servers, ...cluster]
