/**
 * The cluster's configuration: one schema in two forms. People write durations with a unit (`3s`); on the log they
 * are milliseconds, with every default filled in, so that a later version's defaults never change what was decided.
 * `checkConfiguration` turns the one into the other, and says what no schema can.
 */
import { z } from 'zod'
import { fencingOf, finalActionsOf } from './configuration-fencing.ts'
import { type Form, formOf } from './configuration-form.ts'
import { heartbeatDevicesOf, heartbeatPathsOf } from './configuration-heartbeats.ts'
import { metricsOf, ownMetricsOf } from './configuration-metrics.ts'
import { monitorOf } from './configuration-monitors.ts'
import { npResolutionOf } from './configuration-np-resolution.ts'
import { ownProcessesOf } from './configuration-own-processes.ts'
import { groupOf } from './configuration-resources.ts'
import { watchdogOf } from './configuration-watchdog.ts'
import { type ListenAddress, listenAddressOf } from './listen-address.ts'

export { formatDuration, parseDuration } from './duration.ts'

const voterOf = (form: Form) => {
  const { object, name, address, integer, absolutePath } = form
  return object({
    name: name.describe('As it is called on the log and on command lines; best the host name.'),
    addresses: z
      .record(name, address)
      .describe('One address per network, by the name of the network; the first network is the interconnect.'),
    ports: object({
      heartbeat: integer(1, 65_535).optional().describe('UDP port of its beats.'),
      log: integer(1, 65_535).optional().describe('TCP port of its log server.'),
      route: integer(1, 65_535).optional().describe('TCP port of the routes between log servers.'),
    })
      .optional()
      .describe('Only where voters share an address, as in a demo on loopback: ports of this one alone.'),
    watchdog: z
      .union([z.literal('none'), absolutePath])
      .optional()
      .describe('Its watchdog, where that differs from watchdog.device.'),
    metrics: ownMetricsOf(form),
  })
}

/** liveness.md, "The inequality"; `checkConfiguration` enforces it. */
const heartbeatOf = (form: Form) => {
  const { object, after, integer, number } = form
  return object({
    interval: after('300ms', { least: '10ms', most: '1m' }).describe('Time from one beat to the next.'),
    timeout: after('3s', { least: '100ms', most: '1h' }).describe(
      'T: silence after which a voter supports a server’s removal.',
    ),
    release: after('1s', { least: '10ms', most: '1h' }).describe(
      'R: within which a server that lost its lease is provably off.',
    ),
    stop: after('800ms', { least: '1ms', most: '1h' }).describe(
      'D: the part of release that stopping takes, the reset by the watchdog included.',
    ),
    clockRateError: number(0, 20).default(2).describe('ρ: how far the rate of a clock may be off, in percent.'),
    delay: after('20ms', { most: '10s' }).describe('The largest delay of a beat, one way, that is to be expected.'),
    stall: after('200ms', { most: '10m' }).describe('The longest pause of process or machine that costs no lease.'),
    onQuorumLoss: z
      .enum(['release', 'keep'])
      .default('release')
      .describe(
        'A server that loses its majority stops what it runs, or goes on with it: then a takeover needs a proof that it is off.',
      ),
    lostBeats: integer(0, 1000).default(2).describe('k: beats in a row that may be lost without harm.'),
  }).extend(heartbeatPathsOf(form))
}

const alertsOf = ({ object, hostAndPort }: Form) =>
  object({
    file: z.boolean().default(true).describe('Alerts go to the alert log.'),
    syslog: object({
      local: z.boolean().default(true).describe('Alerts go to the syslog of the server.'),
      udp: hostAndPort.optional().describe('host:port of a syslog server that gets them too.'),
      facility: z
        .enum(['daemon', 'local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7'])
        .default('daemon')
        .describe('The facility they are sent under.'),
    })
      .prefault({})
      .describe('Alerts by syslog.'),
  })

