import { type TestContext, test } from 'vitest'
import { missing, type Need } from './needs.ts'

export type LiveTestOptions = {
  readonly needs: readonly Need[]
  readonly timeoutMs?: number
  /** Whatever fails is to be looked at, however busy the machine was. */
  readonly isOnce?: boolean
}

/** Live tests start real servers; what takes longer than this hangs. */
const defaultTimeoutMs = 60_000

/**
 * Clusters with time-outs of a second share two cores with whatever else the machine does: a test that fails is tried once
 * more, which the report tells ("retry x1"). A promise that was broken is not: no second try excuses it.
 */
const secondTry = { count: 1, condition: ({ message }: { message: string }) => !broken.test(message) }
const broken = /two instances at once|^the log:|acknowledged|TWICE/m

/** A test that says what it needs, and is skipped, with the reason in its name, on a machine that lacks it. */
export const liveTest = (
  name: string,
  { needs, timeoutMs = defaultTimeoutMs, isOnce = false }: LiveTestOptions,
  body: (context: TestContext) => Promise<void>,
): void => {
  const reasons = missing(needs)
  if (reasons.length > 0) test.skip(`${name} [skipped: ${reasons.join('; ')}]`, () => undefined)
  else test(name, { timeout: timeoutMs, ...(isOnce ? {} : { retry: secondTry }) }, body)
}
