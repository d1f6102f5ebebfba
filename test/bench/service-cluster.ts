/** Two servers and a witness with one service on a floating address, and a client that asks for it every 10 ms. */
import { type Cluster, createCluster, settleMs } from '../live/cluster/cluster.ts'
import { banner, bannerPort, calm, floating, type Part, quick, type Timing } from '../live/cluster/configuration.ts'
import { createLab } from '../live/lab/lab.ts'
import { until } from '../live/lab/until.ts'
import type { Watch } from '../live/lab/watch.ts'

/** As short as the inequality allows on a machine whose processes are never kept waiting for long. */
const shortest: Part & Timing = {
  interval: '20ms',
  timeout: '300ms',
  release: '110ms',
  stop: '90ms',
  delay: '3ms',
  stall: '60ms',
  lostBeats: '1',
}

/** By time-out. */
export const timings = {
  3000: calm,
  1000: quick,
  300: { ...shortest, lostBeats: 1 } as unknown as Timing,
} as const
export type TimeoutMs = keyof typeof timings

/** As the product itself watches the service's process, but never tired of restarting it. */
const tireless: Part = {
  type: 'pidw',
  retries: 0,
  target: { group: 'web', resource: 'web-server' },
  recovery: { restarts: 99 },
}

const bannerServer = new URL('../live/lab/banner-server.pl', import.meta.url).pathname

/** The floating address, and the smallest service that can be asked who it is; nothing but it is started. */
const service: Part = {
  resources: {
    'web-address': { type: 'fip', address: `${floating}/24` },
    'web-server': banner({ after: ['web-address'], start: `exec perl ${bannerServer} ${bannerPort}` }),
  },
}

/** Runs the body on a cluster of its own, which is gone afterwards. */
export const onCluster = async <T>(timeoutMs: TimeoutMs, body: (cluster: Cluster) => Promise<T>): Promise<T> => {
  await using lab = await createLab({ hosts: ['s1', 's2', 'w'] })
  const options = { timing: timings[timeoutMs], groups: { web: service }, monitors: { tireless } }
  const cluster = await createCluster(lab, options)
  try {
    await cluster.start()
    await untilCalm(cluster)
    return await body(cluster)
  } catch (error) {
    const report = await cluster.report().catch(String)
    throw new Error(`${String(error)}\n${report}`, { cause: error })
  }
}

/** Everybody is up and knows the same, every replica of the log is current, and the witness leads it. */
export const untilCalm = async (cluster: Cluster): Promise<void> => {
  await cluster.waitUntilSettled()
  const isCalm = async () => {
    const all = await Promise.all(cluster.servers.map((server) => cluster.status(server)))
    return all.every(({ log }) => log.leader === 'w' && log.replicas.filter(({ current }) => current).length === 3)
  }
  await until(isCalm, settleMs, 'the witness to lead the log')
}

/** What a client sees of the service while something is done to the cluster. */
export const watched = async <T>(cluster: Cluster, body: (watch: Watch) => Promise<T>): Promise<T> => {
  const watch = await cluster.lab.client.watch({ address: floating, port: bannerPort })
  try {
    return await body(watch)
  } finally {
    await watch.stop()
  }
}

export const ownerOf = async (cluster: Cluster): Promise<string> => {
  const owner = await cluster.ownerOf('web')
  if (owner === null) throw new Error('nobody owns the group')
  return owner
}

export const otherThan = (server: string): string => (server === 's1' ? 's2' : 's1')
