/**
 * Tortures a mirror disk, sequence after sequence, on one real cluster that is written to all the time, and says whether an
 * acknowledged write was lost, the copies differ, or too much was copied. In asynchronous mode what was queued may be
 * lost with the side that served, so a sequence in which the group went over demands no writes.
 */
import { findTools } from '../../bench/machine.ts'
import { flagsOf, misused, wholeNumber } from '../../flags.ts'
import { chanceOf } from '../../properties/liveness/timeline.ts'
import { removeKits } from '../cluster/kits.ts'
import { MirrorCluster } from '../cluster/mirror-cluster.ts'
import { MirrorDatabase } from '../cluster/mirror-database.ts'
import { createLab } from '../lab/lab.ts'
import { missing, type Need } from '../lab/needs.ts'
import { hands } from './deck.ts'
import { mirrorFaults } from './mirror-faults.ts'
import { MirrorSequences, regionBytes } from './mirror-sequence.ts'

const usage = `npm run torture:mirror -- [--trials N] [--seed S] …
  --trials N              so many sequences; 20
  --seconds N             no new sequence is begun after so long
  --seed S                decides which faults are tried and when; what a machine makes of them differs from run to run
  --first N               begins with this sequence of the seed; 1
  --faults N              of one sequence, at most; 3. They are dealt from a shuffled deck, so that all of them come
                          before any comes again; which ones ran is told at the end
  --only TEXT             faults that have this in their names; may be said again
  --mode sync|async       sync
  --work blocks|database  a writer of blocks, or PostgreSQL with clients and an audit table
Ends with 1 when anything was wrong.

  npm run torture:mirror -- --trials 100 --faults 4 --seed 7
  npm run torture:mirror -- --only restored --only replaced`

const { values: flags } = flagsOf(usage, {
  options: {
    trials: { type: 'string', default: '20' },
    first: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    faults: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '86400' },
    mode: { type: 'string', default: 'sync' },
    work: { type: 'string', default: 'blocks' },
    only: { type: 'string', multiple: true, default: [''] },
  },
})
const trials = wholeNumber(usage, flags, 'trials', 1)
const first = wholeNumber(usage, flags, 'first', 1)
const seed = wholeNumber(usage, flags, 'seed')
const most = wholeNumber(usage, flags, 'faults', 1)
const seconds = wholeNumber(usage, flags, 'seconds', 1)
const isDatabase = flags.work === 'database'
const faults = mirrorFaults.filter(({ name }) => flags.only.some((part) => name.includes(part)))
/** The least there is: it has to fill up over a slow mirror connect. */
const queueLimit = 1_048_576
const say = (text: string): void => console.error(text)

findTools()
const needs: readonly Need[] = ['lab', 'nats-server', 'losetup', 'mkfs.ext4', 'fuse']
const reasons = missing([...needs, ...(isDatabase ? (['postgres', 'pgbench'] as const) : [])])
if (reasons.length > 0) {
  say(`no torture on this machine: ${reasons.join('; ')}`)
  process.exit(2)
}
if (!['sync', 'async'].includes(flags.mode)) misused(`--mode ${flags.mode}: sync or async`, usage)
if (!['blocks', 'database'].includes(flags.work)) misused(`--work ${flags.work}: blocks or database`, usage)
if (faults.length === 0)
  misused(
    `--only ${flags.only.join(' or ')}: no fault has that in its name: ${mirrorFaults.map(({ name }) => name).join('; ')}`,
    usage,
  )
// Clocks of the product keep no process alive, and for moments they are all there is.
const staying = setInterval(() => undefined, 60_000)
say(`torture of a mirror: ${trials} sequences of up to ${most} of ${faults.length} faults, seed ${seed}`)
const began = performance.now()
const lab = await createLab({ hosts: ['s1', 's2', 'w'] })
let broken: string | null = null
const options = {
  data: { ackTimeout: '3s', mode: flags.mode, queueLimit, regionSize: regionBytes },
  // Loop devices are the machine's: those of another lab must not look like ours.
  more: { cluster: `torture-${process.pid}` },
}
const mirrored = await (isDatabase ? MirrorDatabase : MirrorCluster).create(lab, options)
const sequences = new MirrorSequences(mirrored, { isAsync: flags.mode === 'async', isInPlace: !isDatabase })
try {
  await mirrored.start()
  await sequences.begin()
  let number = 0
  for (const hand of hands(faults, { seed, sequences: trials, most })) {
    number += 1
    if (number >= first + trials || performance.now() - began > seconds * 1000) break
    if (number >= first) say(`${number}: ${await sequences.run(hand, chanceOf(seed * 1000 + number))}`)
  }
} catch (error) {
  broken = error instanceof Error ? (error.stack ?? error.message) : String(error)
  if (error instanceof Error && error.cause instanceof Error) broken += `\n${error.cause.stack}`
  say(await mirrored.cluster.report().catch(String))
}
await lab.destroy()
await removeKits()
clearInterval(staying)
const { done, ran, overflows } = sequences
const never = faults.filter(({ name }) => !ran.has(name)).map(({ name }) => name)
say(`which ran: ${[...ran].map(([name, times]) => (times === 1 ? name : `${name} (${times} times)`)).join('; ')}`)
if (flags.mode === 'async') say(`the queue was full ${overflows} times`)
if (never.length > 0) say(`which did not: ${never.join('; ')}`)
const covered = `${ran.size} of ${faults.length} faults`
say(
  broken === null
    ? `${done} sequences, ${covered}: nothing was lost, both copies are equal, and no more was copied than had to be`
    : `broken after ${done}: ${broken}`,
)
process.exit(broken === null ? 0 : 1)
