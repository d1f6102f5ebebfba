/**
 * Hosts in namespaces: each voter has a network and processes of its own, on a bridge that is in a namespace too; the
 * machine's own network is not touched. Each host's first process reads from us: when we end, however, it ends, and
 * the kernel ends everything in its namespaces with it.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { type DemoHosts, type DemoVoter, run } from './hosts.ts'

const numbers: Readonly<Record<DemoVoter, number>> = { s1: 11, s2: 12, w: 13 }
const subnet = '10.88.0'
const floating = `${subnet}.100`
const port = 8080
const startMs = 5000

/** The demo's network could not be made. */
export class DemoTrouble extends Error {
  override readonly name = 'DemoTrouble'
}

/** A namespace's first process: `pid` is its number out here. */
type Host = { readonly holder: ChildProcess; readonly pid: number }

/** `options`: of unshare, before the namespaces are named (a user namespace where we are not root). */
export const namespaceHosts = async (options: readonly string[]): Promise<DemoHosts> => {
  const hosts = new Map<DemoVoter, Host>()
  const hub = await hold([...options, '--net'])
  ip(hub, [
    'link set lo up',
    'link add bridge type bridge',
    'link set bridge up',
    `address add ${subnet}.1/24 dev bridge`,
  ])
  const inside = (voter: DemoVoter): readonly string[] => [
    'nsenter',
    ...entering(hosts.get(voter) ?? hub, options),
    '--net',
    '--pid',
    '--mount',
  ]
  const metricsOf = (voter: DemoVoter): string => `${subnet}.${numbers[voter]}:29020`
  const isOurs = options.length > 0
  const inHub = `${isOurs ? 'as root: ' : ''}nsenter -t ${hub.pid} ${isOurs ? '-U ' : ''}-n`
  return {
    kind: `hosts in namespaces, on a network of their own (${subnet}.0/24)`,
    voter: (voter) => [`addresses: { lan: ${subnet}.${numbers[voter]} }`, `metrics: ${metricsOf(voter)}`],
    address: ['address:', '  type: fip', `  address: ${floating}/24`],
    service: { host: floating, port },
    turnOn: async (voter) => {
      // In a user namespace of its own a host could not be given a cable from the hub: it joins the hub's.
      const host = await hold(['--net', '--pid', '--fork', '--mount-proc'], options.length === 0 ? null : hub)
      hosts.set(voter, host)
      ip(hub, [
        `link add ${voter} type veth peer name eth0 netns ${host.pid}`,
        `link set ${voter} master bridge`,
        `link set ${voter} up`,
      ])
      ip(host, ['link set lo up', 'link set eth0 up', `address add ${subnet}.${numbers[voter]}/24 dev eth0`], options)
    },
    start: (voter, argv, logFile) => void run([...inside(voter), ...argv], { logFile }),
    kill: (voter) => {
      const host = hosts.get(voter)
      if (!host) return
      // Its cable first: what is left of a killed host's network for a moment must answer nobody.
      ip(hub, [`link delete ${voter}`])
      process.kill(host.pid, 'SIGKILL')
      hosts.delete(voter)
    },
    client: (argv, line) => run(['nsenter', ...entering(hub, options), '--net', ...argv], { line }),
    tryIt: `${inHub} curl http://${floating}:${port}/`,
    tryMetrics: (voter) => `${inHub} curl http://${metricsOf(voter)}/metrics`,
    destroy: () => {
      for (const { holder, pid } of [...hosts.values(), hub]) {
        kill(pid)
        holder.stdin?.end()
      }
    },
  }
}

const kill = (pid: number): void => {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

const entering = ({ pid }: Host, options: readonly string[]): readonly string[] =>
  options.length === 0 ? ['--target', String(pid)] : ['--target', String(pid), '--user', '--preserve-credentials']

/** Starts a process in new namespaces (made from within `from`, if given) that lives until we close its input. */
const hold = async (options: readonly string[], from: Host | null = null): Promise<Host> => {
  const enter = from === null ? [] : ['nsenter', ...entering(from, ['user'])]
  const [file = '', ...rest] = [...enter, 'unshare', ...options, 'sh', '-c', 'echo ready; exec cat']
  const holder = spawn(file, rest, { stdio: ['pipe', 'pipe', 'pipe'], detached: true })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let complaint = ''
  holder.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text
  })
  const cannot = (why: string) => reject(new DemoTrouble(`a namespace could not be made: ${why}`))
  holder.stdout.once('data', () => resolve())
  holder.once('error', (error) => cannot(error.message))
  holder.once('exit', (code) => cannot(`unshare ended with ${code}: ${complaint.trim()}`))
  const timer = setTimeout(() => cannot('no answer'), startMs)
  await promise.finally(() => clearTimeout(timer))
  const pid = holder.pid ?? 0
  return { holder, pid: options.includes('--fork') ? childOf(pid) : pid }
}

/** With --fork, the first process of the new namespaces is the child of the one we started. */
const childOf = (pid: number): number => {
  const { stdout } = spawnSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' })
  const child = Number(stdout.trim().split('\n')[0])
  if (!Number.isInteger(child) || child <= 0) throw new DemoTrouble('the first process of a host was not found')
  return child
}

const ip = (host: Host, commands: readonly string[], options: readonly string[] = []): void => {
  const user = options.length === 0 && process.getuid?.() === 0 ? [] : ['--user', '--preserve-credentials']
  const answer = spawnSync('nsenter', ['--target', String(host.pid), ...user, '--net', 'ip', '-batch', '-'], {
    input: commands.join('\n'),
    encoding: 'utf8',
  })
  if (answer.status !== 0) throw new DemoTrouble(`ip: ${answer.stderr.trim()}`)
}
