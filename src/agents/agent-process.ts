/** The process of a server's agent. */
import { keepsOnQuorumLoss } from '../decisions/fencing.ts'
import { scriptEnvironment } from '../decisions/script-environment.ts'
import { missingWatchdog } from '../decisions/watchdog.ts'
import { groupName, type MonitorName, resourceName, type ServerName, serverName } from '../events/index.ts'
import { monitorsOf } from '../projections/configuration.ts'
import type { State } from '../projections/state.ts'
import { untilAborted } from '../world/until-aborted.ts'
import type { World } from '../world/world.ts'
import { type AgentTrace, beginTrace } from './agent-trace.ts'
import { logAlarm, majorityAlarm, storeAlarm } from './alerts/alarms.ts'
import type { Alarm } from './alerts/local-alarms.ts'
import { conditionWatch } from './conditions.ts'
import { firstConfiguration } from './first-configuration.ts'
import { type GuardianLink, linkGuardian } from './guardian/guardian-link.ts'
import { commonArguments, guardianTag } from './guardian/guardian-process.ts'
import { endUnguarded } from './guardian/unguarded.ts'
import type { Say } from './log/log-link.ts'
import type { Machine } from './machine.ts'
import { type MirrorKeepers, mirrorsOf } from './mirror/mirrors.ts'
import { withMirrors } from './monitors/drivers.ts'
import { instanceOf, type Node, openNode, placesIn } from './node.ts'
import { pingTargets } from './np/ping.ts'
import { type OwnProcesses, ownProcesses } from './own-processes.ts'
import { type ResourceRunner, resourceRunner } from './resource-runner.ts'
import { type ServerAgent, startServerAgent } from './server-agent.ts'
import { serviceManager } from './service-manager.ts'
import { notAdmitted } from './status.ts'
import type { Voter } from './voter/voter.ts'
import { readVoterKit } from './voter/voter-kit.ts'
import { joinVoters, type ProcessOptions, serveNode, startAlerts, takeRole } from './voter/voter-process.ts'

/** The agent of a server; resolves when it was told to end. @throws KitUnusable, VoterStoreDamaged, GuardianMissing */
export const runAgent = async (machine: Machine, options: ProcessOptions): Promise<void> => {
  const { world } = machine
  const say = machine.diary('agent')
  const startedAt = world.clock.now()
  const manager = serviceManager(world, { socket: options.notifySocket, watchdogMs: options.watchdogMs })
  const deaths = ownProcesses(world)
  const { node, trace } = await openServer(machine, options, { deaths, say })
  const { places, instance, recorder } = node
  const installation = installationOf(machine, options)
  const me = serverName(node.kit.own.name)
  let agent: ServerAgent | null = null
  const guardian = await reachGuardian(world, options, { node, trace, deaths })
  const mirrors = mirrorsOf(machine, node, options.self, { say, planeDied: (why) => deaths.died('mirror', why) })
  const runner = runnerOf(machine, node, { installation, mirrors, agent: () => agent, leftMs: guardian.leftMs })
  await runner.adopt(recorder.state())
  mirrors?.start()
  const held = () => agent?.heldGroups() ?? {}
  const voter = joinVoters(machine, node, {
    version: options.version,
    groups: held,
    changed: () => agent?.wake(),
    extended: () => agent?.extended(),
    passed: () => agent?.passed(),
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
      drivers: mirrors ? withMirrors(machine.monitorDrivers, mirrors.look) : machine.monitorDrivers,
      environment: (monitor) => monitorEnvironment(recorder.state(), monitor, me, installation),
    },
    conditions,
    pair: node.pair && { link: node.pair, giveUpHistory: node.giveUpHistory },
    ping: (targets, timeoutMs) => pingTargets(world, targets, timeoutMs),
    say,
  })
  const sink = await startAlerts(world, node, say, alarmsOf(node, voter, held))
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
    say,
    sink,
    mirrors,
  })
  manager.ready()
  deaths.recordWith({ me, recorder, reachable: voter.reachable })
  say('agent started', { server: me, incarnation: node.store.incarnation })
  const isToComeBack = await Promise.race([node.givenUp, untilAborted(options.signal).then(() => false)])
  manager.stopping()
  await stopServer({ isToComeBack, running, runner, guardian, trace, closeControl, sink, mirrors, voter, node })
}

