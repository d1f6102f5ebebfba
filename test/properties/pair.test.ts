/**
 * The log of a pair under faults: agents append, die between the two writes, lose requests and replies, are cut off;
 * servers go on alone and come back, with their own tails or without their disks. Whatever was acknowledged is on the log
 * for good; and where both went on alone against the rules, in a file.
 */
import { describe, expect, test } from 'vitest'
import { PairRun } from './pair/pair-run.ts'

const seeds = Array.from({ length: 100 }, (_, seed) => seed)
const steps = 120
const slowMs = 120_000

describe('a pair whose judgement is right', () => {
  test(
    'loses nothing that was acknowledged, has one history, and heals',
    async () => {
      const runs = await Promise.all(seeds.map(async (seed) => await runOf(seed, false)))
      expect(runs.flatMap(({ failures }) => failures)).toEqual([])
      // And the runs are not empty.
      expect(sum(runs, ({ acknowledged }) => acknowledged)).toBeGreaterThan(seeds.length * 10)
      expect(sum(runs, ({ alone }) => alone)).toBeGreaterThan(seeds.length / 2)
      expect(sum(runs, ({ joined }) => joined)).toBeGreaterThan(seeds.length / 4)
      expect(sum(runs, ({ kept }) => kept)).toBeGreaterThan(0)
      expect(sum(runs, ({ disksLost }) => disksLost)).toBeGreaterThan(0)
    },
    slowMs,
  )
})

describe('a pair of which both sides judge themselves connected', () => {
  test(
    'ends with one history, and what the other one had acknowledged is in a file',
    async () => {
      const runs = await Promise.all(seeds.map(async (seed) => await runOf(seed, true)))
      expect(runs.flatMap(({ failures }) => failures)).toEqual([])
      expect(sum(runs, ({ splits }) => splits)).toBeGreaterThan(4)
    },
    slowMs,
  )
})

const sum = <T>(all: readonly T[], of: (one: T) => number) => all.reduce((total, one) => total + of(one), 0)

const runOf = async (seed: number, mayBothJudge: boolean) => {
  const run = new PairRun(seed, mayBothJudge)
  await run.steps(steps)
  await run.heal()
  return run.result()
}
