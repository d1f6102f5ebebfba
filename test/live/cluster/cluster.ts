/** A whole cluster in a lab: real agents, log servers and guardians on hosts, driven from outside. */
import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AgentStatus } from '../../../src/agents/control-protocol.ts'
import { agentStatus } from '../../../src/cli/agent-client.ts'
import { agentSource } from '../../../src/cli/log-source.ts'
import type { Event, Recorded } from '../../../src/events/index.ts'
import type { Host } from '../lab/host.ts'
import type { RunOptions, RunResult } from '../lab/host-command.ts'
import type { Lab } from '../lab/lab.ts'
import { until } from '../lab/until.ts'
import { type ClusterOptions, configurationOf, floating, portOf, serversOf, votersOf } from './configuration.ts'
import { baton, installKit } from './kits.ts'
import { ServiceWatch } from './service-watch.ts'
import { pidsOf, type Role } from './voter-processes.ts'

/** What the hosts see of their state directories. */
export const state = '/var/lib/baton'

const leadProgram = new URL('lead.ts', import.meta.url).pathname

/** An election takes up to 9 s, and the machine is shared. */
export const settleMs = 40_000
const startMs = 60_000

export const createCluster = async (lab: Lab, options: ClusterOptions): Promise<Cluster> => {
  const cluster = new Cluster(lab, options)
  await cluster.install()
  return cluster
}

export class Cluster {
  readonly lab: Lab
  readonly servers: readonly string[]
  readonly voters: readonly string[]
  readonly #options: ClusterOptions
  readonly #watches: ServiceWatch[] = []

  constructor(lab: Lab, options: ClusterOptions) {
    this.lab = lab
    this.#options = options
    this.servers = serversOf(options)
    this.voters = votersOf(options)
  }

