/** Seeds of a product with one of its rules broken, in a process of its own: a module is loaded once. */
import { execFile } from 'node:child_process'

const breaking = new URL('break.ts', import.meta.url).pathname
/** Each process loads the same modules but one: what Node makes of them is kept, or that would take longer than a seed. */
const compiled = new URL('../../../node_modules/.cache/compiled', import.meta.url).pathname

export type Broken = {
  /** The program that plays the seeds. */
  readonly program: string
  readonly seeds: number
  readonly timeoutMs: number
}

/** `seen`: what the first seed that noticed had to say; null = none did. */
export const simulateBroken = (
  name: string,
  { program, seeds, timeoutMs }: Broken,
): Promise<{ readonly seeds: number; readonly seen: string | null }> =>
  new Promise((resolve, reject) => {
    const argv = ['--import', breaking, program, '1', String(seeds)]
    const options = { env: { ...process.env, NODE_COMPILE_CACHE: compiled, BATON_MUTANT: name }, timeout: timeoutMs }
    execFile(process.execPath, argv, options, (error, stdout, stderr) => {
      const line = stdout.trim().split('\n').at(-1) ?? ''
      if (line.startsWith('{')) resolve(JSON.parse(line))
      else reject(new Error(`${stderr}${stdout}`, { cause: error }))
    })
  })
