import { type TestContext, test } from 'vitest'
import { missing, type Need } from './needs.ts'

export type LiveTestOptions = { readonly needs: readonly Need[]; readonly timeoutMs?: number }

/** Live tests start real servers; what takes longer than this hangs. */
const defaultTimeoutMs = 60_000

/** A test that says what it needs, and is skipped, with the reason in its name, on a machine that lacks it. */
export const liveTest = (
  name: string,
  { needs, timeoutMs = defaultTimeoutMs }: LiveTestOptions,
  body: (context: TestContext) => Promise<void>,
): void => {
  const reasons = missing(needs)
  if (reasons.length > 0) test.skip(`${name} [skipped: ${reasons.join('; ')}]`, () => undefined)
  else test(name, { timeout: timeoutMs }, body)
}