  async install(): Promise<void> {
    const configuration = configurationOf(this.lab, this.#options)
    for (const voter of this.voters) {
      const { stateDirectory } = this.host(voter)
      await mkdir(join(stateDirectory, 'log'), { recursive: true })
      await installKit(voter, stateDirectory, { voters: this.voters, configuration })
    }
  }

  host(name: string): Host {
    return this.lab.host(name)
  }

  /** Starts every voter, and waits until every group that should run does. */
  async start(): Promise<void> {
    await Promise.all(this.voters.map((voter) => this.startAgent(voter)))
    await this.waitUntilSettled(startMs)
  }

  async startAgent(voter: string): Promise<void> {
    const env = this.#options.environment ?? {}
    await this.host(voter).spawn(this.#agentCommand(voter), { logFile: this.#logFileOf(voter, 'agent'), env })
  }

  /** Beside the one that runs: what becomes of it. */
  async runAnotherAgent(voter: string): Promise<RunResult> {
    return this.host(voter).run(this.#agentCommand(voter), { timeoutMs: settleMs })
  }

  #agentCommand(voter: string): readonly string[] {
    const role = this.servers.includes(voter) ? ['agent', '--respawn'] : ['witness']
    return [baton, ...role, '--state', state, '--nats-server', natsServer()]
  }

  /** By itself, as its unit does, or an agent that was killed before it had reached it. */
  async startGuardian(server: string): Promise<void> {
    const command = [baton, 'guardian', '--state', state, '--nats-server', natsServer(), '--respawn']
    await this.host(server).spawn(command, { logFile: this.#logFileOf(server, 'guardian') })
  }

  /** What an agent says of itself, over the same socket as `baton status`. */
  async status(voter: string): Promise<AgentStatus> {
    return await agentStatus(this.host(voter).stateDirectory)
  }

  /** Runs the CLI on a host. */
  async baton(voter: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const env = { BATON_STATE: state, NO_COLOR: '1' }
    return await this.host(voter).run([baton, ...args], { timeoutMs: 90_000, ...options, env })
  }

  /** The same, and fails unless it is done. */
  async do(voter: string, ...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.baton(voter, args)
    if (code !== 0) throw new Error(`baton ${args.join(' ')} ended with ${code}: ${stderr}${stdout}`)
    return stdout
  }

  /** The same, as soon as its agent takes it: one may be on its way back. */
  async doSoon(voter: string, args: readonly string[], withinMs = settleMs): Promise<void> {
    const isTaken = async () => (await this.baton(voter, args)).code === 0
    await until(isTaken, withinMs, `${args.join(' ')} to be taken by ${voter}`)
  }

  /** Who owns a group, and how far it is, as one voter knows it. */
  async ownership(group: string, voter = this.#anyServer()) {
    const { state: known } = await this.status(voter)
    return known.groups[group]?.ownership ?? null
  }

  async ownerOf(group: string, voter?: string): Promise<string | null> {
    const ownership = await this.ownership(group, voter)
    return ownership?.status === 'assigned' ? ownership.server : null
  }

  async waitUntilOnline(group: string, server: string, { by = server, withinMs = settleMs } = {}): Promise<void> {
    const isThere = async () => {
      const ownership = await this.ownership(group, by)
      return ownership?.status === 'assigned' && ownership.server === server && ownership.phase === 'online'
    }
    await until(isThere, withinMs, `${group} to be online on ${server}`)
  }

  /** Every agent that runs knows the same, holds a lease, and every group that is wanted is online or has failed. */
  async waitUntilSettled(withinMs = settleMs, voters = this.#onVoters()): Promise<void> {
    let open: readonly string[] = []
    const isSettled = async () => {
      const all = await Promise.all(voters.map((voter) => this.status(voter)))
      open = all.flatMap((status) => unsettledIn(status))
      if (new Set(all.map(({ knowledge }) => knowledge.sequence)).size > 1) open = [...open, 'they know different ends']
      return open.length === 0
    }
    await until(isSettled, withinMs, 'the cluster to settle').catch((error: unknown) => {
      throw new Error(`${String(error)}: ${open.join('; ')}`, { cause: error })
    })
  }

  async watch({ address = floating } = {}): Promise<ServiceWatch> {
    const servers = this.servers.map((name) => this.host(name)).filter(({ isOn }) => isOn)
    const watch = await ServiceWatch.start(this.lab, { address, port: portOf(address), servers })
    this.#watches.push(watch)
    return watch
  }

  async powerOff(voter: string): Promise<void> {
    await this.host(voter).powerOff()
  }

  /** The computer comes up again, and its agent with it. */
  async powerOn(voter: string): Promise<void> {
    await this.host(voter).powerOn()
    for (const watch of this.#watches) if (this.servers.includes(voter)) await watch.watchOn(this.host(voter))
    await this.startAgent(voter)
  }

  async pid(voter: string, role: Role): Promise<number> {
    const [pid] = await until(
      async () => {
        const pids = await pidsOf(this.host(voter), role)
        return pids.length > 0 ? pids : null
      },
      settleMs,
      `a ${role} on ${voter}`,
    )
    return pid ?? 0
  }

  async signal(voter: string, role: Role, signal: NodeJS.Signals): Promise<number> {
    const pid = await this.pid(voter, role)
    process.kill(pid, signal)
    return pid
  }

  /** Waits until another process than `pid` has the role. */
  async waitForAnother(voter: string, role: Role, pid: number): Promise<number> {
    const another = async () => (await pidsOf(this.host(voter), role)).find((one) => one !== pid)
    return await until(another, settleMs, `another ${role} on ${voter}`)
  }

  /** As an upgrade does: the agent ends by itself and is started again, by its guardian where there is one. */
  async restartAgent(voter: string): Promise<void> {
    const role = this.servers.includes(voter) ? 'agent' : 'witness'
    const pid = await this.signal(voter, role, 'SIGTERM')
    await until(() => !existsSync(`/proc/${pid}`), settleMs, `the ${role} on ${voter} to end`)
    // Where nothing runs, its guardian ends with it.
    if ((await pidsOf(this.host(voter), 'guardian')).length === 0) await this.startAgent(voter)
    await this.waitForAnother(voter, role, pid)
  }

  /** The voter that leads the log. */
  async logLeader(): Promise<string> {
    return await until(
      async () => {
        for (const voter of this.#onVoters()) {
          const leader = await this.status(voter).then(
            ({ log }) => log.leader,
            () => null,
          )
          if (leader) return leader
        }
        return null
      },
      settleMs,
      'a leader of the log',
    )
  }

  async moveLogLeader(to: string): Promise<void> {
    const on = this.#anyServer()
    await this.host(on).ok([process.execPath, leadProgram, `${state}/kit`, to])
    // Where it is decided from knows it a moment later.
    await until(async () => (await this.status(on)).log.leader === to, settleMs, `${to} to be known as the leader`)
  }

  /** The whole log as a server has it. */
  async commits(voter = this.#anyServer()): Promise<readonly Recorded[]> {
    const commits: Recorded[] = []
    for await (const batch of agentSource(this.host(voter).stateDirectory).read(0)) commits.push(...batch)
    return commits
  }

  async events<T extends Event['type']>(type: T, voter?: string): Promise<readonly Extract<Event, { type: T }>[]> {
    const all = (await this.commits(voter)).flatMap(({ commit }) => commit.events)
    return all.filter((event): event is Extract<Event, { type: T }> => event.type === type)
  }

  get watches(): readonly ServiceWatch[] {
    return this.#watches
  }

  /** For the message of a test that failed: why the groups are where they are, alerts, the ends of all logs. */
  async report(): Promise<string> {
    const parts: string[] = []
    const server = this.servers.find((name) => this.host(name).isOn)
    if (server !== undefined)
      for (const args of [['status'], ['log', 'show', '--last', '60'], ['alerts']]) {
        const { stdout, stderr } = await this.baton(server, args, { timeoutMs: 15_000 }).catch((error: unknown) => ({
          stdout: '',
          stderr: String(error),
        }))
        parts.push(`--- baton ${args.join(' ')} on ${server}`, stdout, stderr)
      }
    for (const voter of this.voters)
      for (const name of ['agent', 'guardian'] as const) {
        const text = await this.logOf(voter, name)
        if (text !== '') parts.push(`--- ${name} of ${voter}`, tail(text))
      }
    return parts.join('\n')
  }

  /** What a process of a voter has written to its own log so far. */
  logOf(voter: string, name: 'agent' | 'guardian'): Promise<string> {
    return readFile(this.#logFileOf(voter, name), 'utf8').catch(() => '')
  }

  #logFileOf(voter: string, name: 'agent' | 'guardian'): string {
    return join(this.host(voter).stateDirectory, 'log', `${name}.log`)
  }

  #onVoters(): readonly string[] {
    return this.voters.filter((voter) => this.host(voter).isOn)
  }

  #anyServer(): string {
    const found = this.servers.find((name) => this.host(name).isOn)
    if (found === undefined) throw new Error('no server is on')
    return found
  }
}

const unsettledIn = ({ voter, role, lease, log, state: known }: AgentStatus): readonly string[] => {
  const groups = Object.values(known.groups).flatMap(({ name, wanted, ownership, waiting }) => {
    const phase = ownership.status === 'assigned' ? ownership.phase : 'stopped'
    const isSettled =
      wanted === 'started' ? ['online', 'failed'].includes(phase) || waiting !== null : phase === 'stopped'
    return isSettled ? [] : [`${name} is ${phase}`]
  })
  return [
    ...(role === 'server' && !lease.held ? [`${voter} has no lease: ${lease.because}`] : []),
    ...(log.reachable ? [] : [`${voter} does not reach the log`]),
    ...(known.configuration.current === null ? [`${voter} has no configuration`] : []),
    ...groups,
  ]
}

const tail = (text: string): string => text.split('\n').slice(-25).join('\n')

const natsServer = (): string => process.env.BATON_NATS_SERVER ?? 'nats-server'
