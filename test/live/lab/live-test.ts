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
 * more, which the report tells ("retry x1") with what went wrong at first. A promise that was broken is not: no second try excuses it.
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
  else if (isOnce) test(name, { timeout: timeoutMs }, body)
  else test(name, { timeout: timeoutMs, retry: secondTry }, toldOf(body))
}

/** The runner forgets the failure of a test that passes at its second try. */
const toldOf = (body: (context: TestContext) => Promise<void>) => async (context: TestContext) => {
  try {
    await body(context)
  } catch (error) {
    console.error(`${context.task.name}: ${error instanceof Error ? error.message : String(error)}`)
    throw error
  }
}
