/** What the processes of servers and witnesses have in common: role, beats, control socket, alerts. */
import { silence, supportersOf } from '../../decisions/liveness.ts'
import { majorityOf } from '../../decisions/quorum.ts'
import { type Instant, type Recorded, serverName, type VoterName } from '../../events/index.ts'
import type { State } from '../../projections/state.ts'
import type { Cancel, World } from '../../world/world.ts'
import { type Alarm, localAlarms } from '../alerts/local-alarms.ts'
import { type AlertSink, alertSink } from '../alerts/sink.ts'
import { alertTargets } from '../alerts/targets.ts'
import { serveControl } from '../control-server.ts'
import { comKind } from '../heartbeats/com.ts'
import { diskKind } from '../heartbeats/disk.ts'
import { heartbeatPaths, type PathKind } from '../heartbeats/paths.ts'
import { witnessKind } from '../heartbeats/witness.ts'
import type { Say } from '../log/log-link.ts'
import type { Machine } from '../machine.ts'
import type { Seen } from '../metrics/metric.ts'
import { metricsDesk } from '../metrics/metrics-desk.ts'
import type { MirrorKeepers } from '../mirror/mirrors.ts'
import { type Node, placesIn } from '../node.ts'
import type { ServerAgent } from '../server-agent.ts'
import { agentStatus, type StatusParts } from '../status.ts'
import { suspicions } from './suspicions.ts'
import { startVoter, type Voter, type VoterOptions } from './voter.ts'
import { type KitVoter, readVoterKit } from './voter-kit.ts'
import type { WitnessWebAddress } from './witness-web.ts'

export type ProcessOptions = {
  readonly stateDirectory: string
  readonly natsServer: string
  readonly version: string
  /** Command line that starts this program: node and the CLI's main file. */
  readonly self: readonly [string, string]
  /** The guardian starts the agent again when it dies: where no service manager does. */
  readonly respawn: boolean
  /** Last resort of the guardian: a command that resets the machine; null = none. */
  readonly reset: string | null
  /** The systemd unit that runs the guardian; null = the agent starts one itself. */
  readonly guardianUnit: string | null
  /** NOTIFY_SOCKET and WATCHDOG_USEC of systemd. */
  readonly notifySocket: string | null
  readonly watchdogMs: number | null
  /** Of a witness: beats by HTTP are taken here too. */
  readonly web?: WitnessWebAddress | undefined
  /** Aborted by SIGTERM and SIGINT: the agent leaves, what it runs stays. */
  readonly signal: AbortSignal
}

/** The heartbeat paths that a configuration may ask for. Of each agent its own: they remember what is open. */
const pathKinds = (): readonly PathKind[] => [comKind, diskKind(), witnessKind]

/** Started as the wrong kind of voter. */
export class WrongRole extends Error {
  override readonly name = 'WrongRole'
}

/** Another process is this voter. */
export class RunsAlready extends Error {
  override readonly name = 'RunsAlready'
}

/**
 * Before anything is started in the place of another voter, or beside itself: two agents of one server would each start its
 * groups, and give the word of one voter twice. @throws WrongRole, RunsAlready, KitUnusable
 */
export const takeRole = async (
  { files }: Pick<World, 'files'>,
  stateDirectory: string,
  role: KitVoter['role'],
): Promise<void> => {
  const { kit, lock } = placesIn(stateDirectory)
  const { own } = await readVoterKit(files, kit)
  const command = own.role === 'server' ? 'agent' : 'witness'
  if (own.role !== role) throw new WrongRole(`${own.name} is a ${own.role}: start it with baton ${command}`)
  const pid = await files.lock(lock)
  if (pid !== null)
    throw new RunsAlready(`${own.name} runs already, as process ${pid} with ${stateDirectory}: end that one first`)
}

type ServedParts = Omit<StatusParts, 'node' | 'mirrors'> & {
  readonly say: Say
  /** Null on a witness. */
  readonly sink: Pick<AlertSink, 'status'> | null
  readonly mirrors: Pick<MirrorKeepers, 'here'> | null
}

