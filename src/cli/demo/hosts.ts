/** Where the demo's voters run: hosts of their own in namespaces where the kernel lets us, else processes on loopback. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { openSync } from 'node:fs'
import { loopbackHosts } from './loopback.ts'
import { namespaceHosts } from './namespaces.ts'

export type DemoVoter = 's1' | 's2' | 'w'
export const demoVoters: readonly DemoVoter[] = ['s1', 's2', 'w']

export type DemoHosts = {
  /** One line for people: what these hosts are. */
  readonly kind: string
  /** Lines of cluster.yaml: address and ports of a voter, and where it tells its metrics. */
  readonly voter: (voter: DemoVoter) => readonly string[]
  /** Lines of cluster.yaml for the floating IP resource; none where there can be none. */
  readonly address: readonly string[]
  /** Where the service listens, and where clients reach it. */
  readonly service: { readonly host: string; readonly port: number }
  readonly turnOn: (voter: DemoVoter) => Promise<void>
  /** Starts a program on the voter's host. */
  readonly start: (voter: DemoVoter, argv: readonly [string, ...string[]], logFile: string) => void
  /** SIGKILL to everything of this host at once. */
  readonly kill: (voter: DemoVoter) => void
  /** Starts a program where clients are; its output lines are given to `line`. */
  readonly client: (argv: readonly [string, ...string[]], line: (text: string) => void) => ChildProcess
  /** A command for people to reach the service with. */
  readonly tryIt: string
  /** A command for people to see the metrics of a voter with. */
  readonly tryMetrics: (voter: DemoVoter) => string
  /** Ends every host; what was started as a client is its starter's to end. */
  readonly destroy: () => void
}

export const makeHosts = async (): Promise<DemoHosts> => {
  const enter = namespaceCommand()
  return enter === null ? loopbackHosts() : namespaceHosts(enter)
}

/** How to make namespaces here: as root directly, else in a user namespace of our own; null where neither is allowed. */
const namespaceCommand = (): readonly string[] | null => {
  const works = (options: readonly string[]) =>
    spawnSync('unshare', [...options, '--net', '--pid', '--fork', '--mount-proc', 'ip', 'link', 'set', 'lo', 'up'], {
      timeout: 5000,
    }).status === 0
  if (process.getuid?.() === 0) return works([]) ? [] : null
  return works(['--map-root-user']) ? ['--map-root-user'] : null
}

/** Starts `argv`; lines of its output go to `line`, or everything to `logFile`. */
export const run = (
  argv: readonly string[],
  options: {
    readonly line?: (text: string) => void
    readonly logFile?: string
    readonly environment?: Readonly<Record<string, string>>
  },
): ChildProcess => {
  const [file = '', ...rest] = argv
  const output = options.logFile === undefined ? 'pipe' : openSync(options.logFile, 'a')
  // A session of its own: Ctrl-C is for the demo, which then ends the others in order.
  const child = spawn(file, rest, {
    detached: true,
    stdio: [output === 'pipe' ? 'pipe' : 'ignore', output, output === 'pipe' ? 'inherit' : output],
    env: { ...process.env, ...options.environment },
  })
  let partial = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const lines = (partial + text).split('\n')
    partial = lines.pop() ?? ''
    for (const line of lines) options.line?.(line)
  })
  return child
}
