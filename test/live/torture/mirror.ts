/**
 * Tortures a mirror disk, sequence after sequence, on one real cluster that is written to all the time, and says whether an
 * acknowledged write was lost, the copies differ, or too much was copied:
 *
 *   npm run torture:mirror -- [--trials N] [--first N] [--seed S] [--faults N] [--seconds N] [--mode async]
 *     [--work database] [--only TEXT]
 *
 * `--seconds`: no new sequence is begun after so long. `--work`: `blocks`, or PostgreSQL with a client and an audit table.
 * `--only`: faults that have this in their name. In asynchronous mode
 * what was queued may be lost with the side that served, so a sequence in which the group went over demands no writes. Ends
 * with 1 when anything was wrong. The seed decides which faults are tried and when; what a machine makes of them differs from
 * run to run.
 */
import { parseArgs } from 'node:util'
import type { Event } from '../../../src/events/index.ts'
import { findTools } from '../../bench/machine.ts'
import { type Chance, chanceOf } from '../../properties/liveness/timeline.ts'
import { removeKits } from '../cluster/kits.ts'
import { MirrorCluster, mirrorMs } from '../cluster/mirror-cluster.ts'
import { MirrorDatabase } from '../cluster/mirror-database.ts'
import { createLab } from '../lab/lab.ts'
import { missing, type Need } from '../lab/needs.ts'
import { until } from '../lab/until.ts'
import { mirrorFaults, type Undo } from './mirror-faults.ts'

const { values: flags } = parseArgs({
  options: {
    trials: { type: 'string', default: '20' },
    first: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    faults: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '86400' },
    mode: { type: 'string', default: 'sync' },
    work: { type: 'string', default: 'blocks' },
    only: { type: 'string', default: '' },
  },
})
const [trials = 0, first = 0, seed = 0, mostFaults = 0, seconds = 0] = [
  flags.trials,
  flags.first,
  flags.seed,
  flags.faults,
  flags.seconds,
].map(Number)
const isAsync = flags.mode === 'async'
const isDatabase = flags.work === 'database'
const faults = mirrorFaults.filter(({ name }) => name.includes(flags.only))
/** The least there is: it has to fill up over a slow mirror connect. */
const queueLimit = 1_048_576
const say = (text: string): void => console.error(text)

/**
 * Faults overlap or follow one another; then everything is well again, and the sums are made: every acknowledged block,
 * both images byte for byte, the file system, and that a copy was made in full only where it had to be.
 */
const runSequence = async (mirrored: MirrorCluster, chance: Chance): Promise<string> => {
  const names: string[] = []
  try {
    const found = await runFaults(mirrored, chance, names)
    return `${names.join('; ')}: ${found}`
  } catch (error) {
    const because = error instanceof Error ? error.message : String(error)
    throw new Error(`${because}, after: ${names.join('; ')}`, { cause: error })
  }
}

/** On a busy machine a lease may end at any time, and its agent with it. */
const told = <T extends Event['type']>({ cluster }: MirrorCluster, type: T) =>
  until(() => cluster.events(type), mirrorMs, 'the log to be read')

/** The latest first: what an earlier one waits for may be what a later one has taken away. */
const undone = async (undos: Undo[]): Promise<void> => {
  for (const undo of undos.splice(0).toReversed()) await undo()
}

/** Puts down in `names` what it begins. */
const runFaults = async (mirrored: MirrorCluster, chance: Chance, names: string[]): Promise<string> => {
  const undos: Undo[] = []
  const before = (await told(mirrored, 'MirrorResyncStarted')).length
  const assignedBefore = (await told(mirrored, 'GroupAssigned')).length
  let mayCopyAll = false
  for (let left = 1 + Math.floor(chance.between(0, mostFaults)); left > 0; left--) {
    const fault = chance.oneOf(faults)
    names.push(fault.name)
    if (fault.needsWell) await undone(undos)
    mayCopyAll ||= fault.copiesAll === true
    undos.push(await fault.happen(mirrored, chance))
    await mirrored.pause(chance.between(0, 2500))
    if (chance.happens(0.5)) await undone(undos)
  }
  await undone(undos)
  await mirrored.waitUntilServing()
  // The owner that was, and those that came.
  const owners = (await told(mirrored, 'GroupAssigned')).slice(assignedBefore - 1).map(({ data }) => data.server)
  if (isAsync && new Set(owners).size > 1) await mirrored.forgetAcknowledged()
  const blocks = await mirrored.expectNothingLost(await mirrored.owner())
  const resyncs = (await told(mirrored, 'MirrorResyncStarted')).slice(before).map(({ data }) => data)
  if (!mayCopyAll && resyncs.some(({ copy }) => copy === 'everything')) throw new Error('everything was copied')
  await mirrored.expectEqualAndClean()
  await mirrored.cluster.doSoon('s1', ['group', 'start', 'db'], mirrorMs)
  const copied = resyncs.reduce((sum, { totalBytes }) => sum + Number(totalBytes), 0) / 1_048_576
  return `${blocks} acknowledged, ${resyncs.length} resyncs of ${copied.toFixed(1)} MiB`
}

findTools()
const needs: readonly Need[] = ['lab', 'nats-server', 'losetup', 'mkfs.ext4', 'fuse']
const reasons = missing([...needs, ...(isDatabase ? (['postgres'] as const) : [])])
if (reasons.length > 0) {
  say(`no torture on this machine: ${reasons.join('; ')}`)
  process.exit(2)
}
const isUnderstood = ['sync', 'async'].includes(flags.mode) && ['blocks', 'database'].includes(flags.work)
if (faults.length === 0 || !isUnderstood) {
  say(`--only ${flags.only}: a part of the name of a fault; --mode ${flags.mode}: sync or async;`)
  say(`--work ${flags.work}: blocks or database`)
  process.exit(2)
}
// Clocks of the product keep no process alive, and for moments they are all there is.
const staying = setInterval(() => undefined, 60_000)
say(`torture of a mirror: ${trials} sequences of up to ${mostFaults} faults, seed ${seed}`)
const began = performance.now()
const lab = await createLab({ hosts: ['s1', 's2', 'w'] })
let done = 0
let broken: string | null = null
// Loop devices are the machine's: those of another lab must not look like ours.
const more = { cluster: `torture-${process.pid}` }
const mirrored = await (isDatabase ? MirrorDatabase : MirrorCluster).create(lab, {
  data: { ackTimeout: '3s', mode: flags.mode, queueLimit },
  more,
})
try {
  await mirrored.start()
  for (let number = first; number < first + trials && performance.now() - began < seconds * 1000; number++) {
    say(`${number}: ${await runSequence(mirrored, chanceOf(seed * 1000 + number))}`)
    done += 1
  }
} catch (error) {
  broken = error instanceof Error ? (error.stack ?? error.message) : String(error)
  if (error instanceof Error && error.cause instanceof Error) broken += `\n${error.cause.stack}`
  say(await mirrored.cluster.report().catch(String))
}
await lab.destroy()
await removeKits()
clearInterval(staying)
say(broken === null ? `${done} sequences: nothing was lost, both copies are equal` : `broken after ${done}: ${broken}`)
process.exit(broken === null ? 0 : 1)