/** The control socket, for the command line, and the metrics; resolves to what closes both. */
export const serveNode = async (
  world: World,
  node: Node,
  agent: Pick<ServerAgent, 'command' | 'handOver' | 'goAlone' | 'refusal' | 'heldGroups'> | null,
  { say, sink, mirrors, ...seen }: ServedParts,
): Promise<Cancel> => {
  const status = () => agentStatus(world, { node, mirrors: () => mirrors?.here() ?? [], ...seen })
  const closeMetrics = metricsDesk(world, {
    node,
    say,
    seen: () => ({
      ...votesOf(seen.voter, node.recorder.state(), world.clock.now()),
      status: status(),
      certificateDays: seen.conditions.certificateDays(),
      held: Object.keys(agent?.heldGroups() ?? {}),
      alerts: sink?.status() ?? null,
    }),
  })
  const closeControl = await serveControl(world, {
    socket: node.places.control,
    cluster: node.kit.identity.cluster,
    recorder: node.recorder,
    log: node.log,
    status,
    command: agent?.command ?? null,
    handOver: agent?.handOver ?? null,
    goAlone: agent?.goAlone ?? null,
    refusal: agent?.refusal ?? null,
  })
  return () => {
    closeMetrics()
    closeControl()
  }
}

const votesOf = (voter: Voter, { servers }: State, now: Instant): Pick<Seen, 'quorum' | 'supports'> => {
  const l = voter.liveness()
  const membership = voter.membership()
  const { voters } = membership
  const isHeard = (name: VoterName) =>
    name === l.me || (l.heard[name] !== undefined && silence(l, name, now) < l.timing.timeoutMs)
  const up = Object.values(servers.byName).filter(({ status }) => status === 'up')
  return {
    quorum: { voters: voters.length, heard: voters.filter(isHeard).length, majority: majorityOf(voters) },
    supports: Object.fromEntries(
      up.map(({ name, generation }) => [name, supportersOf(l, name, generation, membership).length]),
    ),
  }
}

export const joinVoters = (
  { world, beatCodec }: Machine,
  node: Node,
  {
    say,
    note,
    ...shared
  }: Pick<VoterOptions, 'version' | 'groups' | 'changed' | 'extended' | 'passed' | 'withheld'> & {
    readonly say: Say
    /** Puts something on the log that nobody waits for; a witness does not. */
    readonly note: ServerAgent['note'] | null
  },
): Voter => {
  const server = serverName(node.kit.own.name)
  const record =
    note && ((what: string, count: number) => note({ type: 'SuspicionRaised', data: { server, what, count } }))
  const suspicious = suspicions(world, { say, record })
  const failed = (what: string) => say(what, {})
  const codec = beatCodec && { codec: beatCodec }
  const voter = startVoter(world, { kit: node.kit, store: node.store, suspicious, failed, ...codec, ...shared })
  const paths = heartbeatPaths(world, pathKinds(), { kit: node.kit, voter, suspicious, say })
  const fold = () => {
    voter.fold(node.recorder.state())
    paths.arrange(node.recorder.state().configuration.current)
  }
  fold()
  node.recorder.onFold(fold)
  node.onBeatChannel(({ name, send, subscribe }) => {
    voter.addPath({ name, send, close: () => {} })
    subscribe((bytes) => voter.receive(bytes, name))
  })
  return voter
}

export const startAlerts = async (
  world: World,
  { recorder, places, log }: Node,
  say: Say,
  alarms: readonly Alarm[],
) => {
  let configuration = recorder.state().configuration.current
  const trouble = (what: string, cause: unknown) => say(what, { cause: String(cause) })
  const sink = await alertSink(world, {
    cursorFile: places.alertCursor,
    targets: alertTargets(world, configuration, places.alerts),
    endOfLog: () => log.status().last,
    trouble,
  })
  const targets = () => alertTargets(world, recorder.state().configuration.current, places.alerts)
  const raised = localAlarms(world, { alarms, state: recorder.state, targets, trouble })
  recorder.onFold((recorded: readonly Recorded[], before: State) => {
    const { current } = recorder.state().configuration
    if (current !== configuration) sink.retarget(alertTargets(world, current, places.alerts))
    configuration = current
    sink.accept(recorded, before)
  })
  return {
    status: sink.status,
    close: async () => {
      raised.stop()
      await sink.close()
    },
  }
}
