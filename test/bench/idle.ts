/** What a cluster in which nothing happens costs: memory, and processor time over 20 s. */
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { Cluster } from '../live/cluster/cluster.ts'
import type { Role } from '../live/cluster/voter-processes.ts'
import type { Figure } from './figure.ts'
import { onCluster, ownerOf } from './service-cluster.ts'

const timeoutMs = 3000
const forMs = 20_000
/** Nothing of a start is left by then. */
const quietMs = 5000
/** Of /proc/PID/stat: 100 on every Linux that Node.js runs on. */
const ticksPerSecond = 100

export const benchIdle = (_trials: number, progress: (text: string) => void): Promise<readonly Figure[]> =>
  onCluster(timeoutMs, async (cluster) => {
    await pause(quietMs)
    const active = await ownerOf(cluster)
    const looked = [
      ...(await processesOf(cluster, active, ['agent', 'guardian', 'log server'])),
      ...(await processesOf(cluster, 'w', ['witness', 'log server'])),
    ]
    progress(`idle: looking for ${forMs / 1000} s`)
    const before = looked.map(({ pid }) => cpuMs(pid))
    await pause(forMs)
    return looked.flatMap(({ name, pid }, index): readonly Figure[] => [
      { name: `idle ${name}, memory`, unit: 'MB', values: [rssMb(pid)], timeoutMs },
      {
        name: `idle ${name}, processor`,
        unit: '% CPU',
        values: [((cpuMs(pid) - (before[index] ?? 0)) / forMs) * 100],
        timeoutMs,
      },
    ])
  })

const processesOf = async (cluster: Cluster, voter: string, roles: readonly Role[]) => {
  const where = voter === 'w' ? 'of the witness' : 'of a server'
  return await Promise.all(
    roles.map(async (role) => ({
      name: role === 'log server' ? `${role} ${where}` : role,
      pid: await cluster.pid(voter, role),
    })),
  )
}

const rssMb = (pid: number): number => {
  const kb = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kb) / 1024
}

const cpuMs = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name, in parentheses, may hold anything; user and system time are the 12th and 13th field after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return ((Number(fields[11]) + Number(fields[12])) / ticksPerSecond) * 1000
}