const configurationOf = (form: Form) => {
  const { object, after, integer, name } = form
  const voter = voterOf(form)
  return object({
    cluster: name.describe('The name of the cluster; it cannot change later.'),
    topology: z
      .enum(['pair'])
      .optional()
      .describe('`pair`: two servers and nobody else; NP resolution stands in for the one that is missing.'),
    servers: z
      .array(voter.extend(heartbeatDevicesOf(form)))
      .min(1)
      .max(7)
      .describe('The machines that may run groups, in order of priority.'),
    witness: voter.optional().describe('A machine that only votes and keeps the log; it runs no groups.'),
    voters: z
      .array(name)
      .min(1)
      .optional()
      .describe('Who votes: 1, 3 or 5. Without it all servers, and the witness when that makes them odd.'),
    ports: object({
      heartbeat: integer(1, 65_535).default(29002).describe('UDP port of the beats.'),
      log: integer(1, 65_535).default(29010).describe('TCP port of the log servers.'),
      route: integer(1, 65_535).default(29011).describe('TCP port of the routes between log servers.'),
    })
      .prefault({})
      .describe('Ports of every voter that has none of its own.'),
    heartbeat: heartbeatOf(form).prefault({}).describe('When a server counts as lost, and how soon it is off by then.'),
    watchdog: watchdogOf(form).prefault({}).describe('What resets a machine that hangs with its groups.'),
    startSync: after('5m', { most: '1h' }).describe('How long a starting cluster waits for servers that are missing.'),
    npResolution: npResolutionOf(form).prefault({}).describe('How a partitioned network is told from a crash.'),
    fencing: fencingOf(form).prefault({}).describe('How a server that was lost is proven off before its groups move.'),
    finalActions: finalActionsOf(form)
      .prefault({})
      .describe('The commands by which a server ends itself as a final action, and in an emergency.'),
    ownProcesses: ownProcessesOf(form)
      .prefault({})
      .describe('What a server does when its agent, guardian, log server or mirror process dies.'),
    alerts: alertsOf(form).prefault({}).describe('Where alerts go.'),
    metrics: metricsOf(form).prefault({}).describe('What a Prometheus server can ask every server (docs/metrics.md).'),
    suppressRecovery: z.boolean().default(false).describe('Recovery by monitors is recorded but not done, anywhere.'),
    groups: z.record(name, groupOf(form)).default({}).describe('The failover groups, by name.'),
    monitors: z.record(name, monitorOf(form)).default({}).describe('What is watched, by name.'),
  })
}

// Lazy both: every process of ours loads this, and making one takes tens of milliseconds.

/** As people write it; strict, so that a misspelt key is an error and not a silent default. */
export const writtenConfiguration = z.lazy(() => configurationOf(formOf(true)))
/** As it stands on the log, whoever wrote it; passes over keys that newer software added. */
export const storedConfiguration = z.lazy(() => configurationOf(formOf(false)))

export type Configuration = z.output<typeof storedConfiguration>
export type VoterConfiguration = Configuration['servers'][number]
export type GroupConfiguration = Configuration['groups'][string]
export type ResourceConfiguration = GroupConfiguration['resources'][string]
export type ExecConfiguration = Extract<ResourceConfiguration, { type: 'exec' }>
export type FipConfiguration = Extract<ResourceConfiguration, { type: 'fip' }>
export type DiskConfiguration = Extract<ResourceConfiguration, { type: 'disk' }>
export type MirrorConfiguration = Extract<ResourceConfiguration, { type: 'md' }>
export type ServiceConfiguration = Extract<ResourceConfiguration, { type: 'service' }>
export type NpResolution = Configuration['npResolution']
export type { FinalAction } from './configuration-resources.ts'
export type FencingConfiguration = Configuration['fencing']
export type FenceDeviceConfiguration = FencingConfiguration['devices'][string]
export type MonitorConfiguration = Configuration['monitors'][string]

/**
 * Who sends beats that count, grants and supports: `voters` where it is given, else the servers, with the witness
 * when that makes their number odd. Odd for every configuration that the checker accepted. The order of the list is
 * that of `servers`, the witness last.
 */
export const votingMembersOf = (configuration: Configuration): readonly VoterConfiguration[] => {
  const { servers, witness, voters } = configuration
  const all = witness ? [...servers, witness] : servers
  if (voters) return all.filter((voter) => voters.includes(voter.name))
  return servers.length % 2 === 1 ? servers : all
}

/** Names of the networks, the interconnect first: those of the first server, then what others have besides. */
export const networksOf = (configuration: Pick<Configuration, 'servers' | 'witness'>): readonly string[] => {
  const all = configuration.witness ? [...configuration.servers, configuration.witness] : configuration.servers
  return [...new Set(all.flatMap((voter) => Object.keys(voter.addresses)))]
}

/** Where a voter answers GET /metrics; null = nowhere. */
export const metricsPlaceOf = (
  { metrics, servers, witness }: Pick<Configuration, 'metrics' | 'servers' | 'witness'>,
  voter: string,
): ListenAddress | null => {
  const own = [...servers, ...(witness ? [witness] : [])].find(({ name }) => name === voter)
  return own ? listenAddressOf(own.metrics ?? metrics.listen) : null
}

/** The ports of one voter: its own, else the cluster's. UDP for beats, TCP for log and routes. */
export const portsOf = (
  configuration: Pick<Configuration, 'ports'>,
  voter: VoterConfiguration,
): { readonly heartbeat: number; readonly log: number; readonly route: number } => ({
  heartbeat: voter.ports?.heartbeat ?? configuration.ports.heartbeat,
  log: voter.ports?.log ?? configuration.ports.log,
  route: voter.ports?.route ?? configuration.ports.route,
})
