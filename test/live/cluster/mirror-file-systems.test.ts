/** File systems other than ext4 on mirror disks: they check themselves when they are mounted, and grow while they are used. */
import { expect } from 'vitest'
import { mirror } from './mirror-cluster.ts'
import { mirrorTest } from './mirror-test.ts'

for (const [fileSystem, looked] of [
  ['xfs', ['xfs_repair', '-n', '-f']],
  ['btrfs', ['btrfs', 'check', '--readonly']],
] as const)
  mirrorTest(
    `${fileSystem} on a mirror disk outlives a crash of the active server, and grows`,
    // What mkfs.xfs wants at least.
    { needs: [`mkfs.${fileSystem}`], sizeMiB: 320, data: { fileSystem } },
    async (mirrored) => {
      const { cluster } = mirrored
      await mirrored.waitUntilWritten()
      await cluster.powerOff('s1')
      await mirrored.waitUntilOnline('s2')
      await mirrored.expectNothingLost('s2')
      await mirrored.waitUntilWritten()
      await cluster.powerOn('s1')
      await mirrored.waitUntilWhole()

      const before = await mirrored.fileSystemMiB('s2')
      for (const server of cluster.servers) await mirrored.enlarge(server, 64)
      expect(await cluster.do('s2', 'mirror', 'resize', mirror)).toMatch(
        `384 MiB are mirrored, ${fileSystem} has grown`,
      )
      expect(await mirrored.fileSystemMiB('s2')).toBeGreaterThan(before + 50)
      await mirrored.waitUntilWritten()
      await mirrored.expectEqualAndClean(looked)
    },
  )
