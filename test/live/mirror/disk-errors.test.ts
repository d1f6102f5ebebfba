/** A disk that fails beneath a real data plane: a loop device, whose file is served by a process that does it badly. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { open, readFile, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import { liveTest } from '../lab/live-test.ts'
import { until } from '../lab/until.ts'
import { Cable } from './cable.ts'
import { generation, pairUp } from './paired.ts'
import { activation, freePort, type PairOptions, type Plane, uriOf, withPair } from './plane.ts'
import { type ServedBlockFile, served } from './served-block-file.ts'

const execute = promisify(execFile)
const needs = ['root', 'fuse', 'losetup', 'nbdcopy'] as const
const timeoutMs = 120_000
const limitMs = 30_000
const mib = 1_048_576
const sizeBytes = 16 * mib
/** As large as those of others (plane.ts). */
const metadataBytes = 16 * mib
/** What a region of the intent map covers. */
const regionBytes = 4 * mib

type Failing = { readonly alpha: Plane; readonly beta: Plane; readonly disk: ServedBlockFile }

/** Both sides have the same; one partition of alpha is on a disk that can fail. */
const onFailingDisk = (
  partition: 'data' | 'metadata',
  options: Pick<PairOptions, 'settings' | 'connectsOf'>,
  body: (failing: Failing) => Promise<void>,
): Promise<void> =>
  served(partition === 'data' ? sizeBytes : metadataBytes, async (disk) => {
    const devices = { [partition]: await disk.attach() }
    await withPair({ sizeBytes, devices, ...options }, async (alpha, beta) => {
      await pairUp(alpha, beta, sizeBytes)
      await body({ alpha, beta, disk })
    })
  })

/** Durably: nbdcopy asks for a flush in the end. */
const writeTo = async (plane: Plane, content: Buffer): Promise<void> => {
  await writeFile(plane.path('image'), content)
  await execute('nbdcopy', ['--flush', plane.path('image'), uriOf(plane)])
}
const readFrom = async (plane: Plane): Promise<Buffer> => {
  await execute('nbdcopy', [uriOf(plane), plane.path('copy')])
  return readFile(plane.path('copy'))
}
const saidBy = (plane: Plane, say: string) => plane.said.filter((one) => one.say === say)

liveTest(
  'what a disk does not read comes from the other side, is written anew, and told and counted',
  { needs, timeoutMs },
  () =>
    onFailingDisk('data', {}, async ({ alpha, disk }) => {
      const content = randomBytes(sizeBytes)
      await writeTo(alpha, content)
      const badBytes = [0, 5 * mib + 8192, sizeBytes - 4096]
      await disk.become({ badBytes })
      const direct = await open(disk.file, 'r+')
      // Whatever is read from here on at these places was written since.
      for (const at of badBytes) await direct.write(Buffer.alloc(4096), 0, 4096, at)
      await direct.sync()
      expect((await readFrom(alpha)).equals(content)).toBe(true)
      const told = saidBy(alpha, 'trouble')
      expect(told.flatMap(({ offsets }) => offsets)).toEqual(expect.arrayContaining(badBytes))
      for (const one of told) expect(one).toMatchObject({ operation: 'read', because: expect.stringContaining('EIO') })
      expect(saidBy(alpha, 'repaired')).toHaveLength(badBytes.length)
      const counts = await alpha.order({ do: 'statistics' })
      expect(counts).toMatchObject({ badBlocks: badBytes.length })
      expect(Number(counts.repairedBlocks)).toBeGreaterThanOrEqual(badBytes.length)
      expect(Number(counts.diskErrors)).toBeGreaterThanOrEqual(badBytes.length)
      expect(alpha.condition()).toBe('paired')
      for (const at of badBytes) {
        const { buffer } = await direct.read(Buffer.alloc(4096), 0, 4096, at)
        expect(buffer.equals(content.subarray(at, at + 4096)), `what is on the disk at ${at}`).toBe(true)
      }
      await direct.close()
      expect((await readFrom(alpha)).equals(content)).toBe(true)
      expect(saidBy(alpha, 'trouble')).toHaveLength(told.length)
    }),
)

