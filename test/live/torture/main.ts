/** Tortures a real cluster, trial after trial, and says whether anything ran twice or an acknowledged write was lost. */
import { spawnSync } from 'node:child_process'
import { readlinkSync } from 'node:fs'
import { findTools } from '../../bench/machine.ts'
import { flagsOf, misused, wholeNumber } from '../../flags.ts'
import { chanceOf } from '../../properties/liveness/timeline.ts'
import { removeKits } from '../cluster/kits.ts'
import { findingsIn } from '../cluster/log-check.ts'
import { missing } from '../lab/needs.ts'
import { examineRegister } from './register.ts'
import { clockLibrary } from './tools.ts'
import { Tortured } from './tortured.ts'
import { runTrial, type Trial } from './trial.ts'

const usage = `npm run torture -- [--trials N] [--seed S] …
  --trials N            so many; 20
  --seed S              decides which faults are tried and when; what a machine makes of them differs from run to run
  --first N             begins with this trial of the seed; 1
  --servers 2|3         2, with a witness; or 3
  --timing quick|calm   T = 1 s; or 3 s, for busy machines
  --fenced              fencing is required, by IPMI
  --json                the result for programs
Runs in mount and network namespaces of its own. Ends with 1 when anything was wrong.

  npm run torture -- --trials 500 --seed 7`

const { values: flags } = flagsOf(usage, {
  options: {
    trials: { type: 'string', default: '20' },
    first: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    servers: { type: 'string', default: '2' },
    timing: { type: 'string', default: 'quick' },
    fenced: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})
const trials = wholeNumber(usage, flags, 'trials', 1)
const seed = wholeNumber(usage, flags, 'seed')
const first = wholeNumber(usage, flags, 'first', 1)
const servers = Number(flags.servers)
if (![2, 3].includes(servers)) misused(`--servers ${flags.servers}: 2 or 3`, usage)
if (flags.timing !== 'quick' && flags.timing !== 'calm') misused(`--timing ${flags.timing}: quick or calm`, usage)

// Disks are mounted and frozen: in a mount namespace of our own they are gone when we are, however we end.
const original = process.env.BATON_TORTURE_MOUNTS
const mounts = readlinkSync('/proc/self/ns/mnt')
if (original === undefined || original === mounts) {
  const own = ['--mount', '--propagation', 'private', process.execPath, ...process.argv.slice(1)]
  const { status } = spawnSync('unshare', [...own, '--seed', String(seed)], {
    stdio: 'inherit',
    env: { ...process.env, BATON_TORTURE_MOUNTS: mounts },
  })
  process.exit(status ?? 1)
}

findTools()
const reasons = missing(['lab', 'nats-server', 'losetup', 'mkfs.ext4', ...(flags.fenced ? (['ipmi'] as const) : [])])
if (reasons.length > 0) stop(2, `no torture on this machine: ${reasons.join('; ')}`)
// Clocks of the product keep no process alive, and for moments they are all there is.
const staying = setInterval(() => undefined, 60_000)

const say = (text: string): void => console.error(text)
say(`torture: ${trials} trials, seed ${seed}, ${servers} servers, ${flags.timing}${flags.fenced ? ', fenced' : ''}`)
const tortured = await Tortured.create({
  servers: servers as 2 | 3,
  timing: flags.timing as 'quick' | 'calm',
  clockLibrary: clockLibrary(),
  isFenced: flags.fenced,
})
const done: Trial[] = []
let broken: string | null = null
try {
  for (let number = first; number < first + trials && broken === null; number++) {
    const trial = await runTrial(tortured, chanceOf(seed * 1000 + number), number === first)
    done.push(trial)
    const doubles = trial.doubles.map((double) => `\n  TWICE: ${double}`).join('')
    const times = `silence ${trial.silenceMs.toFixed(0)} ms, whole again after ${trial.recoveredMs.toFixed(0)} ms`
    say(`${number}: ${trial.faults.join('; ')}: ${times}, ${trial.acknowledged.length} writes${doubles}`)
    if (trial.doubles.length > 0) broken = 'two instances at once'
  }
} catch (error) {
  broken = error instanceof Error ? error.message : String(error)
}
const acknowledged = done.flatMap((trial) => trial.acknowledged)
const register = await examineRegister(tortured.registerFile, acknowledged)
const onLog = await tortured.cluster
  .commits()
  .then(findingsIn)
  .catch((error: unknown) => [{ sequence: 0, what: `the log could not be read: ${String(error)}` }])
const result = {
  trials: done.length,
  seed,
  doubles: done.flatMap((trial) => trial.doubles),
  lostWrites: register.lost,
  outOfTurn: register.outOfTurn,
  acknowledgedWrites: register.acknowledged,
  trialsWithFreeze: done.filter(({ faults }) => faults.some((fault) => fault.startsWith('freeze '))).length,
  log: onLog.map(({ sequence, what }) => `${sequence}: ${what}`),
  broken,
  silenceMs: spread(done.map(({ silenceMs }) => silenceMs)),
  recoveredMs: spread(done.map(({ recoveredMs }) => recoveredMs)),
}
const isGood =
  broken === null &&
  result.lostWrites.length + result.outOfTurn.length + result.log.length + result.doubles.length === 0
if (!isGood) say(await tortured.cluster.report().catch(String))
if (flags.json) console.log(JSON.stringify(result))
else {
  const { silenceMs, recoveredMs } = result
  console.log(
    `${done.length} trials, seed ${seed}: ${result.doubles.length} double activations, ${result.lostWrites.length} of ` +
      `${result.acknowledgedWrites} acknowledged writes lost, ${result.outOfTurn.length} out of turn, ` +
      `${result.log.length} findings on the log${broken === null ? '' : `; stopped: ${broken}`}`,
  )
  console.log(
    `longest silence to clients: median ${silenceMs.median} ms, 90 % ${silenceMs.ninety}, worst ${silenceMs.worst}`,
  )
  console.log(
    `whole again after healing:  median ${recoveredMs.median} ms, 90 % ${recoveredMs.ninety}, worst ${recoveredMs.worst}`,
  )
}
await tortured.destroy().catch((error: unknown) => say(String(error)))
await removeKits()
clearInterval(staying)
process.exit(isGood ? 0 : 1)

function spread(values: readonly number[]) {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (part: number) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0)
  return { median: at(0.5), ninety: at(0.9), worst: at(1) }
}

function stop(code: number, message: string): never {
  console.error(message)
  process.exit(code)
}
