/** A test on a cluster with one mirror disk between s1 and s2, and a witness. */
import { createLab } from '../lab/lab.ts'
import { liveTest } from '../lab/live-test.ts'
import type { Need } from '../lab/needs.ts'
import { checked } from './cluster-test.ts'
import { MirrorCluster, type MirrorOptions } from './mirror-cluster.ts'

const needs: readonly Need[] = ['lab', 'nats-server', 'losetup', 'mkfs.ext4', 'fuse']

type TestOptions = MirrorOptions & {
  /** Besides what every mirror disk needs. */
  readonly needs?: readonly Need[]
  /** Before anything of the cluster runs. */
  readonly prepare?: (mirrored: MirrorCluster) => Promise<void>
}

export const mirrorTest = (
  name: string,
  { needs: more = [], prepare, ...options }: TestOptions,
  body: (mirrored: MirrorCluster) => Promise<void>,
): void =>
  liveTest(name, { needs: [...needs, ...more], timeoutMs: 240_000 }, async () => {
    await using lab = await createLab({ hosts: ['s1', 's2', 'w'] })
    const mirrored = await MirrorCluster.create(lab, options)
    await prepare?.(mirrored)
    await checked(mirrored.cluster, async () => {
      await mirrored.start()
      await body(mirrored)
    })
  })
