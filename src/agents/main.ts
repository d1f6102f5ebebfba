/** The processes of this product: the agent of a server, the witness, and the guardian beside an agent. */

import { keepsOnQuorumLoss } from '../decisions/fencing.ts'
import { scriptEnvironment } from '../decisions/script-environment.ts'
import { missingWatchdog } from '../decisions/watchdog.ts'
import {
  groupName,
  type MonitorName,
  type Recorded,
  resourceName,
  type ServerName,
  serverName,
} from '../events/index.ts'
import { monitorsOf } from '../projections/configuration.ts'
import type { State } from '../projections/state.ts'
import type { World } from '../world/world.ts'
import { logAlarm, majorityAlarm } from './alerts/alarms.ts'
import { type Alarm, localAlarms } from './alerts/local-alarms.ts'
import { alertSink } from './alerts/sink.ts'
import { alertTargets } from './alerts/targets.ts'
import { conditionWatch } from './conditions.ts'
import { serveControl } from './control-server.ts'
import { firstConfiguration } from './first-configuration.ts'
import { runGuardian as guard } from './guardian.ts'
import { type GuardianLink, linkGuardian } from './guardian-link.ts'
import { comKind } from './heartbeats/com.ts'
import { diskKind } from './heartbeats/disk.ts'
import { heartbeatPaths, type PathKind } from './heartbeats/paths.ts'
import { witnessKind } from './heartbeats/witness.ts'
import type { Say } from './log-link.ts'
import type { Machine } from './machine.ts'
import { type Node, openNode, placesIn } from './node.ts'
import { pingTargets } from './np/ping.ts'
import { type ResourceRunner, resourceRunner } from './resource-runner.ts'
import { type ServerAgent, startServerAgent } from './server-agent.ts'
import { serviceManager } from './service-manager.ts'
import { agentStatus } from './status.ts'
import { suspicions } from './suspicions.ts'
import { startVoter, type Voter, type VoterOptions } from './voter.ts'
import { startWitnessWeb, type WitnessWebAddress } from './witness-web.ts'

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

/** The agent of a server; resolves when it was told to end. @throws KitUnusable, VoterStoreDamaged, GuardianMissing */
export const runAgent = async (machine: Machine, options: ProcessOptions): Promise<void> => {
  const { world } = machine
  const say = machine.diary('agent')
  const startedAt = world.clock.now()
  const manager = serviceManager(world, { socket: options.notifySocket, watchdogMs: options.watchdogMs })
  const node = await openNode(world, { stateDirectory: options.stateDirectory, openLog: machine.openLog, say })
  checkRole(node, 'server')
  const { places, instance, recorder } = node
  const installation = installationOf(machine, options)
  const me = serverName(node.kit.own.name)
  let agent: ServerAgent | null = null
  const guardian = await reachGuardian(world, options, node)
  const runner = runnerOf(machine, node, { installation, agent: () => agent, leftMs: guardian.leftMs })
  await runner.adopt(recorder.state())
  const voter = joinVoters(world, node, {
    groups: () => agent?.heldGroups() ?? {},
    changed: () => agent?.wake(),
    extended: () => agent?.extended(),
    withheld: () => withheld(guardian, recorder.state()),
    say,
    note: (event) => agent?.note(event),
  })
  const conditions = conditionWatch(world, node.kit)
  agent = startServerAgent(world, {
    me,
    recorder,
    log: node.log,
    voter,
    runner,
    guardian,
    store: node.store,
    monitors: {
      instance,
      logDirectory: places.logs,
      drivers: machine.monitorDrivers,
      environment: (monitor) => monitorEnvironment(recorder.state(), monitor, me, installation),
    },
    conditions,
    pair: node.pair && { link: node.pair, giveUpHistory: node.giveUpHistory },
    ping: (targets, timeoutMs) => pingTargets(world, targets, timeoutMs),
    say,
  })
  const sink = await startAlerts(
    world,
    node,
    say,
    alarmsOf(node, voter, () => agent?.heldGroups() ?? {}),
  )
  void firstConfiguration(world, node, options.signal)
  const running = agent
  const closeControl = await serveNode(world, node, running, {
    voter,
    version: options.version,
    startedAt,
    ...running,
    hasGuardian: guardian.isThere,
    watchdog: guardian.watchdog,
    conditions,
  })
  manager.ready()
  say('agent started', { server: me, incarnation: node.store.incarnation })
  const isToComeBack = await Promise.race([node.givenUp, untilAborted(options.signal).then(() => false)])
  manager.stopping()
  await stopServer({ isToComeBack, running, runner, guardian, closeControl, sink, voter, node })
}

