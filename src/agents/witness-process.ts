/** The process of the witness. */
import type { World } from '../world/world.ts'
import { conditionWatch } from './conditions.ts'
import type { Say } from './log-link.ts'
import type { Machine } from './machine.ts'
import { type Node, openNode } from './node.ts'
import { serviceManager } from './service-manager.ts'
import { checkRole, joinVoters, type ProcessOptions, serveNode, untilAborted } from './voter-process.ts'
import { startWitnessWeb } from './witness-web.ts'

/** The witness: log server, beats, grants and supports; nothing else. */
export const runWitness = async (machine: Machine, options: ProcessOptions): Promise<void> => {
  const { world } = machine
  const say = machine.diary('witness')
  const startedAt = world.clock.now()
  const manager = serviceManager(world, { socket: options.notifySocket, watchdogMs: options.watchdogMs })
  const node = await openNode(world, { stateDirectory: options.stateDirectory, openLog: machine.openLog, say })
  checkRole(node, 'witness')
  const voter = joinVoters(machine, node, {
    groups: () => ({}),
    changed: () => {},
    extended: () => {},
    say,
    note: null,
  })
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
