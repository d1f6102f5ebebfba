/** A failing run with as few of its faults as still make it fail: what is left is what a person has to understand. */
import type { SeedOutcome, Strike } from './seed.ts'

export type Shrunk = {
  readonly outcome: SeedOutcome
  /** How many struck in the run that failed first, and how often it was tried with fewer. */
  readonly struck: number
  readonly tries: number
}

const defaultTries = 60

/** For a run that nobody asked to be made small: it must not keep anybody waiting for long. */
const fewTries = 15

/** Runs the same scenario, made anew since faults remember what they did, with these faults alone. */
export type RunWith = (strikes: readonly Strike[]) => Promise<SeedOutcome>

/** Leaves out halves, then quarters, down to single faults; whatever still breaks the same promise stays left out. */
export const shrink = async (runWith: RunWith, failed: SeedOutcome, mostTries = defaultTries): Promise<Shrunk> => {
  const promise = promiseOf(failed)
  let outcome = failed
  let tries = 0
  const stillFails = async (strikes: readonly Strike[]): Promise<boolean> => {
    tries += 1
    const tried = await runWith(strikes)
    if (tried.failure === null || promiseOf(tried) !== promise) return false
    outcome = tried
    return true
  }
  for (let size = Math.ceil(failed.strikes.length / 2); size >= 1; size = size > 1 ? Math.ceil(size / 2) : 0) {
    for (let from = 0; from < outcome.strikes.length && tries < mostTries; ) {
      const rest = outcome.strikes.filter((_, at) => at < from || at >= from + size)
      if (!(await stillFails(rest))) from += size
    }
  }
  return { outcome, struck: failed.strikes.length, tries }
}

/** What was broken, without where and when: `seed 3 after 5.2 s of virtual time: one server runs a group: …`. */
const promiseOf = ({ failure }: SeedOutcome): string => (failure ?? '').split(': ')[1] ?? ''

/** The report of the smaller run that a few tries have found, with what is left; null where they found none. */
export const smallerReport = async (runWith: RunWith, failed: SeedOutcome): Promise<string | null> => {
  const shrunk = await shrink(runWith, failed, fewTries)
  return shrunk.outcome === failed ? null : [shrunk.outcome.failure, ...shrunkLines(shrunk)].join('\n')
}

/** What is left, a line each; for beneath the report of the smaller run. */
export const shrunkLines = ({ outcome, struck, tries }: Shrunk): readonly string[] => [
  `smaller: ${outcome.strikes.length} of ${struck} faults are enough (${tries} tries):`,
  ...outcome.strikes.map(({ at, fault }) => `  at ${(at / 1000).toFixed(3)} s  ${fault}`),
]
