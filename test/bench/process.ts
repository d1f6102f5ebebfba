/** The service's process is killed: how long until clients are answered by another one on the same server. */
import { settleMs } from '../live/cluster/cluster.ts'
import { pidsWith } from '../live/cluster/voter-processes.ts'
import type { Figure } from './figure.ts'
import { onCluster, ownerOf, untilCalm, watched } from './service-cluster.ts'

const timeoutMs = 3000

export const benchProcess = (trials: number, progress: (text: string) => void): Promise<readonly Figure[]> =>
  onCluster(timeoutMs, async (cluster) => {
    const values: number[] = []
    while (values.length < trials) {
      const server = await ownerOf(cluster)
      const gap = await watched(cluster, async (watch) => {
        const { banner } = await watch.waitForBanner(() => true, settleMs)
        const [pid] = await pidsWith(cluster.host(server), (line) => line.includes('banner-server.pl'))
        if (pid === undefined) throw new Error(`no service runs on ${server}`)
        process.kill(pid, 'SIGKILL')
        await watch.waitForBanner(({ instance }) => instance !== banner.instance, settleMs)
        return watch.gap(
          ({ instance }) => instance === banner.instance,
          ({ instance }) => instance !== banner.instance,
        )
      })
      values.push(gap)
      progress(`killed process: ${gap.toFixed(0)} ms`)
      await untilCalm(cluster)
    }
    const peers = [{ who: 'Pacemaker, monitor every 1 s', median: 625, max: 1041 }]
    return [{ name: 'killed process is back', unit: 'ms', timeoutMs, values, target: { atMost: 100 }, peers }]
  })
