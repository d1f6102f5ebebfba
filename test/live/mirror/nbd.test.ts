/** Other people's NBD clients against ours: each of them reads the protocol in its own way. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import { openDisk } from '../../../src/mirror/direct-disk.ts'
import { serveNbd } from '../../../src/mirror/nbd/server.ts'
import { plainEngine } from '../../../src/mirror/plain-engine.ts'
import { realClock } from '../../../src/world/clock.ts'
import { liveTest } from '../lab/live-test.ts'

const execute = promisify(execFile)
const sizeBytes = 64 * 1_048_576
const toolMs = 60_000

type Served = { readonly uri: string; readonly socket: string; readonly file: string; readonly folder: string }

/** A file behind our server for as long as the body takes. */
const served = async (body: (served: Served) => Promise<void>): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), 'baton-nbd-'))
  const file = join(folder, 'disk')
  const socket = join(folder, 'nbd.sock')
  await writeFile(file, '')
  await truncate(file, sizeBytes)
  const disk = openDisk(file, { direct: false, exclusive: false })
  const engine = plainEngine(disk)
  const exports = new Map([
    ['', { engine, description: 'the mirror', readOnly: false }],
    ['snapshot', { engine, description: 'for a backup', readOnly: true }],
  ])
  const stop = await serveNbd(realClock, socket, exports)
  try {
    await body({ uri: `nbd+unix:///?socket=${socket}`, socket, file, folder })
  } finally {
    stop()
    disk.close()
    await rm(folder, { recursive: true })
  }
}

const run = async (program: string, ...argv: readonly string[]): Promise<string> =>
  (await execute(program, [...argv], { timeout: toolMs })).stdout

liveTest('nbdinfo sees size, block sizes and abilities, and both exports', { needs: ['nbdinfo'] }, () =>
  served(async ({ uri, socket }) => {
    const all = JSON.parse(await run('nbdinfo', '--json', '--list', uri))
    expect(all).toMatchObject({ protocol: 'newstyle-fixed', TLS: false })
    expect(all.exports).toHaveLength(2)
    expect(all.exports[0]).toMatchObject({
      description: 'the mirror',
      'export-size': sizeBytes,
      is_read_only: false,
      can_flush: true,
      can_fua: true,
      can_trim: true,
      can_zero: true,
      can_multi_conn: true,
      block_size_minimum: 512,
      block_size_maximum: 33_554_432,
    })
    expect(await run('nbdinfo', '--is', 'read-only', `nbd+unix:///snapshot?socket=${socket}`)).toBe('')
    await expect(run('nbdinfo', `nbd+unix:///nobody?socket=${socket}`)).rejects.toThrow(/export/)
  }),
)

liveTest('nbdcopy writes over four connections what it reads back', { needs: ['nbdcopy'] }, () =>
  served(async ({ uri, file, folder }) => {
    const content = randomBytes(sizeBytes)
    await writeFile(join(folder, 'source'), content)
    await run('nbdcopy', '--flush', '--connections=4', join(folder, 'source'), uri)
    expect((await readFile(file)).equals(content)).toBe(true)
    await run('nbdcopy', uri, join(folder, 'copy'))
    expect((await readFile(join(folder, 'copy'))).equals(content)).toBe(true)
  }),
)

liveTest('qemu-img converts, compares and reads', { needs: ['qemu-img'] }, () =>
  served(async ({ uri, folder }) => {
    const source = join(folder, 'source')
    await writeFile(source, randomBytes(sizeBytes))
    await run('qemu-img', 'convert', '-n', '-f', 'raw', '-O', 'raw', source, uri)
    expect(await run('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', source, uri)).toMatch(/identical/)
  }),
)

liveTest('qemu-io writes, zeroes, discards and writes with FUA', { needs: ['qemu-io'] }, () =>
  served(async ({ uri }) => {
    const commands = [
      'write -P 0xab 4096 64k',
      'read -P 0xab 4096 64k',
      'write -z 8k 4k',
      'read -P 0 8k 4k',
      'discard 16k 16k',
      'read -P 0 16k 16k',
      'write -f -P 7 1M 512',
      'flush',
      'aio_write -P 3 5M 3M',
      'aio_write -P 4 9M 3M',
      'aio_flush',
      'read -P 3 5M 3M',
      'read -P 4 9M 3M',
    ]
    const said = await run('qemu-io', '-f', 'raw', ...commands.flatMap((command) => ['-c', command]), uri)
    expect(said).not.toMatch(/fail|error/i)
    expect(said.match(/^(wrote|read|discard)/gm)).toHaveLength(commands.length - 2)
  }),
)

/** Each with the error that the protocol asks for; libnbd would keep most of them from the wire, but for mode 0. */
const refused: readonly (readonly [order: string, error: string])[] = [
  [`pread(512, ${sizeBytes})`, 'EINVAL'],
  [`pread(1024, ${sizeBytes - 512})`, 'EINVAL'],
  [`pwrite(b'x' * 512, ${sizeBytes})`, 'ENOSPC'],
  [`pwrite(b'x' * 1024, ${sizeBytes - 512})`, 'ENOSPC'],
  [`zero(1024, ${sizeBytes - 512})`, 'ENOSPC'],
  [`trim(1024, ${sizeBytes - 512})`, 'EINVAL'],
  ['pread(512, 2**63)', 'EINVAL'],
  [`pwrite(b'x' * 512, 2**64 - 512)`, 'ENOSPC'],
  ['pread(512, 1)', 'EINVAL'],
  [`pwrite(b'x' * 100, 0)`, 'EINVAL'],
  ['zero(0, 0)', 'EINVAL'],
  ['cache(512, 0)', 'EINVAL'],
  ['block_status(512, 0, lambda *_: 0)', 'EINVAL'],
]

