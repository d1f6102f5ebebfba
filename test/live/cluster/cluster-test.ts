/** A test of a whole cluster: made before, and held against what must always be so after. */
import { afterAll, expect, type TestContext } from 'vitest'
import { createLab } from '../lab/lab.ts'
import { liveTest } from '../lab/live-test.ts'
import type { Need } from '../lab/needs.ts'
import { giveStateDisks } from '../lab/state-disks.ts'
import { type Cluster, createCluster } from './cluster.ts'
import { type ClusterOptions, hostsOf } from './configuration.ts'
import { removeKits } from './kits.ts'
import { findingsIn } from './log-check.ts'

export type ClusterTestOptions = ClusterOptions & {
  readonly needs?: readonly Need[]
  readonly timeoutMs?: number
  /** The test starts the cluster itself. */
  readonly isOff?: boolean
  /** Further computers in the lab, without an agent. */
  readonly others?: readonly string[]
  /** The state of each host is on a disk of its own, which can be made to stand still. */
  readonly hasStateDisks?: boolean
}

// Whichever test of the file has made them.
afterAll(removeKits)

/** A cluster test starts a cluster, breaks it, and waits for elections. */
const defaultTimeoutMs = 150_000

export const clusterTest = (
  name: string,
  {
    needs = [],
    timeoutMs = defaultTimeoutMs,
    isOff = false,
    others = [],
    hasStateDisks = false,
    ...options
  }: ClusterTestOptions,
  body: (cluster: Cluster, context: TestContext) => Promise<void>,
): void => {
  liveTest(name, { needs: ['lab', 'nats-server', ...needs], timeoutMs }, async (context) => {
    await using lab = await createLab({
      hosts: [...hostsOf(options), ...others],
      ...(hasStateDisks && { prepare: giveStateDisks }),
    })
    const cluster = await createCluster(lab, options)
    await checked(cluster, async () => {
      if (!isOff) await cluster.start()
      await body(cluster, context)
    })
  })
}

/** Runs the body, then checks what must always be so; a failure says all that the cluster can say of it. */
export const checked = async (cluster: Cluster, body: () => Promise<void>): Promise<void> => {
  try {
    await body()
    await checkAfterwards(cluster)
  } catch (error) {
    const report = await cluster.report().catch(String)
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${report}`, { cause: error })
  }
}

/** No service ran twice, and no log says that it could have. */
const checkAfterwards = async (cluster: Cluster): Promise<void> => {
  for (const watch of cluster.watches) {
    await watch.stop()
    expect(watch.overlaps(), 'two instances at once').toEqual([])
  }
  const server = cluster.servers.find((name) => cluster.host(name).isOn)
  if (server !== undefined) expect(findingsIn(await cluster.commits(server)), 'the log:').toEqual([])
}
