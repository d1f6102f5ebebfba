/** `baton server …`: servers, by hand. */
import type { AddCommands } from './deps.ts'
import { serverNamed, voterNamed } from './names.ts'
import { examples } from './options.ts'
import { changing, dangerous, mustConfirm, type SendOptions, send } from './send.ts'

export const addServer: AddCommands = (program, deps) => {
  const server = program.command('server').summary('start, stop, readmit servers').description('Operates servers.')
  const start = server.command('start <server>').description('Lets a stopped server run groups again.')
  examples(changing(start, deps), 'baton server start s1').action(
    async (name: string, options: SendOptions) =>
      await send({ do: 'start-server', server: serverNamed(name) }, options, deps),
  )
  const stop = server
    .command('stop <server>')
    .description('Moves or stops the groups of a server; it takes none until it is started again. Asks first.')
  examples(dangerous(stop, deps), 'baton server stop s1', 'baton server stop s1 --yes').action(
    async (name: string, options: SendOptions) => {
      const stopped = serverNamed(name)
      await mustConfirm(`Move or stop every group of ${name}, and stop it?`, options, deps)
      await send({ do: 'stop-server', server: stopped }, options, deps)
    },
  )
  const readmit = server
    .command('readmit <voter>')
    .description(
      'Believes a voter whose store was replaced or wiped. Only after making sure that no other machine answers under its name.',
    )
  examples(dangerous(readmit, deps), 'baton server readmit s1').action(async (name: string, options: SendOptions) => {
    const voter = voterNamed(name)
    await mustConfirm(`Believe ${name} with its new store from now on?`, options, deps)
    await send({ do: 'readmit-voter', voter }, options, deps)
  })
}
