/** `baton sim`: what the cluster of a configuration would do, on virtual time, in this process; nothing real is touched. */
import { type AddCommands, CommandFailed, exitCode } from './deps.ts'
import { examples } from './options.ts'

export type SimOptions = {
  readonly config?: string
  readonly seed?: string
  readonly seeds?: string
  readonly json?: boolean
  readonly verbose?: boolean
}

export const addSim: AddCommands = (program, deps) => {
  const sim = program
    .command('sim [scenario...]')
    .summary('play scenarios, or draw faults, on a simulated cluster')
    .description(
      'Plays scenarios on a simulated cluster that runs this software under your configuration, on virtual time: power failures, cuts, frozen machines, orders; and says whether what you expect comes true. Touches nothing real. That no group runs on two servers is always checked. Ends with 1 when something was not as expected.',
    )
    .option('--config <file>', 'the configuration; otherwise the one that the scenario names')
    .option('--seed <number>', 'of chance: times, delays, order; otherwise that of the scenario, or 1')
    .option('--seeds <count>', 'no scenario: so many runs with faults drawn by chance, from --seed on')
    .option('--json', 'print JSON')
    .option('--verbose', 'also what the processes say in their diaries')
  examples(
    sim,
    'baton sim power-failure.yaml --config cluster.yaml',
    'baton sim scenarios/*.yaml',
    'baton sim --seeds 20 --config cluster.yaml',
  ).action(async (files: readonly string[], options: SimOptions) => {
    const { playFiles, playSeeds } = await import('./sim-run.ts')
    if (files.length > 0 && options.seeds === undefined) return await playFiles(files, options, deps)
    if (files.length === 0 && options.seeds !== undefined) return await playSeeds(options, deps)
    throw new CommandFailed(
      exitCode.usage,
      files.length === 0 ? 'what is to be played?' : 'a scenario has one course: --seeds draws others',
      'give files of scenarios, or --seeds',
    )
  })
}
