/**
 * `npm run sim -- [--minutes N] [--seed S] [--runs N] [--timeout MS] [--most-timeout MS] [--devices] [--pairs] [--mirrors] [--shrink] [--speed [--every MS]]`: seeds from S on, for
 * so long; says what was simulated, and prints whatever failed. The same seeds as in the tests, and more. `--devices`: only
 * clusters with more than networks; `--pairs`, `--mirrors`: only those; `--most-timeout`: only those with so small a T, of which more fit into a minute; `--shrink`: whatever
 * failed is tried with fewer faults, and the smallest that fails is shown; `--speed`: clusters of three voters, with a
 * fault in `--every` ms, for the figures that are printed in the end: half of the time with each of two T, or all of it with `--timeout`.
 */
import { parseArgs } from 'node:util'
import { runSeed } from '../../src/sim/seed.ts'
import { type RunWith, shrink, shrunkLines } from '../../src/sim/shrink.ts'
import { type Scenario, scenarioOf } from '../../src/sim/swarm.ts'
import { againCommand, type Wished } from './again.ts'
import { paceLine, speedScenario, usualTimeoutsMs } from './speed.ts'

const { values } = parseArgs({
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
