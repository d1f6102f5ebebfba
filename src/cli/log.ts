/** `baton log …`: the record itself. */
import type { Command } from 'commander'
import type { AddCommands, Deps } from './deps.ts'
import { examples, printing, type ReadOptions, reading, withState } from './options.ts'

export type ShowOptions = ReadOptions & {
  readonly from?: string
  readonly to?: string
  readonly last: string
  readonly group?: string
  readonly type?: string
  readonly verbose?: boolean
}
export type ExportOptions = ReadOptions & { readonly out?: string; readonly from?: string; readonly to?: string }
export type ReplayOptions = ReadOptions & { readonly at?: string; readonly diff?: readonly string[] }

export const addLog: AddCommands = (program, deps) => {
  const log = program.command('log').summary('show, follow, export, replay the record')
  log.description('Reads the log, on which stands everything that was decided and everything that came of it.')
  addShow(log, deps)
  addFollow(log, deps)
  addExport(log, deps)
  addReplay(log, deps)
}

const filters = (command: Command): Command =>
  command
    .option('--group <group>', 'only what is about this group')
    .option('--type <event>', 'only commits with such an event')
    .option('-v, --verbose', 'also the inputs of each decision, and what caused it')

const addShow = (log: Command, deps: Deps): void => {
  const show = log
    .command('show')
    .description('Shows commits in words, oldest first; the latest ones unless --from says otherwise.')
    .option('--from <time|sequence>', 'from then on')
    .option('--to <time|sequence>', 'up to then')
    .option('-n, --last <count>', 'without --from: how many of the latest', '50')
  examples(
    filters(reading(show, deps)),
    'baton log show',
    'baton log show --from 1000 --to 1200 --group web -v',
    'baton log show --from -1h --type GroupAssigned --json',
    'baton log show --file incident.log --utc',
  ).action(async (options: ShowOptions) => {
    const { showLog } = await import('./log-show.ts')
    await showLog(options, deps)
  })
}

const addFollow = (log: Command, deps: Deps): void => {
  const follow = log
    .command('follow')
    .description('Shows the latest commits, and then every new one as it comes, until Ctrl-C.')
    .option('-n, --last <count>', 'how many of the latest to begin with', '10')
  examples(
    filters(printing(withState(follow, deps))),
    'baton log follow',
    'baton log follow --group web --json',
  ).action(async (options: ShowOptions) => {
    const { followLog } = await import('./log-show.ts')
    await followLog(options, deps)
  })
}

const addExport = (log: Command, deps: Deps): void => {
  const command = log
    .command('export')
    .description(
      'Writes the log as a text file: every reading command takes it with --file, on any machine, without a cluster. Each commit is checked on the way.',
    )
    .option('-o, --out <file>', 'where to; must not exist yet. Without it, standard output')
    .option('--from <sequence>', 'leave out what is before; the state can then not be replayed')
    .option('--to <time|sequence>', 'up to then')
  examples(
    reading(command, deps),
    'baton log export --out incident.log',
    'baton log export | gzip >incident.log.gz',
  ).action(async (options: ExportOptions) => {
    const { exportLog } = await import('./log-export.ts')
    await exportLog(options, deps)
  })
}

const addReplay = (log: Command, deps: Deps): void => {
  const replay = log
    .command('replay')
    .description(
      'Folds the log up to a moment, and shows the cluster as it was then; or what differs between two moments.',
    )
    .option('--at <time|sequence>', 'when; without it, at the end of the log')
    .option('--diff <moment...>', 'two times or sequences: what differs between them')
  examples(
    reading(replay, deps),
    'baton log replay --at 1043',
    'baton log replay --at "2026-01-02 03:04:05" --json',
    'baton log replay --diff 1000 1043',
    'baton log replay --diff -2h -1h --file incident.log',
  ).action(async (options: ReplayOptions) => {
    const { replayLog } = await import('./log-replay.ts')
    await replayLog(options, deps)
  })
}
