/** The process of the guardian, and how an agent starts it. */
import { runGuardian as guard } from './guardian.ts'
import type { Machine } from './machine.ts'
import { placesIn } from './node.ts'
import type { ProcessOptions } from './voter-process.ts'

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

export const commonArguments = ({ stateDirectory, natsServer, respawn, reset }: ProcessOptions): readonly string[] => [
  '--state',
  stateDirectory,
  '--nats-server',
  natsServer,
  ...(respawn ? ['--respawn'] : []),
  ...(reset === null ? [] : ['--reset', reset]),
]
