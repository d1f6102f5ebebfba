/** The command that a failed run prints: it must play the same cluster, with the same faults. */
import { describe, expect, test } from 'vitest'
import { againCommand as operatorsCommand } from '../../../src/cli/sim-run.ts'
import { type Scenario, scenarioOf } from '../../../src/sim/swarm.ts'
import { againCommand } from '../../sim/again.ts'

const comparable = ({ seed, plan, faults, everyMs, faultsMs }: Scenario) => ({
  seed,
  plan,
  faults: faults.map(({ name }) => name),
  everyMs,
  faultsMs,
})

/** What `npm run sim` makes of the options in a command. */
const asCommanded = (command: string): Scenario => {
  const has = (option: string) => command.split(' ').includes(option)
  const value = (option: string) => Number(command.split(' ')[command.split(' ').indexOf(option) + 1])
  const wish = has('--timeout') ? { timeoutMs: value('--timeout') } : {}
  return scenarioOf(value('--seed'), wish, { pairs: has('--pairs'), mirrors: has('--mirrors') })
}

describe('npm run sim', () => {
  test('plays what the tests have drawn: pairs and mirrors among them', () => {
    const commands = Array.from({ length: 200 }, (_, at) => {
      const drawn = scenarioOf(at + 1, {}, { pairs: true, mirrors: true })
      const command = againCommand(drawn)
      expect(comparable(asCommanded(command))).toEqual(comparable(drawn))
      return command
    })
    for (const option of ['--pairs', '--mirrors']) expect(commands.join('\n')).toContain(option)
  })

  test('is asked for the T that was wished', () => {
    const drawn = scenarioOf(7, { timeoutMs: 3000 }, {})
    const command = againCommand(drawn, { timeoutMs: 3000 })
    expect(command).toBe('npm run sim -- --seed 7 --runs 1 --timeout 3000')
    expect(comparable(asCommanded(command))).toEqual(comparable(drawn))
  })

  test('is asked for the pace of a measurement', () => {
    const pace = { timeoutMs: 90_000, everyMs: 60_000 }
    expect(againCommand(scenarioOf(7), { pace })).toBe(
      'npm run sim -- --seed 7 --runs 1 --speed --timeout 90000 --every 60000',
    )
  })
})

describe('baton sim', () => {
  test('is asked for the seed and the configuration, as a shell reads it', () => {
    expect(operatorsCommand(12, 'ops/cluster.yaml')).toBe('baton sim --seeds 1 --seed 12 --config ops/cluster.yaml')
    expect(operatorsCommand(12, "bob's cluster.yaml")).toBe(
      "baton sim --seeds 1 --seed 12 --config 'bob'\\''s cluster.yaml'",
    )
  })
})
