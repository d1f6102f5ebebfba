/** From the execution of an agent to the moment it knows everything, on a log of a million commits with a snapshot. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { AgentStatus } from '../../src/agents/control-protocol.ts'
import { placesIn } from '../../src/agents/node.ts'
import { readVoterKit } from '../../src/agents/voter/voter-kit.ts'
import { agentStatus } from '../../src/cli/agent-client.ts'
import { createClusterKeys, writeVoterKit } from '../../src/cli/create/cluster-keys.ts'
import { writtenConfiguration } from '../../src/events/configuration.ts'
import {
  type Commit,
  commitId,
  monitorName,
  sequence,
  serverName,
  voterName,
  wallTime,
} from '../../src/events/index.ts'
import { realWorld } from '../../src/world/real.ts'
import { baton } from '../live/cluster/kits.ts'
import { now } from '../live/lab/until.ts'
import type { Figure } from './figure.ts'
import { writeLongLog } from './long-log.ts'
import { natsServerPath } from './machine.ts'

const commits = 1_000_000
const targetMs = 2000
/** A first start without a snapshot reads everything. */
const firstMs = 120_000
const pollMs = 5

export const benchStart = async (trials: number, progress: (text: string) => void): Promise<readonly Figure[]> => {
  const stateDirectory = await mkdtemp(join(tmpdir(), 'baton-start-'))
  try {
    progress(`start: writing a log of ${commits} commits`)
    await prepare(stateDirectory)
    const first = await startOnce(stateDirectory)
    progress(`start without a snapshot: ${first.toFixed(0)} ms`)
    const restarts: number[] = []
    const boots: number[] = []
    while (boots.length < trials) {
      restarts.push(await startOnce(stateDirectory))
      await endLogServer(stateDirectory)
      boots.push(await startOnce(stateDirectory))
      progress(`start: ${restarts.at(-1)?.toFixed(0)} ms, with the log server ${boots.at(-1)?.toFixed(0)} ms`)
    }
    const target = { atMost: targetMs }
    return [
      { name: 'agent starts, 1M commits, log server running', unit: 'ms', values: restarts, target },
      { name: 'agent and log server start, 1M commits', unit: 'ms', values: boots, target },
      { name: 'agent starts, 1M commits, no snapshot', unit: 'ms', values: [first] },
    ]
  } finally {
    await endLogServer(stateDirectory)
    await rm(stateDirectory, { recursive: true, force: true })
  }
}

const me = serverName('s1')

const prepare = async (stateDirectory: string): Promise<void> => {
  const [heartbeat, log, route] = await freePorts(3)
  const written = {
    cluster: 'bench',
    servers: [{ name: me, addresses: { lan: '127.0.0.1' }, ports: { heartbeat, log, route } }],
    alerts: { syslog: { local: false } },
  }
  const configuration = writtenConfiguration.parse(written)
  const places = placesIn(stateDirectory)
  await writeVoterKit(places.kit, voterName(me), await createClusterKeys(configuration))
  const kit = await readVoterKit(realWorld().files, places.kit)
  const created: Commit['events'] = [
    { type: 'ClusterCreated', data: { cluster: 'bench' } },
    { type: 'ConfigurationApplied', data: { version: 1, configuration, source: JSON.stringify(written), note: '' } },
  ]
  const commitOf = (n: number): Commit => ({
    id: commitId(`commit${String(n).padStart(16, '0')}`),
    by: 'server:s1',
    at: wallTime(1_760_000_000_000 + n * 100),
    causedBy: n === 1 ? null : sequence(n - 1),
    because: { probe: 'accepting connections', filler: 'x'.repeat(160) },
    events: n === 1 ? created : [verdict(n)],
  })
  await writeLongLog({ kit, directory: places.logServer, commits, commitOf })
}

const verdict = (n: number): Commit['events'][number] => ({
  type: 'MonitorVerdictChanged',
  data: {
    monitor: monitorName('pgw'),
    server: me,
    verdict: n % 2 ? 'normal' : 'error',
    because: 'exit code 1',
    elapsedMs: 12,
    starved: false,
  },
})

/** Until it says that it knows everything there is; then it is told to end, which leaves a snapshot behind. */
const startOnce = async (stateDirectory: string): Promise<number> => {
  const began = now()
  const command = ['agent', '--state', stateDirectory, '--nats-server', natsServerPath()]
  const agent = spawn(baton, command, { stdio: 'ignore' })
  try {
    for (;;) {
      const status = await agentStatus(stateDirectory).catch(() => null)
      if (status && knowsEverything(status)) return now() - began
      if (agent.exitCode !== null) throw new Error(`the agent ended with ${agent.exitCode}`)
      if (now() - began > firstMs) throw new Error('the agent never came to know everything')
      await pause(pollMs)
    }
  } finally {
    await end(agent)
  }
}

const knowsEverything = ({ log, knowledge }: AgentStatus): boolean =>
  log.reachable && log.last >= commits && knowledge.sequence >= log.last

const end = async (agent: ChildProcess): Promise<void> => {
  if (agent.exitCode !== null) return
  const ended = once(agent, 'exit')
  agent.kill('SIGTERM')
  await ended
}

/** It outlives its agent. Found by its configuration file, which nobody else has. */
const endLogServer = async (stateDirectory: string): Promise<void> => {
  const file = `${placesIn(stateDirectory).logServer}/log-server.conf`
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && wordsOf(name).includes(file))
  for (const pid of pids) process.kill(Number(pid), 'SIGTERM')
  while (pids.some((pid) => existsSync(`/proc/${pid}`))) await pause(pollMs)
}

const wordsOf = (pid: string): readonly string[] => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  } catch {
    return []
  }
}

const freePorts = async (count: number): Promise<number[]> => {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => {
    const at = server.address()
    return typeof at === 'object' && at !== null ? at.port : 0
  })
  await Promise.all(servers.map(async (server) => await new Promise((done) => server.close(done))))
  return ports
}
