/** Measures, and prints what was found beside what is aimed at. */
import { flagsOf, misused, wholeNumber } from '../flags.ts'
import { removeKits } from '../live/cluster/kits.ts'
import { missing, type Need } from '../live/lab/needs.ts'
import { benchAppend } from './append.ts'
import { readBaseline, saveBaseline } from './baseline.ts'
import { benchCrash, benchElection, benchSurvivor } from './crash.ts'
import { type Figure, isReached, medianOf, worstOf } from './figure.ts'
import { benchIdle } from './idle.ts'
import { describeMachine, findTools, machineInWords } from './machine.ts'
import { benchMirror, mirrorBenches } from './mirror/mirror.ts'
import { benchMove } from './move.ts'
import { benchProcess } from './process.ts'
import { benchReplay } from './replay.ts'
import { reportOf } from './report.ts'
import { benchStart } from './start.ts'

type Benchmark = {
  readonly needs: readonly Need[]
  readonly run: (trials: number, progress: (text: string) => void) => Promise<readonly Figure[]>
}

const onHosts: readonly Need[] = ['lab', 'nats-server']
const benchmarks: Readonly<Record<string, Benchmark>> = {
  crash: { needs: onHosts, run: benchCrash },
  survivor: { needs: onHosts, run: benchSurvivor },
  election: { needs: onHosts, run: benchElection },
  move: { needs: onHosts, run: benchMove },
  process: { needs: onHosts, run: benchProcess },
  append: { needs: ['nats-server'], run: benchAppend },
  replay: { needs: [], run: benchReplay },
  start: { needs: ['nats-server'], run: benchStart },
  idle: { needs: onHosts, run: benchIdle },
  ...Object.fromEntries(
    Object.entries(mirrorBenches).map(([name, part]): [string, Benchmark] => [
      name,
      {
        needs: ['root', 'fuse', 'losetup', 'mkfs.ext4', 'fio', 'socat'],
        run: (trials, progress) => benchMirror(part, trials, progress, { isQuick: flags.quick, on: flags.on }),
      },
    ]),
  ),
}
/** The names that a name stands for: `mirror` is all that begins with it. */
const namedBy = (name: string): readonly string[] => (name === 'mirror' ? Object.keys(mirrorBenches) : [name])

const defaultTrials = 10

const usage = `npm run bench -- [NAME…] [--trials N] …
  --trials N   of each, of which the median is taken; ${defaultTrials}
  --quick      mirrors: only whether it works, in seconds
  --on FOLDER  mirrors: where the files of all disks lie; the folder for temporary files
  --save       what is found is the baseline that later runs are held against
  --json       the result for programs
NAME: ${Object.keys(benchmarks).join(', ')};
mirror is those that begin with it.

  npm run bench -- crash move
  npm run bench -- mirror --trials 3`

const { values: flags, positionals } = flagsOf(usage, {
  allowPositionals: true,
  options: {
    trials: { type: 'string', default: String(defaultTrials) },
    json: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    on: { type: 'string' },
    save: { type: 'boolean', default: false },
  },
})
const chosen = positionals.length > 0 ? positionals.flatMap(namedBy) : Object.keys(benchmarks)
const trials = wholeNumber(usage, flags, 'trials', 1)
const unknown = chosen.filter((name) => benchmarks[name] === undefined)
if (unknown.length > 0) misused(`no benchmark ${unknown.join(', ')}`, usage)

/** Standard output is for the result alone. */
const progress = (text: string): void => console.error(`  ${text}`)

findTools()
// Clocks of the product keep no process alive, and for moments they are all there is.
const staying = setInterval(() => undefined, 60_000)
const machine = describeMachine()
console.error(machineInWords(machine))
const figures: Figure[] = []
let isComplete = true
for (const name of chosen) {
  const benchmark = benchmarks[name]
  const reasons = missing(benchmark?.needs ?? [])
  if (reasons.length > 0) progress(`${name} is skipped: ${reasons.join('; ')}`)
  else
    try {
      figures.push(...((await benchmark?.run(trials, progress)) ?? []))
    } catch (error) {
      // What the others find is worth having.
      isComplete = false
      console.error(`${name} failed:`, error)
    }
}

if (flags.json) {
  const results = figures.map((figure) => ({
    ...figure,
    median: medianOf(figure.values),
    worst: worstOf(figure),
    reached: isReached(figure),
  }))
  console.log(JSON.stringify({ machine, figures: results }, null, 2))
} else {
  const baseline = readBaseline()
  console.log(`\n${reportOf(figures, baseline).join('\n')}\n\nthis machine: ${machineInWords(machine)}`)
  if (baseline) console.log(`baseline:     ${machineInWords(baseline.machine)}`)
}
if (flags.save) saveBaseline(machine, figures)
await removeKits()
clearInterval(staying)
process.exit(isComplete ? 0 : 1)
