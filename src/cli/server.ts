/** `baton server …`: servers, by hand. */
import type { Command } from 'commander'
import type { ServerName } from '../events/index.ts'
import type { AddCommands, Deps } from './deps.ts'
import { serverNamed, voterNamed } from './names.ts'
import { examples } from './options.ts'
import { changing, dangerous, mustConfirmPossible, type SendOptions, send, sendAlone, sendHandOver } from './send.ts'

export const addServer: AddCommands = (program, deps) => {
  const server = program
    .command('server')
    .summary('start, stop, readmit servers; confirm that one is off')
    .description('Operates servers.')
  const start = server
    .command('start [server]')
    .description('Lets a stopped server run groups again; without a name, the server of this machine.')
  examples(changing(start, deps), 'baton server start s1').action(
    async (name: string | undefined, options: SendOptions) =>
      await send({ do: 'start-server', server: await named(name, options, deps) }, options, deps),
  )
  const stop = server
    .command('stop [server]')
    .description(
      'Moves or stops the groups of a server, of this machine without a name; it takes none until it is started again. Asks first.',
    )
  examples(dangerous(stop, deps), 'baton server stop s1', 'baton server stop s1 --yes').action(
    async (name: string | undefined, options: SendOptions) => {
      const command = { do: 'stop-server', server: await named(name, options, deps) } as const
      await mustConfirmPossible(
        { of: command, question: () => questionOf(command.server, options, deps) },
        options,
        deps,
      )
      await send(command, options, deps)
    },
  )
  const handOver = server
    .command('hand-over')
    .description(
      'Where the log cannot be written, but another server still hears this one, by a serial cable or a disk: stops every group of this machine, and says so on every path, so that nobody need wait until it is given up. Asks first.',
    )
  examples(dangerous(handOver, deps), 'baton server hand-over --yes').action(async (options: SendOptions) => {
    const question = 'Stop every group of this server, and leave them to the others?'
    await mustConfirmPossible({ of: 'hand-over', question }, options, deps)
    await sendHandOver(options, deps)
  })
  const alone = server
    .command('go-alone')
    .description(
      'In a pair: this server goes on without the other one. Only after making sure that the other is off and stays off until it can be reached again: what it decided alone, if it did, is set aside then. Asks first.',
    )
  examples(dangerous(alone, deps), 'baton server go-alone --yes').action(async (options: SendOptions) => {
    const question = 'Is the other server off, and may what it decided alone be lost?'
    await mustConfirmPossible({ of: 'go-alone', question }, options, deps)
    await sendAlone(options, deps)
  })
  const readmit = server
    .command('readmit <voter>')
    .description(
      'Believes a voter whose store was replaced or wiped. Only after making sure that no other machine answers under its name.',
    )
  examples(dangerous(readmit, deps), 'baton server readmit s1').action(async (name: string, options: SendOptions) => {
    const command = { do: 'readmit-voter', voter: voterNamed(name) } as const
    await mustConfirmPossible(
      { of: command, question: `Believe ${name} with its new store from now on?` },
      options,
      deps,
    )
    await send(command, options, deps)
  })
  addConfirmOff(server, deps)
}

const addConfirmOff = (server: Command, deps: Deps): void => {
  const confirm = server
    .command('confirm-off <server>')
    .description(
      'Answers for a server that is down and that no device could prove off: its groups start elsewhere. Only after switching it off and seeing that it is: what still runs there would run twice. Asks first.',
    )
    .option('--note <text>', 'how you know, for the log', '')
  examples(
    dangerous(confirm, deps),
    'baton server confirm-off s1 --note "pulled both power cables"',
    'baton server confirm-off s1 --yes',
  ).action(async (name: string, options: SendOptions & { readonly note: string }) => {
    const command = { do: 'confirm-off', server: serverNamed(name), note: options.note.slice(0, 500) } as const
    await mustConfirmPossible(
      { of: command, question: `Have you switched ${name} off, and seen that it is off?` },
      options,
      deps,
    )
    await send(command, options, deps)
  })
}

const questionOf = async (stopped: ServerName, { state }: SendOptions, deps: Deps): Promise<string> => {
  const [{ agentStatus }, { stopQuestion }] = await Promise.all([
    import('./agent-client.ts'),
    import('./stop-question.ts'),
  ])
  return stopQuestion(await agentStatus(state, deps.signal), stopped)
}

const named = async (name: string | undefined, { state }: SendOptions, deps: Deps): Promise<ServerName> => {
  if (name !== undefined) return serverNamed(name)
  const { agentStatus } = await import('./agent-client.ts')
  return serverNamed((await agentStatus(state, deps.signal)).voter)
}
