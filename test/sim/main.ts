/** Simulates seed after seed, and prints whatever failed. The same seeds as in the tests, and more. */
import { runSeed } from '../../src/sim/seed.ts'
import { type RunWith, shrink, shrunkLines } from '../../src/sim/shrink.ts'
import { type Scenario, scenarioOf } from '../../src/sim/swarm.ts'
import { flagsOf, misused } from '../flags.ts'
import { againCommand, type Wished } from './again.ts'
import { paceLine, speedScenario, usualTimeoutsMs } from './speed.ts'

const usage = `npm run sim -- [--minutes N] [--seed S] [--runs N] …
  --minutes N        for so long; 1
  --seed S           from this one on; 1
  --runs N           no more seeds than this
  --devices          only clusters with more than networks
  --pairs            only pairs
  --mirrors          only clusters with mirror disks
  --timeout MS       only this T
  --most-timeout MS  only those with so small a T: more of them fit into a minute
  --shrink           tries what failed with fewer faults, and shows the smallest that fails
  --speed            clusters of three voters, for the figures that are printed in the end: half of the
                     time with T = 3 s, half with 90 s, or all of it with --timeout
  --every MS         with --speed: a fault in so long, on average; 60000
Ends with 1 when any failed.

  npm run sim -- --minutes 30 --seed 5000
  npm run sim -- --seed 417 --runs 1 --shrink`

const { values } = flagsOf(usage, {
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    runs: { type: 'string' },
    timeout: { type: 'string' },
    'most-timeout': { type: 'string', default: 'Infinity' },
    pairs: { type: 'boolean', default: false },
    mirrors: { type: 'boolean', default: false },
    devices: { type: 'boolean', default: false },
    shrink: { type: 'boolean', default: false },
    speed: { type: 'boolean', default: false },
    every: { type: 'string', default: '60000' },
  },
})
const minutes = Number(values.minutes)
const most = values.runs === undefined ? Number.POSITIVE_INFINITY : Number(values.runs)
for (const name of ['minutes', 'seed', 'runs', 'timeout', 'most-timeout', 'every'] as const)
  if (Number.isNaN(Number(values[name] ?? 1)) || values[name] === '')
    misused(`--${name} ${values[name]}: a number is needed`, usage)

const wish = values.timeout === undefined ? {} : { timeoutMs: Number(values.timeout) }

const isWanted = ({ plan }: Scenario): boolean => {
  const { timeoutMs, pair, fencing, hasCable, hasSharedDisk, hasWebWitness, hasControllers, ...others } = plan
  const { pingTargets, otherTimeouts, otherVoters } = others
  const paths = [hasCable, hasSharedDisk, hasWebWitness, hasControllers]
  const hasDevices = [...paths, fencing, pingTargets, otherTimeouts, otherVoters].some((one) => one !== undefined)
  if (timeoutMs > Number(values['most-timeout']) || (values.devices && !hasDevices)) return false
  const hasMirrors = plan.groups.some(({ mirror }) => mirror !== undefined)
  return (!values.pairs || pair !== undefined) && (!values.mirrors || hasMirrors)
}

type Draw = { readonly drawn: (seed: number) => Scenario; readonly wished: Wished }

/** Runs one seed after the other for so long; answers how many failed. */
const runSeeds = async ({ drawn, wished }: Draw, forMinutes: number): Promise<number> => {
  const end = process.hrtime.bigint() + BigInt(Math.round(forMinutes * 60)) * 1_000_000_000n
  let [simulatedMs, failed, runs, strikes] = [0, 0, 0, 0]
  const began = process.cpuUsage()
  for (let seed = Number(values.seed); runs < most && process.hrtime.bigint() < end; seed++) {
    const scenario = drawn(seed)
    if (!isWanted(scenario)) continue
    const again = againCommand(scenario, wished)
    const outcome = await runSeed(scenario, `${again}        with fewer faults: add --shrink`)
    runs += 1
    strikes += outcome.strikes.length
    simulatedMs += outcome.simulatedMs
    if (outcome.failure === null) continue
    failed += 1
    const runWith: RunWith = (strikes) => runSeed({ ...drawn(seed), strikes }, `${again} --shrink`)
    const smaller = values.shrink ? await shrink(runWith, outcome) : null
    const lines = smaller ? [smaller.outcome.failure, ...shrunkLines(smaller)] : [outcome.failure]
    console.log(`${lines.join('\n')}\n${'='.repeat(120)}`)
  }
  const { user, system } = process.cpuUsage(began)
  const cpuMinutes = (user + system) / 6e7
  const hours = simulatedMs / 3.6e6
  console.log(
    `${runs} seeds, ${failed} failed, ${strikes} faults: ${hours.toFixed(1)} cluster hours in ${cpuMinutes.toFixed(2)} CPU minutes, ${(hours / cpuMinutes).toFixed(0)} per minute`,
  )
  return failed
}

const measureSpeed = async (): Promise<number> => {
  const timeouts = wish.timeoutMs === undefined ? usualTimeoutsMs : [wish.timeoutMs]
  let failed = 0
  for (const timeoutMs of timeouts) {
    const pace = { timeoutMs, everyMs: Number(values.every) }
    console.log(paceLine(pace))
    failed += await runSeeds(
      { drawn: (seed) => speedScenario(seed, pace), wished: { pace } },
      minutes / timeouts.length,
    )
  }
  return failed
}

const draw: Draw = { drawn: (seed) => scenarioOf(seed, wish, values), wished: wish }
const failed = values.speed ? await measureSpeed() : await runSeeds(draw, minutes)
process.exitCode = failed === 0 ? 0 : 1
