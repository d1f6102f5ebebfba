/** `baton monitor …`: monitors, by hand. */
import type { AddCommands } from './deps.ts'
import { maybeServer, monitorNamed } from './names.ts'
import { examples } from './options.ts'
import { changing, type SendOptions, send } from './send.ts'

const verbs = [
  ['suspend', 'suspend-monitor', 'Suspends a monitor: it neither looks nor recovers until it is resumed.'],
  ['resume', 'resume-monitor', 'Resumes a suspended monitor.'],
  ['fail', 'enable-dummy-failure', 'Lets a monitor report an error that is none, for practice: its recovery is real.'],
  ['unfail', 'disable-dummy-failure', 'Ends the practice failure of a monitor.'],
] as const

export const addMonitor: AddCommands = (program, deps) => {
  const monitor = program.command('monitor').summary('suspend, resume, let fail for practice')
  monitor.description('Operates monitors.')
  for (const [word, verb, description] of verbs) {
    const command = monitor
      .command(`${word} <monitor>`)
      .description(description)
      .option('--on <server>', 'only there; without it on every server')
    examples(changing(command, deps), `baton monitor ${word} httpw`, `baton monitor ${word} httpw --on s1`).action(
      async (name: string, options: SendOptions & { readonly on?: string }) =>
        await send({ do: verb, monitor: monitorNamed(name), server: maybeServer(options.on) }, options, deps),
    )
  }
}
