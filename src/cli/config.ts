/** `baton config …`: the cluster's configuration (P4). */
import type { Command } from 'commander'
import type { AddCommands, Deps } from './deps.ts'
import { examples, type ReadOptions, reading } from './options.ts'
import { dangerous, type SendOptions } from './send.ts'

export type ApplyOptions = SendOptions & { readonly note: string }

export const addConfig: AddCommands = (program, deps) => {
  const config = program.command('config').summary('check, apply, show, diff, roll back the configuration')
  config.description(
    'Works on the configuration: a file that is checked, then put on the log, where every version stays.',
  )
  addCheck(config, deps)
  addApply(config, deps)
  addShow(config, deps)
  addDiff(config, deps)
  const schema = config.command('schema').description('Prints the JSON schema of the file, for editors.')
  examples(schema, 'baton config schema >baton.schema.json').action(async () => {
    const { configurationJsonSchema } = await import('../decisions/configuration-json-schema.ts')
    await deps.print(`${JSON.stringify(configurationJsonSchema(), null, 2)}\n`)
  })
}

const addCheck = (config: Command, deps: Deps): void => {
  const check = config
    .command('check <file>')
    .description('Says everything that is wrong with a file, with line and column. Needs no cluster.')
    .option('--json', 'print JSON')
  examples(check, 'baton config check cluster.yaml').action(
    async (file: string, options: { readonly json?: boolean }) => {
      const { checkConfig } = await import('./config-apply.ts')
      await checkConfig(file, options, deps)
    },
  )
}

const addApply = (config: Command, deps: Deps): void => {
  const apply = config
    .command('apply <file>')
    .description('Puts a file in force on all servers. Says first what it changes and what would restart; then asks.')
    .option('--note <text>', 'why, for the history', '')
  examples(dangerous(apply, deps), 'baton config apply cluster.yaml --note "second address"').action(
    async (file: string, options: ApplyOptions) => {
      const { applyConfig } = await import('./config-apply.ts')
      await applyConfig(file, options, deps)
    },
  )
  const rollback = config
    .command('rollback <version>')
    .description('Puts an earlier version in force again, as a new one. Says first what it changes; then asks.')
    .option('--note <text>', 'why, for the history', '')
  examples(dangerous(rollback, deps), 'baton config history', 'baton config rollback 3').action(
    async (version: string, options: ApplyOptions) => {
      const { rollBack } = await import('./config-apply.ts')
      await rollBack(version, options, deps)
    },
  )
}

const addShow = (config: Command, deps: Deps): void => {
  const show = config
    .command('show [version]')
    .description(
      'Prints the configuration in force, or an earlier version, as it was written; with --json, with its defaults.',
    )
  examples(reading(show, deps), 'baton config show', 'baton config show 3', 'baton config show --json').action(
    async (version: string | undefined, options: ReadOptions) => {
      const { showConfig } = await import('./config-read.ts')
      await showConfig(version, options, deps)
    },
  )
  const history = config.command('history').description('Lists the versions: when, by whom, why.')
  examples(reading(history, deps), 'baton config history').action(async (options: ReadOptions) => {
    const { showHistory } = await import('./config-read.ts')
    await showHistory(options, deps)
  })
}

const addDiff = (config: Command, deps: Deps): void => {
  const diff = config
    .command('diff <before> [after]')
    .description('What differs: between two versions, or between the configuration in force and a version or a file.')
  examples(
    reading(diff, deps),
    'baton config diff 3 4',
    'baton config diff cluster.yaml',
    'baton config diff 3',
  ).action(async (before: string, after: string | undefined, options: ReadOptions) => {
    const { diffConfig } = await import('./config-read.ts')
    await diffConfig({ before, after }, options, deps)
  })
}