const runnerOf = (
  { world, resourceDrivers: drivers }: Machine,
  { kit, instance, places }: Node,
  {
    installation,
    agent,
    leftMs,
  }: {
    readonly installation: ReturnType<typeof installationOf>
    readonly agent: () => ServerAgent | null
    readonly leftMs: GuardianLink['leftMs']
  },
): ResourceRunner =>
  resourceRunner(world, {
    me: serverName(kit.own.name),
    instance,
    installation,
    drivers,
    logDirectory: places.logs,
    manifest: places.manifest,
    changed: () => agent()?.wake(),
    lost: (group, resource, because) => agent()?.lost(group, resource, because),
    leftMs,
  })

const alarmsOf = ({ kit, recorder, outOfTouchMs }: Node, voter: Voter, held: () => object): readonly Alarm[] => [
  logAlarm(kit.own.name, outOfTouchMs),
  majorityAlarm(kit.own.name, {
    hasLease: voter.hasLease,
    keeps: () => keepsOnQuorumLoss(recorder.state()),
    held: () => Object.keys(held()),
  }),
]

const installationOf = ({ osName, osVersion }: Machine, { version, stateDirectory }: ProcessOptions) => ({
  version,
  path: stateDirectory,
  osName,
  osVersion,
})

const stopServer = async (parts: {
  readonly isToComeBack: boolean
  readonly running: ServerAgent
  readonly runner: ResourceRunner
  readonly guardian: GuardianLink
  readonly closeControl: () => void
  readonly sink: Awaited<ReturnType<typeof startAlerts>>
  readonly voter: Voter
  readonly node: Node
}): Promise<void> => {
  const { running, runner, guardian, closeControl, sink, voter, node } = parts
  running.stop()
  takeLeave(guardian, parts.isToComeBack || !runner.isAllOff())
  closeControl()
  // Beats go on until the end: what an alert's target takes of our time must not cost the lease.
  await sink.close()
  voter.stop()
  await node.stop()
}

/** What runs goes on under the lease it has; the guardian ends it if no agent comes back in time. */
const takeLeave = (guardian: GuardianLink, isNeeded: boolean): void => {
  if (isNeeded) guardian.leave()
  else guardian.end()
}

/** The witness: log server, beats, grants and supports; nothing else. */
export const runWitness = async (machine: Machine, options: ProcessOptions): Promise<void> => {
  const { world } = machine
  const say = machine.diary('witness')
  const startedAt = world.clock.now()
  const manager = serviceManager(world, { socket: options.notifySocket, watchdogMs: options.watchdogMs })
  const node = await openNode(world, { stateDirectory: options.stateDirectory, openLog: machine.openLog, say })
  checkRole(node, 'witness')
  const voter = joinVoters(world, node, { groups: () => ({}), changed: () => {}, extended: () => {}, say, note: null })
  const conditions = conditionWatch(world, node.kit)
  const closeControl = await serveNode(world, node, null, {
    voter,
    version: options.version,
    startedAt,
    standing: () => null,
    partition: null,
    hasGuardian: () => false,
    watchdog: () => null,
    conditions,
  })
  const web = await webOf(world, node, options, say)
  manager.ready()
  say('witness started', { voter: node.kit.own.name })
  await untilAborted(options.signal)
  manager.stopping()
  voter.stop()
  web?.close()
  closeControl()
  await node.stop()
}

const webOf = async (world: World, { kit }: Node, { web }: ProcessOptions, say: Say) =>
  web ? await startWitnessWeb(world, { ...web, cluster: kit.identity.cluster, key: kit.clusterKey, say }) : null

