/** `baton resource …`: one resource by hand, its group staying where it is. */
import type { AddCommands } from './deps.ts'
import { groupNamed, resourceNamed } from './names.ts'
import { examples } from './options.ts'
import { changing, type SendOptions, send } from './send.ts'

const verbs = [
  ['start', 'start-resource', 'Starts one resource of a group that runs.'],
  ['stop', 'stop-resource', 'Stops one resource; its group stays where it is and goes on.'],
] as const

export const addResource: AddCommands = (program, deps) => {
  const resource = program.command('resource').summary('start and stop single resources')
  resource.description('Operates single resources.')
  for (const [word, verb, description] of verbs) {
    const command = resource.command(`${word} <group> <resource>`).description(description)
    examples(changing(command, deps), `baton resource ${word} web apache`).action(
      async (group: string, name: string, options: SendOptions) =>
        await send({ do: verb, group: groupNamed(group), resource: resourceNamed(name) }, options, deps),
    )
  }
}
