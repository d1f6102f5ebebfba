/** A data plane that was started where its writer's memory is limited: an agent in a unit or container with a limit. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import { attachBlockFile, cleanUpBlockFile } from '../../../src/mirror/attach/block-file-device.ts'
import { abortBlockFile } from '../../../src/mirror/attach/fuse-mounts.ts'
import { removeOwnMemory } from '../../../src/world/memory-groups.ts'
import { realWorld } from '../../../src/world/real.ts'
import { liveTest } from '../lab/live-test.ts'
import { until, within } from '../lab/until.ts'
import { memoryGroup } from './memory-group.ts'
import { activation, withPair } from './plane.ts'

const execute = promisify(execFile)
const world = realWorld()
const mebi = 1_048_576
const sizeBytes = 320 * mebi
/** A data plane has to start within it. */
const memoryBytes = 192 * mebi
const limitMs = 40_000
const limit = { timeoutMs: limitMs, signal: new AbortController().signal }

liveTest(
  'a data plane leaves the memory limit it was started under, so that a writer at that limit waits for nobody who waits for it',
  { needs: ['root', 'fuse', 'losetup', 'mkfs.ext4', 'memory-cgroup'], timeoutMs: 180_000 },
  async () => {
    const name = `baton-writer-${process.pid}`
    const group = memoryGroup(name, memoryBytes)
    const tag = `test-${process.pid}/mirror/db.data`
    const writers = { group: group.procs, tag }
    try {
      await withPair(
        { sizeBytes, settings: { direct: true }, blockFileOf: 'alpha', within: writers },
        async (alpha, beta) => {
          const path = alpha.path('block')
          const mountPoint = alpha.path('mounted')
          await beta.order({ do: 'follow' })
          await alpha.order({ ...activation, epoch: 1 })
          await until(() => alpha.condition() === 'paired', limitMs, 'the first copy')
          expect(await readFile(group.procs, 'utf8')).not.toContain(String(alpha.pid))
          const attached = await attachBlockFile(world, { path, sizeBytes }, limit)
          if (!attached.ok) throw new Error(attached.because)
          try {
            await execute('mkfs.ext4', ['-q', '-F', attached.device])
            await execute('mkdir', [mountPoint])
            await execute('mount', [attached.device, mountPoint])
            const write = `echo $$ >${group.procs} && exec dd if=/dev/zero of=${mountPoint}/big bs=1M count=256 conv=fsync`
            for (let round = 0; round < 3; round++) await within(limitMs, 'the writer', execute('sh', ['-c', write]))
            await execute('umount', [mountPoint])
            await execute('fsck.ext4', ['-f', '-n', attached.device])
          } catch (error) {
            // Both wait for each other in the kernel: nothing else frees them.
            abortBlockFile(path)
            throw error
          } finally {
            await execute('umount', ['--lazy', mountPoint]).catch(() => undefined)
            await attached.release()
            await cleanUpBlockFile(world, path, limit)
          }
        },
      )
    } finally {
      await group.remove()
      removeOwnMemory(tag)
    }
  },
)
