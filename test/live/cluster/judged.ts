/** What NP resolution says on one server of a cluster. */
import { until } from '../lab/until.ts'
import { type Cluster, settleMs } from './cluster.ts'

/** `reason`: one of those that it gives. */
export const untilJudged = async (
  cluster: Cluster,
  server: string,
  verdict: string,
  reason?: string,
): Promise<void> => {
  const says = async () => {
    const { partition } = await cluster.status(server)
    return partition?.verdict === verdict && (reason === undefined || partition.reasons.includes(reason))
  }
  await until(says, settleMs, `${server} to be ${verdict}${reason === undefined ? '' : ` (${reason})`}`)
}
