/** What is too rare for a search by chance: a few faults in a row that only one rule stands against. */
import { expect, test } from 'vitest'
import type { Event } from '../../../src/events/index.ts'
import { configurationOf, type Size } from './machine.ts'
import { Model } from './model.ts'
import { type Rules, theRules } from './rules.ts'

const size: Size = { servers: 2, witness: true }

/** No faults but those of the script. */
class Scene extends Model {
  override fault(): void {}
  override heal(): void {}

  at(ms: number, what: () => void): this {
    this.timeline.after(ms, what)
    return this
  }

  machine(name: string) {
    const found = this.machines.find((one) => one.name === name)
    if (!found) throw new Error(`there is no ${name}`)
    return found
  }

  changeT(timeoutMs: number): void {
    const version = this.state.configuration.version + 1
    const configuration = configurationOf(size, this.rho, { timeoutMs })
    const applied: Event = { type: 'ConfigurationApplied', data: { version, configuration, source: '', note: '' } }
    this.record([applied], `script ${version}`)
  }
}

/** A long T is promised to s1; it is cut off, the others start anew, and T becomes short. */
const forgotten = (rules: Rules, seed: number) => {
  const scene = new Scene(seed, size, rules)
  return scene
    .at(20_000, () => scene.changeT(30_000))
    .at(40_000, () => {
      scene.isolate(scene.machine('s1'), 60_000)
      for (const name of ['s2', 'w']) scene.restartAgent(scene.machine(name))
    })
    .at(41_000, () => scene.changeT(2500))
    .run()
}

/** T becomes long, and s1, which is cut off, is the only one that has read it. */
const unpromised = (rules: Rules, seed: number) => {
  const scene = new Scene(seed, size, rules)
  return scene
    .at(29_900, () => {
      for (const name of ['s2', 'w']) scene.machine(name).isCutFromLogUntil = 40_000
      scene.changeT(30_000)
    })
    .at(31_500, () => scene.isolate(scene.machine('s1'), 60_000))
    .run()
}

const seeds = Array.from({ length: 20 }, (_, seed) => seed)
const doubles = (play: typeof forgotten, rules: Rules): number =>
  seeds.filter((seed) => play(rules, seed).failure?.includes(' runs on ')).length

test('a voter that starts keeps silent for what it promised before', () => {
  expect(doubles(forgotten, theRules)).toBe(0)
  const forgets: Rules = { ...theRules, readBack: (disk) => ({ ...disk, promised: { ms: 1, isComplete: true } }) }
  expect(doubles(forgotten, forgets)).toBeGreaterThan(5)
})

test('a server counts what was promised to it, not what it has read', () => {
  expect(doubles(unpromised, theRules)).toBe(0)
  const counts: Rules = {
    ...theRules,
    hear: (l, beat, ...rest) => {
      const promisedMs = l.timing.timeoutMs
      const raised = Object.entries(beat.echoes).map(([p, echo]) => [
        p,
        echo.promisedMs === null ? echo : { ...echo, promisedMs },
      ])
      return theRules.hear(l, { ...beat, echoes: Object.fromEntries(raised) }, ...rest)
    },
  }
  expect(doubles(unpromised, counts)).toBeGreaterThan(5)
})
