/** An operator moves the service to the other server and back: how long clients wait. */
import { settleMs } from '../live/cluster/cluster.ts'
import type { Figure } from './figure.ts'
import { onCluster, otherThan, ownerOf, untilCalm, watched } from './service-cluster.ts'

const timeoutMs = 3000

export const benchMove = (trials: number, progress: (text: string) => void): Promise<readonly Figure[]> =>
  onCluster(timeoutMs, async (cluster) => {
    const values: number[] = []
    while (values.length < trials) {
      const from = await ownerOf(cluster)
      const to = otherThan(from)
      const gap = await watched(cluster, async (watch) => {
        await watch.waitForBanner(({ host }) => host === from, settleMs)
        await cluster.do('s1', 'group', 'move', 'web', '--to', to)
        await watch.waitForBanner(({ host }) => host === to, settleMs)
        return watch.gap(from, to)
      })
      values.push(gap)
      progress(`move: ${gap.toFixed(0)} ms`)
      await untilCalm(cluster)
    }
    const peers = [
      { who: 'Pacemaker', median: 215, max: 280 },
      { who: 'keepalived', median: 80, max: 102 },
    ]
    return [{ name: 'planned move', unit: 'ms', timeoutMs, values, target: { atMost: 80 }, peers }]
  })
