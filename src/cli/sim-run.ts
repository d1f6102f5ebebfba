/** `baton sim`: reads, plays, prints. */
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { formatProblem } from '../decisions/check-configuration.ts'
import { planOf, unfitFor } from '../sim/plan-of.ts'
import { type Line, type Played, play } from '../sim/scenario/play.ts'
import { type Answer, readScenario } from '../sim/scenario/read.ts'
import { vocabularyOf } from '../sim/scenario/sentences.ts'
import { runSeed } from '../sim/seed.ts'
import { smallerReport } from '../sim/shrink.ts'
import { type Scenario, scenarioOf } from '../sim/swarm.ts'
import { type CheckedFile, checkFile } from './config-file.ts'
import { CommandFailed, counted, type Deps, exitCode } from './deps.ts'
import { printJson } from './options.ts'
import type { SimOptions } from './sim.ts'

export const playFiles = async (files: readonly string[], options: SimOptions, deps: Deps): Promise<void> => {
  const results: (Played & { readonly file: string; readonly title: string; readonly seed: number })[] = []
  for (const path of files) {
    const draft = answered(readScenario(await textOf(path)), path)
    const config = options.config ?? (draft.config === null ? null : resolve(dirname(path), draft.config))
    if (config === null)
      throw new CommandFailed(exitCode.usage, `${path} names no configuration`, 'give --config, or write config: in it')
    const { configuration, source } = await simulable(config)
    const script = answered(draft.inWordsOf(vocabularyOf(configuration)), path)
    const seed = wholeOf(options.seed, 'seed') ?? draft.seed
    const played = await play({ script, configuration, source, seed })
    const timeline = options.verbose ? played.timeline : played.timeline.filter(({ kind }) => kind !== 'said')
    const result = { file: path, title: script.title, seed, ...played, timeline }
    results.push(result)
    if (!options.json) await print(result, deps)
  }
  if (options.json) await printJson(deps, { ok: results.every(({ ok }) => ok), scenarios: results })
  const failed = results.filter(({ ok }) => !ok)
  if (failed.length > 0)
    throw new CommandFailed(
      exitCode.failed,
      `${counted(failed.length, 'scenario')} of ${results.length} did not go as expected: ${failed.map(({ file }) => file).join(', ')}`,
    )
}

export const playSeeds = async (options: SimOptions, deps: Deps): Promise<void> => {
  if (options.config === undefined)
    throw new CommandFailed(exitCode.usage, 'which cluster is to be simulated?', 'give --config')
  const { configuration, source } = await simulable(options.config)
  const count = wholeOf(options.seeds, 'seeds') ?? 1
  const first = wholeOf(options.seed, 'seed') ?? 1
  const wish = planOf(configuration, source)
  const failed: { readonly seed: number; readonly failure: string; readonly smaller: string | null }[] = []
  let simulatedMs = 0
  let runs = 0
  for (let seed = first; seed < first + count && !deps.signal.aborted; seed += 1) {
    const drawn = (): Scenario => {
      const scenario = scenarioOf(seed, wish)
      return { ...scenario, faults: scenario.faults.filter(({ name }) => mayStrike(name, wish)) }
    }
    const again = againCommand(seed, options.config)
    const outcome = await runSeed(drawn(), again)
    runs += 1
    simulatedMs += outcome.simulatedMs
    const { failure } = outcome
    if (failure === null) continue
    if (!options.json) await deps.print(`${failure}\n`)
    const smaller = await smallerReport((strikes) => runSeed({ ...drawn(), strikes }, again), outcome)
    failed.push({ seed, failure, smaller })
    if (!options.json && smaller !== null) await deps.print(`${smaller}\n`)
  }
  const hours = Number((simulatedMs / 3_600_000).toFixed(2))
  if (options.json) await printJson(deps, { ok: failed.length === 0, runs, hours, failed })
  else await deps.print(`${counted(runs, 'run')}, ${hours} cluster hours, ${failed.length} failed\n`)
  if (failed.length > 0)
    throw new CommandFailed(exitCode.failed, `${failed.length} of ${runs} runs broke a promise, or did not recover`)
}

/** Runs one seed once more, and makes it smaller again. */
export const againCommand = (seed: number, config: string): string => {
  // As a shell reads it.
  const path = /^[\w./-]+$/.test(config) ? config : `'${config.replaceAll("'", "'\\''")}'`
  return `baton sim --seeds 1 --seed ${seed} --config ${path}`
}

/** Without watchdog or required fencing a frozen machine may go on beside its successor: GUARANTEES.md says so. */
const mayStrike = (fault: string, { hasWatchdog, fencing }: ReturnType<typeof planOf>): boolean =>
  hasWatchdog === true || fencing?.policy === 'required' || !fault.includes('freeze')

const simulable = async (path: string): Promise<CheckedFile> => {
  const checked = await checkFile(path)
  const unfit = unfitFor(checked.configuration)
  if (unfit !== null) throw new CommandFailed(exitCode.usage, `${path} cannot be simulated: ${unfit}`)
  return checked
}

const textOf = async (path: string): Promise<string> => {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    const because = cause instanceof Error ? cause.message : String(cause)
    throw new CommandFailed(exitCode.usage, `${path} cannot be read: ${because}`, '', { cause })
  }
}

const answered = <T>(answer: Answer<T>, path: string): T => {
  if (answer.ok) return answer.value
  const lines = answer.problems.map((problem) => formatProblem(problem, path))
  throw new CommandFailed(exitCode.usage, [`${path}: ${counted(lines.length, 'error')}`, ...lines].join('\n'))
}

const wholeOf = (text: string | undefined, what: string): number | null => {
  if (text === undefined) return null
  const number = Number(text)
  if (Number.isSafeInteger(number) && number >= 0 && text.trim() !== '') return number
  throw new CommandFailed(exitCode.usage, `--${what}: "${text}" is not a whole number`)
}

const print = async (
  { file, title, seed, ok, failures, timeline }: Played & { file: string; title: string; seed: number },
  deps: Deps,
): Promise<void> => {
  const { bold, green, red } = deps.colours
  const verdict = ok ? green('as expected') : red('NOT as expected')
  await deps.print(
    [
      bold(title === '' ? file : `${title} (${file})`),
      ...timeline.map((line) => lineOf(line, deps)),
      `${verdict} (seed ${seed})`,
      ...failures.map((failure) => `  ${failure}`),
      '',
    ].join('\n'),
  )
}

const lineOf = ({ at, kind, text }: Line, { colours }: Deps): string => {
  const paint = { fault: colours.yellow, order: colours.cyan, expect: colours.bold, commit: String, run: colours.dim }
  const shown = kind === 'said' ? colours.dim(text) : paint[kind](text)
  return `${`${(at / 1000).toFixed(3)} s`.padStart(12)}  ${kind.padEnd(6)}  ${shown}`
}