const runnerOf = (
  { world, resourceDrivers, mirrorDriver }: Machine,
  { kit, instance, places }: Node,
  {
    installation,
    mirrors,
    agent,
    leftMs,
  }: {
    readonly mirrors: MirrorKeepers | null
    readonly installation: ReturnType<typeof installationOf>
    readonly agent: () => ServerAgent | null
    readonly leftMs: GuardianLink['leftMs']
  },
): ResourceRunner =>
  resourceRunner(world, {
    me: serverName(kit.own.name),
    instance,
    installation,
    drivers: mirrorDriver && mirrors ? { ...resourceDrivers, md: mirrorDriver(mirrors) } : resourceDrivers,
    logDirectory: places.logs,
    manifest: places.manifest,
    changed: () => agent()?.wake(),
    leftMs,
  })

const alarmsOf = ({ kit, recorder, outOfTouchMs }: Node, voter: Voter, held: () => object): readonly Alarm[] => [
  logAlarm(kit.own.name, outOfTouchMs),
  storeAlarm(kit.own.name, () => notAdmitted(voter).includes(kit.own.name)),
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
  readonly trace: AgentTrace
  readonly closeControl: () => void
  readonly sink: Awaited<ReturnType<typeof startAlerts>>
  readonly mirrors: MirrorKeepers | null
  readonly voter: Voter
  readonly node: Node
}): Promise<void> => {
  const { running, runner, guardian, trace, closeControl, sink, mirrors, voter, node } = parts
  // Meanwhile the lease goes on, and the guardian hears of it: what alert targets and disks take of our time is not taken
  // from the next agent's.
  await sink.close()
  await node.save()
  mirrors?.release()
  running.stop()
  const isNeeded = parts.isToComeBack || !runner.isAllOff()
  takeLeave(guardian, isNeeded)
  // Where it cannot be written, the next agent takes this end for a death: a line too many on the log.
  await trace.leave(isNeeded ? 'left' : 'ended').catch(() => {})
  closeControl()
  voter.stop()
  await node.stop()
}

/** What runs goes on under the lease it has; the guardian ends it if no agent comes back in time. */
const takeLeave = (guardian: GuardianLink, isNeeded: boolean): void => {
  if (isNeeded) guardian.leave()
  else guardian.end()
}

/** Why this server may hold no lease: nobody would end its groups in time. */
const withheld = (guardian: GuardianLink, { configuration }: State): string | null =>
  guardian.trouble() ?? missingWatchdog(configuration.current, guardian.watchdog())

/** First of all, but for another agent, what nobody guards; reading the log may take longer than the lease of what an earlier agent left. */
const openServer = async (
  machine: Machine,
  { stateDirectory }: ProcessOptions,
  { deaths, say }: { readonly deaths: OwnProcesses; readonly say: Say },
): Promise<{ readonly node: Node; readonly trace: AgentTrace }> => {
  const { world, openLog } = machine
  await takeRole(world, stateDirectory, 'server')
  await endWhatIsUnguarded(machine, stateDirectory, say)
  const logServerDied = (because: string) => deaths.died('log-server', because)
  const node = await openNode(world, { stateDirectory, openLog, logServerDied, say })
  return { node, trace: await beginTrace(world, node.places.trace) }
}

/** Tells of the one that died with, or after, the agent before this one. */
const reachGuardian = async (
  world: World,
  options: ProcessOptions,
  { node, trace, deaths }: { readonly node: Node; readonly trace: AgentTrace; readonly deaths: OwnProcesses },
): Promise<GuardianLink> => {
  const { places, instance } = node
  if (trace.before === 'died') deaths.died('agent', 'it ended without having been told to; another was started')
  const guardian = await linkGuardian(world, {
    socket: places.guardian,
    command: guardianCommand(options, instance),
    tag: guardianTag(instance),
    logFile: `${places.logs}/guardian.log`,
    own: world.processes.own(),
    lost: (because) => deaths.died('guardian', because),
  })
  const isMissed = trace.before === 'died' || trace.before === 'left'
  if (isMissed && !guardian.wasThere) deaths.died('guardian', 'it was gone when the agent was started again')
  return guardian
}

/** Where it is a unit of its own, the service manager starts it again when it dies while its agent hangs. */
const guardianCommand = (options: ProcessOptions, instance: string): readonly [string, ...string[]] =>
  options.guardianUnit === null
    ? [...options.self, 'guardian', ...commonArguments(options), '--instance', instance]
    : ['systemctl', 'start', options.guardianUnit]

const endWhatIsUnguarded = async (machine: Machine, stateDirectory: string, say: Say): Promise<void> => {
  const { world, resourceDrivers: drivers } = machine
  const places = placesIn(stateDirectory)
  const kit = await readVoterKit(world.files, places.kit)
  const instance = instanceOf(world, kit, stateDirectory)
  await endUnguarded(world, places, { drivers, logDirectory: places.logs, instance, say })
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
