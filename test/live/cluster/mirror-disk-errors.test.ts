/** A whole cluster whose active server has a disk that fails: a block device in user space that does badly what it is told to. */
import { expect } from 'vitest'
import { createLab } from '../lab/lab.ts'
import { liveTest } from '../lab/live-test.ts'
import { until } from '../lab/until.ts'
import { type ServedBlockFile, served } from '../mirror/served-block-file.ts'
import { checked } from './cluster-test.ts'
import { MirrorCluster, mirror, mirrorMs } from './mirror-cluster.ts'

const mib = 1_048_576
const sizeMiB = 48
/** In the middle of what the program writes, and elsewhere. */
const badBytes = Array.from({ length: 40 }, (_, at) => (at + 4) * mib)

const onFailingDisk = async (body: (mirrored: MirrorCluster, disk: ServedBlockFile) => Promise<void>): Promise<void> =>
  served(sizeMiB * mib, async (disk) => {
    await using lab = await createLab({ hosts: ['s1', 's2', 'w'] })
    const s1 = { device: await disk.attach(), file: disk.file, sizeMiB }
    const mirrored = await MirrorCluster.create(lab, { sizeMiB, dataOn: { s1 } })
    await checked(mirrored.cluster, async () => {
      await mirrored.start()
      await body(mirrored, disk)
    })
  })

liveTest(
  'sectors that cannot be read are taken from the other server, told with their places, and written anew',
  { needs: ['lab', 'nats-server', 'losetup', 'mkfs.ext4', 'fuse'], timeoutMs: 240_000 },
  () =>
    onFailingDisk(async (mirrored, disk) => {
      const { cluster } = mirrored
      await mirrored.waitUntilWritten()
      await disk.become({ badBytes })
      await cluster.doSoon('s1', ['mirror', 'verify', mirror], mirrorMs)
      const troubles = async () =>
        (await cluster.events('MirrorDiskTrouble')).filter(({ data }) => data.server === 's1').map(({ data }) => data)
      const areTold = async () => (await troubles()).some(({ offsets }) => offsets.length > 0)
      await until(areTold, mirrorMs, 'the bad sectors to be told')
      for (const { operation, offsets } of await troubles()) {
        expect(operation).toBe('read')
        expect(badBytes).toEqual(expect.arrayContaining(offsets))
      }
      // The file system is read anew after each move; nothing that a program reads has failed.
      for (const server of ['s2', 's1']) {
        await cluster.do('s1', 'group', 'move', 'db', '--to', server)
        await mirrored.waitUntilOnline(server)
        await mirrored.waitUntilWritten()
        await mirrored.expectNothingLost(server)
      }
      expect(await cluster.events('ResourceLost')).toEqual([])

      // From here on it takes nothing any more: the service stays, on the disk of the other server.
      await disk.become({ fails: ['write', 'flush'] })
      const isDetached = async () => (await mirrored.mirror())?.detached?.server === 's1'
      await until(isDetached, mirrorMs, 's1 to go on with the disk of s2')
      await mirrored.waitUntilWritten()
      expect(await mirrored.owner()).toBe('s1')
      expect(await cluster.do('s1', 'mirror', 'status', mirror)).toMatch(
        /EIO[\s\S]*the disk of s1 has failed while it served/,
      )
      await cluster.do('s1', 'group', 'move', 'db', '--to', 's2')
      await mirrored.waitUntilOnline('s2')
      await mirrored.expectNothingLost('s2')
      await disk.become({})
      await mirrored.waitUntilWhole()
      await mirrored.expectEqualAndClean()
    }),
)
