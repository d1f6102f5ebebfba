/** `baton demo`: a whole cluster on this machine. Shows a service outlive its server, then stays to be played with. */
import { type ChildProcess, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { agentStatus } from './agent-client.ts'
import { createCluster } from './create.ts'
import { type DemoHosts, type DemoVoter, demoVoters, makeHosts } from './demo/hosts.ts'
import { CommandFailed, type Deps, exitCode } from './deps.ts'
import { findNatsServer } from './nats-server.ts'

const startMs = 60_000
const takeoverMs = 30_000
const lookMs = 50

/** Short enough to watch, long enough for a machine that does much else; the checker's inequality holds. */
const heartbeat =
  '{ interval: 100ms, timeout: 1s, release: 400ms, stop: 300ms, delay: 10ms, stall: 100ms, lostBeats: 2 }'

type Seen = { readonly answer: string; readonly gapMs: number | null }

/** What is left of a process or a pipe after this long must not keep the demo. */
const lingerMs = 1000

/** @throws CommandFailed when the cluster does not come up; then its logs stay, and nothing else. */
export const runDemo = async (deps: Deps, { once }: { readonly once?: boolean }): Promise<void> => {
  const directory = mkdtempSync(join(tmpdir(), 'baton-demo-'))
  let hosts: DemoHosts | null = null
  let demo: Demo | null = null
  let keepsLogs = false
  try {
    hosts = await makeHosts()
    demo = new Demo(deps, hosts, directory)
    await demo.show(once === true)
  } catch (error) {
    keepsLogs = !deps.signal.aborted
    if (keepsLogs) throw error
  } finally {
    demo?.end()
    hosts?.destroy()
    if (!keepsLogs) rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
    setTimeout(() => process.exit(), lingerMs).unref()
  }
  await deps.print('\nThe cluster is gone; nothing is left behind.\n')
}

class Demo {
  readonly #deps: Deps
  readonly #hosts: DemoHosts
  readonly #directory: string
  readonly #seen: Seen[] = []
  #client: ChildProcess | null = null

  constructor(deps: Deps, hosts: DemoHosts, directory: string) {
    this.#deps = deps
    this.#hosts = hosts
    this.#directory = directory
  }

  async show(once: boolean): Promise<void> {
    await this.#say(`Two servers (s1, s2) and a witness (w): ${this.#hosts.kind}.`)
    await this.#step('making keys', () => this.#create())
    const natsServer = await findNatsServer()
    await this.#step('starting the three, each with a log server of its own', async () => {
      for (const voter of demoVoters) await this.#turnOn(voter, natsServer)
      this.#client = this.#hosts.client(
        this.#program('demo/probe', this.#hosts.service.host, String(this.#hosts.service.port)),
        (line) => this.#hear(line),
      )
      await this.#until('the service does not come up', startMs, () => this.#seen.length > 0 && this.#isSettled())
    })
    await this.#baton('status')
    const active = await this.#activeServer()
    const survivor = active === 's1' ? 's2' : 's1'
    await this.#say(
      `\nThe service answers: "${this.#seen.at(-1)?.answer}".  Now ${active} is killed: SIGKILL to everything on it, no goodbye.\n`,
    )
    const before = this.#seen.length
    this.#hosts.kill(active)
    await this.#step('waiting for the service', () =>
      this.#until('the service does not come back', takeoverMs, () => this.#seen.length > before),
    )
    const back = this.#seen[before]
    await this.#say(
      `\n  It is back: "${back?.answer}".  Gap, as a client saw it: ${back?.gapMs} ms (the heartbeat time-out is 1000 ms).\n`,
    )
    await this.#until('the log is behind', takeoverMs, () => this.#isOnline(survivor))
    await this.#say('Why is it there?  The log knows:\n')
    await this.#baton('why', ['web'], survivor)
    if (once) return
    await this.#step(`turning ${active} on again`, async () => {
      await this.#turnOn(active, natsServer)
      await this.#until(`${active} does not join`, startMs, () => this.#isUp(active, survivor))
    })
    await this.#invite(survivor)
  }

  end(): void {
    this.#client?.stdin?.end()
  }

  async #invite(survivor: DemoVoter): Promise<void> {
    const baton = join(fileURLToPath(new URL('../..', import.meta.url)), 'bin', 'baton')
    const at = `--state ${join(this.#directory, survivor)}`
    await this.#say(`
