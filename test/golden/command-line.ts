/** Runs command lines in this process, and keeps what they print. */
import type { Deps } from '../../src/cli/deps.ts'
import { run } from '../../src/cli/run.ts'

export type Ran = { readonly code: number; readonly out: string; readonly err: string }

const same = (text: string): string => text

/** Neither a terminal nor colours; it is 2026-01-02 04:04:05 UTC; nobody is there to answer unless `over` says so. */
export const runCli = async (argv: readonly string[], over: Partial<Deps> = {}): Promise<Ran> => {
  let out = ''
  let err = ''
  const deps: Deps = {
    print: async (text) => {
      out += text
    },
    complain: (text) => {
      err += text
    },
    isTerminal: false,
    size: () => ({ columns: 100, rows: 40 }),
    colours: { bold: same, dim: same, red: same, green: same, yellow: same, cyan: same },
    confirm: async () => null,
    user: 'ada',
    defaultState: '/nonexistent/baton',
    now: () => Date.UTC(2026, 0, 2, 4, 4, 5),
    zoneMs: () => 3_600_000,
    signal: new AbortController().signal,
    ...over,
  }
  const code = await run(argv, deps)
  return { code, out, err }
}
