/**
 * File systems on mirror disks: those other than ext4 check themselves when they are mounted, and grow while they are used;
 * and what one calls free need not be copied.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
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

const rubbishMiB = 160

mirrorTest(
  'of a file system that was in use, the first copy moves what it uses, and both sides are equal all the same',
  {
    sizeMiB: rubbishMiB,
    // Slow enough that most of it is still to be copied when the file system has been mounted, on a busy machine, too.
    data: { initial: 'used', resync: { rate: 2 } },
    prepare: async (mirrored) => {
      for (const server of ['s1', 's2']) await mirrored.fillWithRubbish(server)
      const device = mirrored.disks.s1?.data.device ?? ''
      // What is free keeps its rubbish, and little is used.
      const options = ['-q', '-F', '-E', 'nodiscard', '-N', '256', '-O', '^has_journal', device]
      await promisify(execFile)('mkfs.ext4', options)
    },
  },
  async (mirrored) => {
    const { cluster } = mirrored
    const [begun] = await cluster.events('MirrorResyncStarted')
    expect(begun?.data).toMatchObject({ copy: 'everything', totalBytes: rubbishMiB * 1_048_576 })
    const copied = (await cluster.events('MirrorResyncProgressed')).at(-1)?.data.totalBytes
    expect(copied).toBeLessThan((rubbishMiB / 2) * 1_048_576)
    await mirrored.waitUntilWritten()
    await mirrored.expectNothingLost('s1')
    await mirrored.expectEqualAndClean()
  },
)