liveTest(
  'nbdsh is refused what cannot be, request by request, on a connection that goes on',
  { needs: ['nbdsh'] },
  () =>
    served(async ({ socket, file }) => {
      const attempt = (order: string) => `
try:
    h.${order}
    print('done')
except nbd.Error as error:
    print(error.errno)`
      const script = (name: string, orders: readonly string[]) => `
h.set_strict_mode(0)
h.set_export_name('${name}')
h.connect_unix('${socket}')
${orders.map(attempt).join('')}
print(h.pread(512, 0) == bytes(512))
h.shutdown()`
      const orders = refused.map(([order]) => order)
      const said = (await run('nbdsh', '-c', script('', orders))).trim().split('\n')
      expect(orders.map((order, at) => [order, said[at]])).toEqual(refused)
      expect(said.at(-1)).toBe('True')
      const changes = [`pwrite(b'x' * 512, 0)`, 'zero(512, 0)', 'trim(512, 0)']
      expect((await run('nbdsh', '-c', script('snapshot', changes))).trim().split('\n')).toEqual([
        ...changes.map(() => 'EPERM'),
        'True',
      ])
      expect((await readFile(file)).equals(Buffer.alloc(sizeBytes))).toBe(true)
    }),
)

/** Where nbdkit is unpacked privately its plugins are not where it looks for them. */
const partOfNbdkit = async (kind: 'plugin' | 'filter', name: string): Promise<string> => {
  const program = (await run('which', 'nbdkit')).trim()
  const file = `nbdkit-${name}-${kind}.so`
  const found = await run('find', join(dirname(dirname(program)), 'usr/lib'), '-name', file).catch(() => '')
  return found.trim() || name
}

liveTest(
  'nbdkit passes on what another client writes, in pieces and over several connections',
  { needs: ['nbdkit', 'nbdcopy'] },
  () =>
    served(async ({ socket, file, folder }) => {
      const content = randomBytes(sizeBytes)
      await writeFile(join(folder, 'source'), content)
      const [plugin, blocks, check] = await Promise.all([
        partOfNbdkit('plugin', 'nbd'),
        partOfNbdkit('filter', 'blocksize'),
        partOfNbdkit('filter', 'checkwrite'),
      ])
      const copy = (direction: string) => `nbdcopy --connections=4 ${direction}`
      const through = (filter: string, settings: readonly string[], command: string) =>
        run(
          'nbdkit',
          '-U',
          '-',
          `--filter=${filter}`,
          plugin,
          `socket=${socket}`,
          'shared=true',
          ...settings,
          '--run',
          command,
        )
      await through(blocks, ['maxdata=12K', 'maxlen=12K'], copy(`--flush ${join(folder, 'source')} "$uri"`))
      expect((await readFile(file)).equals(content)).toBe(true)
      // Every write has to be what is there already.
      await through(check, [], copy(`${join(folder, 'source')} "$uri"`))
      await through(blocks, ['maxdata=20K'], copy(`"$uri" ${join(folder, 'copy')}`))
      expect((await readFile(join(folder, 'copy'))).equals(content)).toBe(true)
    }),
)

liveTest('fio at depth 32 verifies every block it wrote', { needs: ['fio'] }, () =>
  served(async ({ uri, folder }) => {
    const common = [
      '--name=job',
      '--ioengine=nbd',
      `--uri=${uri}`,
      '--size=32m',
      '--iodepth=32',
      `--directory=${folder}`,
    ]
    const options = [
      '--rw=randwrite',
      '--bsrange=512-64k',
      '--verify=crc32c',
      '--verify_state_save=0',
      '--fsync=64',
      '--output-format=json',
    ]
    const said = await run('fio', ...common, ...options)
    const { jobs } = JSON.parse(said.slice(said.indexOf('{')))
    expect(jobs[0]).toMatchObject({ error: 0 })
    expect(jobs[0].write.io_kbytes).toBe(32 * 1024)
  }),
)

liveTest('a client that talks garbage and one that is killed half-way harm no other', { needs: ['nbdcopy'] }, () =>
  served(async ({ uri, socket, file, folder }) => {
    const rude = connect(socket)
    rude.on('error', () => undefined)
    rude.end(randomBytes(100_000))
    const hasty = execute('nbdcopy', [uri, join(folder, 'half')], { timeout: 5, killSignal: 'SIGKILL' })
    await expect(hasty).rejects.toThrow()
    const content = randomBytes(sizeBytes)
    await writeFile(file, content)
    await run('nbdcopy', uri, join(folder, 'copy'))
    expect((await readFile(join(folder, 'copy'))).equals(content)).toBe(true)
  }),
)

liveTest('a client that has gone leaves its place to the next, however many there were', { needs: [] }, () =>
  served(async ({ socket }) => {
    for (let client = 0; client < 40; client++) {
      const connection = connect(socket)
      const [greeting] = await once(connection, 'data', { signal: AbortSignal.timeout(10_000) })
      expect(greeting.subarray(0, 8).toString()).toBe('NBDMAGIC')
      connection.destroy()
    }
  }),
)
