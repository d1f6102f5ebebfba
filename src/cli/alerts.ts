/** `baton alerts`: what of the log deserves a person's eye. */
import type { Recorded } from '../events/index.ts'
import type { Alert } from '../projections/alerts.ts'
import { type AddCommands, CommandFailed, type Deps, exitCode } from './deps.ts'
import type { LogSource } from './log-source.ts'
import { examples, printJson, type ReadOptions, reading, withSource, zoneOf } from './options.ts'
import { row, table } from './table.ts'
import { formatTime } from './times.ts'

type AlertOptions = ReadOptions & { readonly last: string; readonly severity: string; readonly verbose?: boolean }

const severities: readonly string[] = ['info', 'warning', 'error']
/** Alerts are looked for in this many of the latest commits for each that is wanted. */
const commitsPerAlert = 200

export const addAlerts: AddCommands = (program, deps) => {
  const alerts = program
    .command('alerts')
    .summary('what deserves attention, newest last')
    .description('Lists alerts, newest last. They follow from the log alone: every server lists the same.')
    .option('-n, --last <count>', 'how many', '50')
    .option('--severity <least>', `${severities.join(', ')}: this and what is worse`, 'info')
    .option('-v, --verbose', 'also what to do about each')
  examples(
    reading(alerts, deps),
    'baton alerts',
    'baton alerts --severity error -n 10 --verbose',
    'baton alerts --file incident.log --json',
  ).action(async (options: AlertOptions) => {
    const wish = { last: countOf(options.last), least: leastOf(options.severity) }
    const found = await withSource(options, deps, (source) => alertsFrom(source, wish))
    const { adviceOn } = await import('../projections/alert-advice.ts')
    const advised = found.map((alert) => ({ ...alert, advice: adviceOn(alert) }))
    if (options.json) await printJson(deps, advised)
    else await print(advised, options, deps)
  })
}

/** @throws CommandFailed */
export const countOf = (text: string): number => {
  if (/^\d{1,7}$/.test(text) && Number(text) > 0) return Number(text)
  throw new CommandFailed(exitCode.usage, `"${text}" is not a count`, 'a number from 1 on')
}

const leastOf = (text: string): number => {
  const place = severities.indexOf(text)
  if (place >= 0) return place
  throw new CommandFailed(exitCode.usage, `"${text}" is no severity`, `one of: ${severities.join(', ')}`)
}

type Wish = { readonly last: number; readonly least: number }

/** Folds fast up to the latest commits, and looks at those one by one. */
const alertsFrom = async (source: LogSource, { last, least }: Wish): Promise<readonly Alert[]> => {
  const { alertsOf } = await import('../projections/alerts.ts')
  const { fold, foldInPlace, freshState } = await import('../projections/state.ts')
  const window = last * commitsPerAlert
  let recent: Recorded[] = []
  const state = freshState()
  for await (const batch of source.read(0)) {
    recent.push(...batch)
    if (recent.length < 2 * window) continue
    foldInPlace(state, recent.slice(0, -window))
    recent = recent.slice(-window)
  }
  let found: Alert[] = []
  let before = fold(state, [])
  for (const one of recent) {
    found.push(...alertsOf(one, before).filter(({ severity }) => severities.indexOf(severity) >= least))
    if (found.length > 2 * last) found = found.slice(-last)
    before = fold(before, [one])
  }
  return found.slice(-last)
}

type Advised = Alert & { readonly advice: string }

const print = async (found: readonly Advised[], options: AlertOptions, deps: Deps): Promise<void> => {
  if (found.length === 0) return await deps.print('no alerts\n')
  const { red, yellow, dim } = deps.colours
  const paint = { error: red, warning: yellow, info: dim }
  const zone = zoneOf(options, deps)
  const rows = found.map(({ at, severity, module, id, server, message }) =>
    row(dim(formatTime(at, zone)), paint[severity](severity), `${module} ${id}`, server ?? '-', message),
  )
  const lines = table(rows)
  const advised = found.flatMap(({ advice }, place) => [
    lines[place] ?? '',
    ...(advice === '' || isNothing(advice) ? [] : [`${adviceMargin}→ ${advice}`]),
  ])
  await deps.print(`${(options.verbose ? advised : lines).join('\n')}\n`)
}

/** Below the text, not the time. */
const adviceMargin = ' '.repeat(8)
/** What needs no hand needs no line. */
const isNothing = (advice: string): boolean => /^Nothing( to do)?\.$/.test(advice)
