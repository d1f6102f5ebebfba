/** The process of the guardian, and how an agent starts it. */

import type { Machine } from '../machine.ts'
import { instanceOf, placesIn } from '../node.ts'
import { serviceManager } from '../service-manager.ts'
import { readVoterKit } from '../voter/voter-kit.ts'
import type { ProcessOptions } from '../voter/voter-process.ts'
import { runGuardian as guard } from './guardian.ts'
import { askGuardian } from './guardian-link.ts'

/** One that has not said a word by then hangs. */
const answerMs = 1000

/** The guardian; resolves when the agent told it that nothing is left to guard. */
export const runGuardian = async (
  machine: Machine,
  options: ProcessOptions & { readonly instance: string | null },
): Promise<void> => {
  const { world } = machine
  const places = placesIn(options.stateDirectory)
  // The one of an agent's unit is the agent's.
  const socket = options.watchdogMs === null ? null : options.notifySocket
  const manager = serviceManager(world, { socket, watchdogMs: options.watchdogMs })
  const instance =
    options.instance ?? instanceOf(world, await readVoterKit(world.files, places.kit), options.stateDirectory)
  const say = machine.diary('guardian')
  const before = await askGuardian(world, places.guardian, answerMs)
  if (before === 'hangs') await world.processes.signalAll(guardianTag(instance), 'SIGKILL')
  else if (before !== 'is not there') {
    // The agent is with that one, and only that one knows the lease.
    say('there is a guardian already: it stays', {})
    return manager.ready()
  }
  await guard(world, {
    socket: places.guardian,
    manifest: places.manifest,
    trace: places.trace,
    ready: manager.ready,
    logDirectory: places.logs,
    instance,
    drivers: machine.resourceDrivers,
    watchdogs: machine.watchdogs ?? { open: () => noWatchdogs, whyNot: () => noWatchdogs.refused },
    respawn: options.respawn ? [...options.self, 'agent', ...commonArguments(options)] : null,
    reset: options.reset === null ? null : ['/bin/sh', '-c', options.reset],
    say,
  })
}

/** By which a guardian is found among the processes of the machine. */
export const guardianTag = (instance: string): string => `${instance}/guardian`

const noWatchdogs = { refused: 'this machine has no watchdogs' } as const

export const commonArguments = ({ stateDirectory, natsServer, respawn, reset }: ProcessOptions): readonly string[] => [
  '--state',
  stateDirectory,
  '--nats-server',
  natsServer,
  ...(respawn ? ['--respawn'] : []),
  ...(reset === null ? [] : ['--reset', reset]),
]