/** The guardian; resolves when the agent told it that nothing is left to guard. */
export const runGuardian = async (
  machine: Machine,
  options: ProcessOptions & { readonly instance: string },
): Promise<void> => {
  const places = placesIn(options.stateDirectory)
  await guard(machine.world, {
    socket: places.guardian,
    manifest: places.manifest,
    logDirectory: places.logs,
    instance: options.instance,
    drivers: machine.resourceDrivers,
    watchdogs: machine.watchdogs ?? { open: () => noWatchdogs, whyNot: () => noWatchdogs.refused },
    respawn: options.respawn ? [...options.self, 'agent', ...commonArguments(options)] : null,
    reset: options.reset === null ? null : ['/bin/sh', '-c', options.reset],
    say: machine.diary('guardian'),
  })
}

const noWatchdogs = { refused: 'this machine has no watchdogs' } as const

/** Why this server may hold no lease: nobody would end its groups in time. */
const withheld = (guardian: GuardianLink, { configuration }: State): string | null =>
  guardian.trouble() ?? missingWatchdog(configuration.current, guardian.watchdog())

/** Started as the wrong kind of voter. */
export class WrongRole extends Error {
  override readonly name = 'WrongRole'
}

/** @throws WrongRole */
const checkRole = ({ kit: { own } }: Node, role: Node['kit']['own']['role']): void => {
  const command = own.role === 'server' ? 'agent' : 'witness'
  if (own.role !== role) throw new WrongRole(`${own.name} is a ${own.role}: start it with baton ${command}`)
}

const commonArguments = ({ stateDirectory, natsServer, respawn, reset }: ProcessOptions): readonly string[] => [
  '--state',
  stateDirectory,
  '--nats-server',
  natsServer,
  ...(respawn ? ['--respawn'] : []),
  ...(reset === null ? [] : ['--reset', reset]),
]

const reachGuardian = (world: World, options: ProcessOptions, { places, instance }: Node): Promise<GuardianLink> =>
  linkGuardian(world, {
    socket: places.guardian,
    command: [...options.self, 'guardian', ...commonArguments(options), '--instance', instance],
    tag: `${instance}/guardian`,
    logFile: `${places.logs}/guardian.log`,
    own: world.processes.own(),
  })

/** The control socket, for the command line; resolves to what closes it. */
const serveNode = (
  world: World,
  node: Node,
  agent: Pick<ServerAgent, 'command' | 'handOver' | 'goAlone'> | null,
  seen: Omit<Parameters<typeof agentStatus>[1], 'node'>,
): ReturnType<typeof serveControl> =>
  serveControl(world, {
    socket: node.places.control,
    cluster: node.kit.identity.cluster,
    recorder: node.recorder,
    log: node.log,
    status: () => agentStatus(world, { node, ...seen }),
    command: agent?.command ?? null,
    handOver: agent?.handOver ?? null,
    goAlone: agent?.goAlone ?? null,
  })

const joinVoters = (
  world: World,
  node: Node,
  {
    say,
    note,
    ...shared
  }: Pick<VoterOptions, 'groups' | 'changed' | 'extended' | 'withheld'> & {
    readonly say: Say
    /** Puts something on the log that nobody waits for; a witness does not. */
    readonly note: ServerAgent['note'] | null
  },
): Voter => {
  const suspicious = suspicions(world, { me: serverName(node.kit.own.name), say, record: note })
  const failed = (what: string) => say(what, {})
  const voter = startVoter(world, { kit: node.kit, store: node.store, suspicious, failed, ...shared })
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

const startAlerts = async (world: World, { recorder, places, log }: Node, say: Say, alarms: readonly Alarm[]) => {
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
    close: async () => {
      raised.stop()
      await sink.close()
    },
  }
}

/** Monitors' scripts see what the scripts of their target see. */
const monitorEnvironment = (
  state: State,
  monitor: MonitorName,
  me: ServerName,
  installation: Parameters<typeof scriptEnvironment>[2],
): Readonly<Record<string, string>> => {
  const { current } = state.configuration
  const target = current ? monitorsOf(current)[monitor]?.target : undefined
  if (!target) return { CLP_RESNAME: '', BATON_SERVER: me }

  return scriptEnvironment(
    state,
    { group: groupName(target.group), resource: resourceName(target.resource ?? ''), me },
    installation,
  )
}

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
