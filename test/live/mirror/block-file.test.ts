/** The block file under a loop device: file systems on it, a process that dies or hangs, a writer without memory. */
import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { open, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import {
  attachBlockFile,
  cleanUpBlockFile,
  detachBlockFile,
  enlargeBlockDevice,
} from '../../../src/mirror/attach/block-file-device.ts'
import { abortBlockFile, fuseMountAt, unmountAll } from '../../../src/mirror/attach/fuse-mounts.ts'
import { isAttached, loopsOn } from '../../../src/mirror/attach/loop-devices.ts'
import { realWorld } from '../../../src/world/real.ts'
import { liveTest } from '../lab/live-test.ts'
import { until, within } from '../lab/until.ts'
import { memoryGroup } from './memory-group.ts'
import { type ServedBlockFile, served as serveFile } from './served-block-file.ts'

const execute = promisify(execFile)
const world = realWorld()
const mebi = 1_048_576
const sizeBytes = 320 * mebi
const limitMs = 60_000
/** Enough for the kernel to be asked in the midst of a write. */
const growths = 40
const limit = { timeoutMs: limitMs, signal: new AbortController().signal }

const served = (body: (served: ServedBlockFile) => Promise<void>): Promise<void> => serveFile(sizeBytes, body)

const run = async (program: string, ...argv: readonly string[]): Promise<string> =>
  (await execute(program, [...argv], { timeout: limitMs })).stdout

/** A job of fio, on the first 64 MiB. */
const writing = (device: string): readonly string[] => [
  ...['--name=job', `--filename=${device}`, '--ioengine=libaio', '--direct=1'],
  ...['--rw=randwrite', '--size=64m', '--iodepth=32'],
]

/** Since it was attached: write I/Os (Documentation/block/stat.rst). */
const writesOf = async (device: string): Promise<number> =>
  Number((await readFile(device.replace('/dev/', '/sys/block/').concat('/stat'), 'utf8')).trim().split(/ +/)[4])

const needs = ['root', 'fuse', 'losetup'] as const
const checks = {
  ext4: ['fsck.ext4', '-f', '-n'],
  xfs: ['xfs_repair', '-n'],
  btrfs: ['btrfs', 'check', '--readonly'],
} as const

for (const type of ['ext4', 'xfs', 'btrfs'] as const) {
  liveTest(
    `${type} on the block file keeps what was written, and its check is content`,
    { needs: [...needs, `mkfs.${type}`] },
    () =>
      served(async ({ attach, mountPoint, path, release }) => {
        const device = await attach()
        expect(await attach()).toBe(device)
        await run(`mkfs.${type}`, ...(type === 'ext4' ? ['-q', '-F'] : ['-q', '-f']), device)
        await run('mkdir', mountPoint)
        await run('mount', device, mountPoint)
        const content = randomBytes(64 * mebi)
        await writeFile(join(mountPoint, 'content'), content)
        await run('umount', mountPoint)
        const [program, ...argv] = checks[type]
        await run(program, ...argv, device)
        await run('mount', device, mountPoint)
        expect((await readFile(join(mountPoint, 'content'))).equals(content)).toBe(true)
        await release()
        expect(await loopsOn(world, path)).toEqual([device])
        await run('umount', mountPoint)
        expect(await detachBlockFile(world, path, limit)).toEqual({ ok: true })
        expect(await loopsOn(world, path)).toEqual([])
      }),
  )
}

liveTest('fio at depth 32 verifies every block it wrote through the loop device', { needs: [...needs, 'fio'] }, () =>
  served(async ({ attach }) => {
    const device = await attach()
    const options = ['--bsrange=512-256k', '--verify=crc32c', '--verify_state_save=0', '--fsync=64']
    const said = await run('fio', ...writing(device), ...options, '--output-format=json')
    const { jobs } = JSON.parse(said.slice(said.indexOf('{')))
    expect(jobs[0]).toMatchObject({ error: 0 })
    expect(jobs[0].write.io_kbytes).toBe(64 * 1024)
  }),
)

liveTest('what it has grown by can be used at once, while it is written to', { needs: [...needs, 'fio'] }, () =>
  served(async ({ attach, grow, path }) => {
    const device = await attach()
    const writer = spawn('fio', [...writing(device), '--time_based', '--runtime=60'], { stdio: 'ignore' })
    const ended = once(writer, 'exit')
    try {
      await until(async () => (await writesOf(device)) > 100, limitMs, 'something to be written')
      for (let grown = sizeBytes + mebi; grown <= sizeBytes + growths * mebi; grown += mebi) {
        await grow(grown)
        expect(await enlargeBlockDevice(world, { path, sizeBytes: grown, device }, limit)).toEqual({ ok: true, device })
        await run('dd', `if=${device}`, 'of=/dev/null', 'bs=512', `skip=${grown / 512 - 1}`, 'count=1', 'iflag=direct')
      }
    } finally {
      writer.kill()
      await ended
    }
  }),
)

liveTest('discards and zeroes reach the disk beneath, and it goes on taking them', { needs }, () =>
  served(async ({ attach, file }) => {
    const device = await attach()
    await run('dd', 'if=/dev/urandom', `of=${device}`, 'bs=1M', 'count=64', 'oflag=direct', 'status=none')
    const full = (await stat(file)).blocks
    await run('blkdiscard', '--offset', String(16 * mebi), '--length', String(16 * mebi), device)
    await run('blkdiscard', '--offset', '512', '--length', '512', device).catch(() => undefined)
    await run('blkdiscard', '--offset', String(32 * mebi), '--length', String(16 * mebi), device)
    expect((await stat(file)).blocks).toBeLessThanOrEqual(full - (31 * mebi) / 512)
    await run('blkdiscard', '--zeroout', '--offset', '0', '--length', String(mebi), device)
    const disk = await open(file)
    const { buffer } = await disk.read(Buffer.alloc(mebi), 0, mebi, 0)
    await disk.close()
    expect(buffer.equals(Buffer.alloc(mebi))).toBe(true)
    await run('blkdiscard', device)
    expect((await stat(file)).blocks).toBe(0)
  }),
)

liveTest('a device of another size is none of this mirror, and a plain file is never attached', { needs }, () =>
  served(async ({ path, file }) => {
    const other = await attachBlockFile(world, { path, sizeBytes: sizeBytes * 2 }, limit)
    expect(other).toMatchObject({ ok: false, because: `${path} has ${sizeBytes} bytes, the mirror ${sizeBytes * 2}` })
    const plain = await attachBlockFile(world, { path: file, sizeBytes }, { ...limit, timeoutMs: 200 })
    expect(plain).toMatchObject({ ok: false, stalled: true, because: `${file} is not served` })
    expect(await loopsOn(world, file)).toEqual([])
  }),
)

for (const [signal, what] of [
  ['SIGKILL', 'dies'],
  ['SIGSTOP', 'hangs and is cut off from outside'],
] as const) {
  liveTest(
    `when the process ${what}, its users get I/O errors and nothing is left`,
    { needs: [...needs, 'mkfs.ext4'] },
    () =>
      served(async ({ attach, child, mountPoint, path, release }) => {
        const device = await attach()
        await run('mkfs.ext4', '-q', '-F', device)
        await run('mkdir', mountPoint)
        await run('mount', device, mountPoint)
        await release()
        child.kill(signal)
        const written = run('dd', 'if=/dev/zero', `of=${join(mountPoint, 'late')}`, 'bs=1M', 'count=8', 'conv=fsync')
        if (signal === 'SIGSTOP') expect(abortBlockFile(path)).toBe(true)
        await expect(written).rejects.toThrow(/error|system/i)
        await run('umount', mountPoint)
        expect(await cleanUpBlockFile(world, path, limit)).toEqual({ ok: true })
        expect(await fuseMountAt(world, path)).toBeNull()
        expect(await loopsOn(world, path)).toEqual([])
      }),
  )
}

liveTest(
  'whoever has attached a device and dies before it is mounted leaves none, though nobody can tell whose it was',
  { needs },
  () =>
    served(async ({ child, path }) => {
      const attacher = spawn(
        process.execPath,
        [join(import.meta.dirname, 'attach-process.ts'), path, String(sizeBytes)],
        {
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      )
      const said = new Promise((resolve) => attacher.stdout?.once('data', resolve))
      const device = String(await within(limitMs, 'the device', said)).trim()
      expect(await loopsOn(world, path)).toEqual([device])
      // As a power-off does it in a container: nobody is left to tidy up, and the mount is gone.
      for (const one of [child, attacher]) one.kill('SIGKILL')
      unmountAll(path)
      await until(async () => !(await isAttached(world, device)), limitMs, `${device} to be free`)
    }),
)

liveTest(
  'a writer at the limit of its memory does not stop the process that writes for it, three times out of three',
  { needs: [...needs, 'mkfs.ext4', 'memory-cgroup'], timeoutMs: 180_000 },
  () =>
    served(async ({ attach, mountPoint }) => {
      const device = await attach()
      await run('mkfs.ext4', '-q', '-F', device)
      await run('mkdir', mountPoint)
      await run('mount', device, mountPoint)
      const group = memoryGroup(`baton-writer-${process.pid}`, 24 * mebi)
      try {
        for (let round = 0; round < 3; round++)
          await run(
            'sh',
            '-c',
            `echo $$ > ${group.procs} && exec dd if=/dev/zero of=${mountPoint}/big bs=1M count=200 conv=fsync`,
          )
      } finally {
        await group.remove()
      }
      await run('umount', mountPoint)
      await run('fsck.ext4', '-f', '-n', device)
    }),
)
