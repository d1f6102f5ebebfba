/** `baton cluster …`: the cluster as a whole. */
import type { AddCommands } from './deps.ts'
import { examples } from './options.ts'
import { changing, dangerous, mustConfirmPossible, type SendOptions, send } from './send.ts'

const verbs = [
  ['start', 'start-cluster', 'Starts the groups whose startup attribute says so.'],
  ['suspend', 'suspend-cluster', 'Decides nothing automatically until resumed; what runs goes on running.'],
  ['resume', 'resume-cluster', 'Decides again.'],
  ['skip-sync', 'skip-start-sync', 'Starts groups without waiting any longer for servers that are missing.'],
] as const

export const addCluster: AddCommands = (program, deps) => {
  const cluster = program.command('cluster').summary('create, start, stop, suspend the cluster')
  cluster.description('Operates the cluster as a whole.')
  for (const [word, verb, description] of verbs) {
    const command = cluster.command(word).description(description)
    examples(changing(command, deps), `baton cluster ${word}`).action(
      async (options: SendOptions) => await send({ do: verb }, options, deps),
    )
  }
  const stop = cluster
    .command('stop')
    .description('Stops every group on every server; none starts until `baton cluster start`. Asks first.')
  examples(dangerous(stop, deps), 'baton cluster stop', 'baton cluster stop --yes --wait 5m').action(
    async (options: SendOptions) => {
      const command = { do: 'stop-cluster' } as const
      await mustConfirmPossible({ of: command, question: 'Stop every group on every server?' }, options, deps)
      await send(command, options, deps)
    },
  )
  const create = cluster
    .command('create')
    .description('Checks a configuration, makes the keys of a new cluster, and writes a kit for every voter.')
    .requiredOption('--config <file>', 'the configuration')
    .requiredOption('--out <dir>', 'where the kits go; must not exist yet')
  examples(create, 'baton cluster create --config cluster.yaml --out kits').action(
    async (options: { readonly config: string; readonly out: string }) => {
      const { createCluster } = await import('./create.ts')
      await createCluster(options, deps)
    },
  )
}
