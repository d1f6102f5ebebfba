/** The process of the witness. */
import { silence } from '../../decisions/liveness.ts'
import type { Instant } from '../../events/index.ts'
import type { Told } from '../../projections/alerts.ts'
import { untilAborted } from '../../world/until-aborted.ts'
import type { World } from '../../world/world.ts'
import { type LocalAlarms, localAlarms } from '../alerts/local-alarms.ts'
import { alertTargets } from '../alerts/targets.ts'
import { witnessAlarms } from '../alerts/witness-alarms.ts'
import { type ConditionWatch, conditionWatch } from '../conditions.ts'
import type { Say } from '../log/log-link.ts'
import type { Machine } from '../machine.ts'
import { type Node, openNode } from '../node.ts'
import { serviceManager } from '../service-manager.ts'
import { notAdmitted } from '../status.ts'
import type { Voter } from './voter.ts'
import { joinVoters, type ProcessOptions, serveNode, takeRole } from './voter-process.ts'
import { startWitnessWeb } from './witness-web.ts'

/** The witness: log server, beats, grants and supports; nothing else. */
export const runWitness = async (machine: Machine, options: ProcessOptions): Promise<void> => {
  const { world } = machine
  const say = machine.diary('witness')
  const startedAt = world.clock.now()
  const manager = serviceManager(world, { socket: options.notifySocket, watchdogMs: options.watchdogMs })
  let alarms: LocalAlarms | null = null
  await takeRole(world, options.stateDirectory, 'witness')
  const node = await openNode(world, {
    stateDirectory: options.stateDirectory,
    openLog: machine.openLog,
    logServerDied: (because) => alarms?.tell(deathOf(node, because)),
    say,
  })
  const voter = joinVoters(machine, node, {
    version: options.version,
    groups: () => ({}),
    changed: () => {},
    extended: () => {},
    passed: () => {},
    say,
    note: null,
  })
  const conditions = conditionWatch(world, node.kit)
  alarms = alarmsOf(world, node, { voter, conditions, say })
  const closeControl = await serveNode(world, node, null, {
    voter,
    version: options.version,
    startedAt,
    standing: () => null,
    partition: null,
    hasGuardian: () => false,
    watchdog: () => null,
    conditions,
    say,
    sink: null,
    mirrors: null,
  })
  const web = await webOf(world, node, options, say)
  manager.ready()
  say('witness started', { voter: node.kit.own.name })
  await untilAborted(options.signal)
  manager.stopping()
  await node.save()
  alarms.stop()
  voter.stop()
  web?.close()
  closeControl()
  await node.stop()
}

const deathOf = ({ kit }: Node, because: string): Told => ({
  name: 'witnessProcessDied',
  server: kit.own.name,
  values: [kit.own.name, 'log-server', because],
})

/** To its own targets alone: of what is on the log, the servers tell. */
const alarmsOf = (
  world: World,
  { kit, recorder, outOfTouchMs, places }: Node,
  { voter, conditions, say }: { readonly voter: Voter; readonly conditions: ConditionWatch; readonly say: Say },
): LocalAlarms =>
  localAlarms(world, {
    alarms: witnessAlarms(kit.own.name, {
      isForeign: () => notAdmitted(voter).includes(kit.own.name),
      outOfTouchMs,
      voters: () => heardAndSilent(voter, world.clock.now()),
      state: recorder.state,
      conditions: () => ({
        rateErrorPercent: conditions.rateErrorPercent(),
        certificateDays: conditions.certificateDays(),
      }),
    }),
    state: recorder.state,
    targets: () => alertTargets(world, recorder.state().configuration.current, places.alerts),
    trouble: (what, cause) => say(what, { cause: String(cause) }),
  })

const heardAndSilent = (voter: Voter, now: Instant) => {
  const l = voter.liveness()
  const { voters } = voter.membership()
  const isHeard = (name: string) => name === l.me || silence(l, name, now) < l.timing.timeoutMs
  return { heard: voters.filter(isHeard), silent: voters.filter((name) => !isHeard(name)) }
}

const webOf = async (world: World, { kit }: Node, { web }: ProcessOptions, say: Say) =>
  web ? await startWitnessWeb(world, { ...web, cluster: kit.identity.cluster, key: kit.clusterKey, say }) : null
