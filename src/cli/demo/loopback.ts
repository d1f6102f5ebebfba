/** Voters as plain processes on loopback, each with ports of its own: where no namespaces can be made. */
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { type DemoHosts, type DemoVoter, demoVoters, run } from './hosts.ts'

const address = '127.0.0.1'

export const loopbackHosts = async (): Promise<DemoHosts> => {
  const [service = 0, ...ports] = await freePorts(1 + demoVoters.length * 4)
  const mark = (voter: DemoVoter) => `BATON_DEMO=${process.pid}-${voter}`
  const killAll = (voter: DemoVoter) => {
    for (const pid of pidsWith(mark(voter))) process.kill(pid, 'SIGKILL')
  }
  const portsOf = (voter: DemoVoter): readonly number[] => ports.slice(demoVoters.indexOf(voter) * 4)
  return {
    kind: 'processes on loopback (namespaces are not allowed here, so there is no floating IP)',
    voter: (voter) => {
      const [heartbeat, log, route, metrics] = portsOf(voter)
      return [
        `addresses: { lan: ${address} }`,
        `ports: { heartbeat: ${heartbeat}, log: ${log}, route: ${route} }`,
        `metrics: ${address}:${metrics}`,
      ]
    },
    address: [],
    service: { host: address, port: service },
    turnOn: async () => {},
    start: (voter, argv, logFile) =>
      void run(argv, { logFile, environment: { BATON_DEMO: `${process.pid}-${voter}` } }),
    kill: killAll,
    client: (argv, line) => run(argv, { line }),
    tryIt: `curl http://${address}:${service}/`,
    tryMetrics: (voter) => `curl http://${address}:${portsOf(voter)[3]}/metrics`,
    destroy: () => {
      for (const voter of demoVoters) killAll(voter)
    },
  }
}

/** Everything that was started with this in its environment, descendants included. */
const pidsWith = (assignment: string): readonly number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(assignment)
      } catch {
        // It has ended, or is somebody else's.
        return false
      }
    })
    .map(Number)

const freePorts = async (count: number): Promise<readonly number[]> => {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(0, address, resolve))
      return server
    }),
  )
  const ports = servers.map((server) => {
    const at = server.address()
    return typeof at === 'object' && at !== null ? at.port : 0
  })
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
