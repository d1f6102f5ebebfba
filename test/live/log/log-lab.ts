/** A log on loopback: voters with real log servers, their keys, and connections to them. */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LogServer, logServer } from '../../../src/agents/log/log-server.ts'
import { logServersOf, readVoterKit, type VoterKit } from '../../../src/agents/voter/voter-kit.ts'
import { type ClusterKeys, createClusterKeys, writeVoterKit } from '../../../src/cli/create/cluster-keys.ts'
import { writtenConfiguration } from '../../../src/events/configuration.ts'
import type { EventLog } from '../../../src/events/event-log.ts'
import { voterName } from '../../../src/events/ids.ts'
import { connectLog, type LogConnection, type LogWorld } from '../../../src/events/jetstream-connection.ts'
import { jetstreamLog } from '../../../src/events/jetstream-log.ts'
import { ensureStream, replicasFor } from '../../../src/events/jetstream-stream.ts'
import { realWorld } from '../../../src/world/real.ts'
import type { ProcessIdentity } from '../../../src/world/world.ts'
import { until } from '../lab/until.ts'

export const world = realWorld()
export const cluster = 'lab'

export type LabVoter = {
  readonly name: string
  readonly kit: VoterKit
  readonly server: LogServer
  readonly process: () => ProcessIdentity
  /** SIGKILL; it stays down until `server.start()`. */
  readonly kill: () => Promise<void>
  readonly pause: () => void
  readonly resume: () => void
}

export type LogLab = {
  readonly directory: string
  readonly keys: ClusterKeys
  readonly voters: readonly LabVoter[]
  readonly voter: (name: string) => LabVoter
  /** Connects as the agent of a voter would. */
  readonly connect: (name: string, seed?: string) => Promise<LogConnection>
  readonly open: (name: string) => Promise<EventLog>
  readonly close: () => Promise<void>
}

export type LogLabOptions = {
  readonly voters: readonly [string, ...string[]]
  /** Two log servers that know nothing of each other. */
  readonly isPair?: boolean
  /** Where the log servers keep their stores, by voter; below the lab's own directory otherwise. */
  readonly storeOf?: (voter: string) => string | undefined
}

export const openLogLab = async ({ voters: names, isPair = false, storeOf }: LogLabOptions): Promise<LogLab> => {
  const directory = await mkdtemp(join(tmpdir(), 'baton-log-'))
  const keys = await createClusterKeys(await configurationOf(names, isPair))
  const voters: LabVoter[] = []
  for (const name of names) {
    await writeVoterKit(join(directory, name, 'kit'), voterName(name), keys)
    const kit = await readVoterKit(world.files, join(directory, name, 'kit'))
    voters.push(labVoter(kit, storeOf?.(name) ?? join(directory, name, 'log')))
  }
  await Promise.all(voters.map(({ server }) => server.start()))
  const closing: (() => Promise<unknown>)[] = []
  const voter = (name: string): LabVoter => {
    const found = voters.find((v) => v.name === name)
    if (!found) throw new Error(`no voter ${name}`)
    return found
  }
  const connect = async (name: string, seed?: string) => {
    const { kit } = voter(name)
    const connection = await connectTo(kit, seed ?? kit.nkeys.agent.seed)
    closing.push(connection.close)
    return connection
  }
  return {
    directory,
    keys,
    voters,
    voter,
    connect,
    open: async (name) => {
      const connection = await connect(name)
      await ensureStream(world, connection, { cluster, replicas: replicasFor(names.length), withinMs: 30_000 })
      const log = jetstreamLog(world, connection, { cluster })
      closing.push(log.close)
      return log
    },
    close: async () => {
      for (const close of closing.reverse()) await close()
      for (const { resume, server } of voters) {
        resume()
        await server.stop()
      }
      await rm(directory, { recursive: true, force: true })
    },
  }
}

export const connectTo = (kit: VoterKit, seed: string, clock: Pick<LogWorld, 'clock'> = world) =>
  connectLog(clock, {
    name: `test of ${kit.identity.voter}`,
    servers: logServersOf(kit),
    credentials: { ca: kit.ca, certificate: kit.certificate, key: kit.key, seed },
    hasOwn: kit.own.hasLog,
    withinMs: 15_000,
  })

export const natsServerPath = (): string => process.env.BATON_NATS_SERVER ?? 'nats-server'

const labVoter = (kit: VoterKit, directory: string): LabVoter => {
  const server = logServer(world, { kit, binary: natsServerPath(), directory, storeBytes: 2_147_483_648 })
  let last: ProcessIdentity | null = null
  const isAlive = () => last !== null && world.processes.isAlive(last)
  const processOf = (): ProcessIdentity => {
    const status = server.status()
    if ('process' in status) last = status.process
    if (!last) throw new Error(`the log server of ${kit.identity.voter} has never run`)
    return last
  }
  return {
    name: kit.identity.voter,
    kit,
    server,
    process: processOf,
    kill: async () => {
      const running = processOf()
      server.release()
      world.processes.signal(running, 'SIGKILL')
      await until(() => !world.processes.isAlive(running), 5000, 'the end of a log server')
    },
    pause: () => process.kill(processOf().pid, 'SIGSTOP'),
    resume: () => {
      if (isAlive()) process.kill(processOf().pid, 'SIGCONT')
    },
  }
}

const configurationOf = async (names: readonly string[], isPair: boolean) => {
  const servers = []
  for (const name of names) {
    const [heartbeat, log, route] = await freePorts(3)
    servers.push({ name, addresses: { lan: '127.0.0.1' }, ports: { heartbeat, log, route } })
  }
  return writtenConfiguration.parse({ cluster, servers, ...(isPair && { topology: 'pair' }) })
}

const freePorts = async (count: number): Promise<number[]> => {
  const servers = Array.from({ length: count }, () => createServer())
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once('error', reject)
          server.listen(0, '127.0.0.1', () => {
            const address = server.address()
            resolve(typeof address === 'object' && address ? address.port : 0)
          })
        }),
    ),
  )
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