for (const [partition, fails] of [
  ['data', 'flush'],
  ['data', 'write'],
  ['metadata', 'write'],
  ['metadata', 'flush'],
] as const)
  liveTest(
    `a side whose ${partition} partition does not ${fails} goes on with the disk of the other one, and loses nothing`,
    { needs, timeoutMs },
    () =>
      onFailingDisk(partition, {}, async ({ alpha, beta, disk }) => {
        await writeTo(alpha, randomBytes(regionBytes))
        await disk.become({ fails: [fails] })
        const content = randomBytes(sizeBytes)
        await writeTo(alpha, content)
        expect(alpha.condition()).toBe('detached')
        expect(alpha.said.find((one) => 'detach' in one)).toMatchObject({
          detach: { server: 'alpha', current: 'beta', because: expect.stringContaining('EIO') },
        })
        const [told] = saidBy(alpha, 'trouble')
        expect(told).toMatchObject({ because: expect.stringContaining('EIO') })
        // Offsets are of the data partition.
        expect(told?.offsets).toHaveLength(partition === 'data' && fails === 'write' ? 1 : 0)
        expect((await readFrom(alpha)).equals(content)).toBe(true)
        expect((await readFile(beta.path('data'))).equals(content)).toBe(true)
      }),
  )

liveTest(
  'a side without a disk of its own goes on by the second connect when the first is cut, and loses nothing',
  { needs, timeoutMs },
  async () => {
    const ports = [await freePort(), await freePort()]
    const cables = await Promise.all(ports.map(async (port) => new Cable(await freePort(), port)))
    for (const cable of cables) await cable.mend()
    const place = (port = 0) => ({ address: '127.0.0.1', port })
    const connectsOf = (name: 'alpha' | 'beta') =>
      ports.map((port, path) => ({ own: place(port), peer: place(name === 'alpha' ? cables[path]?.port : port) }))
    try {
      await onFailingDisk('data', { connectsOf, settings: { reconnectMs: limitMs } }, async ({ alpha, beta, disk }) => {
        await disk.become({ fails: ['write'] })
        await writeTo(alpha, randomBytes(sizeBytes))
        expect(alpha.condition()).toBe('detached')
        const content = randomBytes(sizeBytes)
        const before = cables[0]?.bytes ?? 0
        const writing = writeTo(alpha, content)
        await until(() => (cables[0]?.bytes ?? 0) > before + mib, limitMs, 'writes to be under way')
        cables[0]?.cut()
        await writing
        expect(await alpha.order({ do: 'status' })).toMatchObject({ path: 1, condition: { pair: 'detached' } })
        expect((await readFrom(alpha)).equals(content)).toBe(true)
        expect((await readFile(beta.path('data'))).equals(content)).toBe(true)
      })
    } finally {
      for (const cable of cables) cable.cut()
    }
  },
)

liveTest('a side whose disk does not flush fails over where that is configured', { needs, timeoutMs }, () =>
  onFailingDisk('data', { settings: { onDiskError: 'fail-over' } }, async ({ alpha, beta, disk }) => {
    const content = randomBytes(sizeBytes)
    await writeTo(alpha, content)
    await disk.become({ fails: ['flush'] })
    await expect(writeTo(alpha, content)).rejects.toThrow(/nbdcopy/)
    expect(alpha.condition()).toBe('stopped')
    expect(saidBy(alpha, 'trouble')).toMatchObject([{ operation: 'flush', because: expect.stringContaining('EIO') }])
    expect(await beta.order({ ...activation, epoch: 2, wasLast: false, generation, connectMs: 0 })).toMatchObject({
      say: 'done',
    })
    await until(() => beta.condition() === 'alone', limitMs, 'beta to serve')
    expect((await readFrom(beta)).equals(content)).toBe(true)
  }),
)
