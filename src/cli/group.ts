/** `baton group …`: groups, by hand. */
import type { Command } from '../events/index.ts'
import type { AddCommands, Deps } from './deps.ts'
import { groupNamed, maybeServer } from './names.ts'
import { examples, type ReadOptions, reading } from './options.ts'
import { changing, type SendOptions, send } from './send.ts'

type OnOptions = SendOptions & { readonly on?: string }
type ToOptions = SendOptions & { readonly to?: string }

export const addGroup: AddCommands = (program, deps) => {
  const group = program.command('group').summary('start, stop, move groups').description('Operates failover groups.')
  const start = group
    .command('start <group>')
    .description('Starts a group, and wants it started from then on.')
    .option('--on <server>', 'only there; without it where it fits best')
  examples(changing(start, deps), 'baton group start web', 'baton group start web --on s2').action(
    async (name: string, options: OnOptions) =>
      await send({ do: 'start-group', group: groupNamed(name), server: maybeServer(options.on) }, options, deps),
  )
  const stop = group.command('stop <group>').description('Stops a group, and wants it stopped from then on.')
  examples(changing(stop, deps), 'baton group stop web').action(
    async (name: string, options: SendOptions) =>
      await send({ do: 'stop-group', group: groupNamed(name) }, options, deps),
  )
  addMove(group.command('move <group>'), 'move-group', deps)
  addMove(group.command('failover <group>'), 'failover-group', deps)
  const explain = group
    .command('explain <group>')
    .description('Says for every server of its list why the group would go there now, or would not.')
  examples(reading(explain, deps), 'baton group explain web', 'baton group explain web --file incident.log').action(
    async (name: string, options: ReadOptions) => {
      const { explainGroup } = await import('./explain.ts')
      await explainGroup(groupNamed(name), options, deps)
    },
  )
}

const addMove = (command: ReturnType<Parameters<AddCommands>[0]['command']>, verb: MoveVerb, deps: Deps): void => {
  const isMove = verb === 'move-group'
  command
    .description(
      isMove
        ? 'Moves a group: stops it where it runs, then starts it elsewhere. Does not change what is preferred.'
        : 'Fails a group over, as after a failure: its scripts are told so, and it counts as one.',
    )
    .option('--to <server>', 'only there; without it where it fits best')
  const word = isMove ? 'move' : 'failover'
  examples(changing(command, deps), `baton group ${word} web --to s2`, `baton group ${word} web --wait 30s`).action(
    async (name: string, options: ToOptions) =>
      await send({ do: verb, group: groupNamed(name), server: maybeServer(options.to) }, options, deps),
  )
}
type MoveVerb = Extract<Command['do'], 'move-group' | 'failover-group'>