The cluster stays up until Ctrl-C. Try, in another terminal:

  ${baton} status --watch ${at}
  ${baton} group move web ${at}
  ${baton} log follow ${at}
  ${baton} group explain web ${at}
  ${baton} server stop ${survivor} ${at}
  ${this.#hosts.tryIt}
  ${this.#hosts.tryMetrics(survivor)}
`)
    const { signal } = this.#deps
    // Something must keep the process alive while nothing but a signal is waited for.
    const alive = setInterval(() => {}, 60_000)
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve()
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
    clearInterval(alive)
  }

  async #create(): Promise<void> {
    const path = join(this.#directory, 'cluster.yaml')
    writeFileSync(path, this.#configuration())
    const kits = join(this.#directory, 'kits')
    await createCluster({ config: path, out: kits }, { ...this.#deps, print: async () => {} })
    for (const voter of demoVoters) {
      mkdirSync(join(this.#directory, voter))
      cpSync(join(kits, voter), join(this.#directory, voter, 'kit'), { recursive: true })
    }
  }

  #configuration(): string {
    const { host, port } = this.#hosts.service
    const voter = (name: DemoVoter, indent: string) => [`name: ${name}`, ...this.#hosts.voter(name)].join(`\n${indent}`)
    const command = this.#program('demo/service', host, String(port), '$BATON_SERVER').join(' ')
    const indented = this.#hosts.address.map((line) => `      ${line}`)
    return [
      'cluster: demo',
      'servers:',
      `  - ${voter('s1', '    ')}`,
      `  - ${voter('s2', '    ')}`,
      'witness:',
      `  ${voter('w', '  ')}`,
      `heartbeat: ${heartbeat}`,
      'startSync: 30s',
      'alerts: { syslog: { local: false } }',
      'groups:',
      '  web:',
      '    servers: [s1, s2]',
      '    resources:',
      ...indented,
      '      app:',
      '        type: exec',
      ...(indented.length > 0 ? ['        after: [address]'] : []),
      `        start: exec ${command}`,
      '',
    ].join('\n')
  }

  #program(name: string, ...rest: readonly string[]): [string, ...string[]] {
    return [process.execPath, fileURLToPath(new URL(`./${name}.js`, import.meta.url)), ...rest]
  }

  async #turnOn(voter: DemoVoter, natsServer: string): Promise<void> {
    await this.#hosts.turnOn(voter)
    const state = join(this.#directory, voter)
    const role = voter === 'w' ? ['witness'] : ['agent', '--respawn']
    this.#hosts.start(
      voter,
      this.#program('main', ...role, '--state', state, '--nats-server', natsServer),
      join(this.#directory, `${voter}.log`),
    )
  }

  #hear(line: string): void {
    const seen: unknown = JSON.parse(line)
    if (typeof seen !== 'object' || seen === null || !('answer' in seen) || !('gapMs' in seen)) return
    this.#seen.push({ answer: String(seen.answer), gapMs: seen.gapMs === null ? null : Number(seen.gapMs) })
  }

  async #status(voter: DemoVoter) {
    return agentStatus(join(this.#directory, voter), this.#deps.signal).catch(() => null)
  }
  async #isSettled(): Promise<boolean> {
    const status = await this.#status('s1')
    return status?.log.leader === 'w' && (await this.#isUp('s1', 's1')) && (await this.#isUp('s2', 's1'))
  }
  async #isUp(server: DemoVoter, asked: DemoVoter): Promise<boolean> {
    return (await this.#status(asked))?.state.servers.byName[server]?.status === 'up'
  }
  async #isOnline(asked: DemoVoter): Promise<boolean> {
    const ownership = (await this.#status(asked))?.state.groups.web?.ownership
    return ownership?.status === 'assigned' && ownership.server === asked && ownership.phase === 'online'
  }
  async #activeServer(): Promise<DemoVoter> {
    const ownership = (await this.#status('s1'))?.state.groups.web?.ownership
    return ownership?.status === 'assigned' && ownership.server === 's2' ? 's2' : 's1'
  }

  async #baton(command: string, rest: readonly string[] = [], at: DemoVoter = 's1'): Promise<void> {
    const [node, ...arguments_] = this.#program('main', command, ...rest, '--state', join(this.#directory, at))
    const { colours, isTerminal } = this.#deps
    await this.#say(colours.bold(`$ baton ${[command, ...rest].join(' ')}`))
    const { stdout, stderr } = spawnSync(node, arguments_, {
      encoding: 'utf8',
      env: { ...process.env, ...(isTerminal ? { FORCE_COLOR: '1' } : {}) },
    })
    await this.#deps.print(stdout + stderr)
  }

  async #say(text: string): Promise<void> {
    await this.#deps.print(`${text}\n`)
  }

  async #step(what: string, work: () => Promise<void>): Promise<void> {
    const began = performance.now()
    await this.#deps.print(`  ${what} …`)
    await work()
    await this.#deps.print(` ${((performance.now() - began) / 1000).toFixed(1)} s\n`)
  }

  async #until(what: string, withinMs: number, isSo: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = performance.now() + withinMs
    while (!(await isSo())) {
      if (this.#deps.signal.aborted) throw new CommandFailed(exitCode.failed, 'interrupted')
      if (performance.now() > deadline)
        throw new CommandFailed(
          exitCode.failed,
          `${what} within ${withinMs / 1000} s`,
          `look at the logs in ${this.#directory}`,
        )
      await new Promise((resolve) => setTimeout(resolve, lookMs))
    }
  }
}
