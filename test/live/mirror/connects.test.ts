/** D8: several mirror connects, and what goes over which. And a mirror of 1 TiB. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import { createAuthority, createNodeCertificate } from '../../../src/cli/create/certificates.ts'
import { liveTest } from '../lab/live-test.ts'
import { until } from '../lab/until.ts'
import { Cable } from './cable.ts'
import { generation, pairUp } from './paired.ts'
import { freePort, type Plane, uriOf, withPair } from './plane.ts'

const execute = promisify(execFile)
const limitMs = 60_000
const mib = 1_048_576

/** What stands in the image again and again. */
const marker = 'what nobody else may read'

/** What comes back until the connection is closed, as it is to one that says what is not understood. */
const answerTo = (port: number, said: string): Promise<string> =>
  new Promise((resolve) => {
    let heard = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(said))
    socket.setEncoding('latin1').on('data', (more) => {
      heard += more
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(heard))
  })

/** Of nbdcopy: so many requests at a time, of so much each. */
const requestBytes = mib / 4
const inFlight = ['--connections=1', '--requests=8', `--request-size=${requestBytes}`]
const inFlightBytes = 8 * requestBytes

/** Of a level that a data plane tells. */
const currentOf = (level: unknown): number =>
  typeof level === 'object' && level !== null && 'current' in level ? Number(level.current) : Number.NaN

const pathOf = async (plane: Plane): Promise<unknown> => (await plane.order({ do: 'status' })).path
const verified = async (alpha: Plane): Promise<unknown> => {
  const before = alpha.said.length
  expect(await alpha.order({ do: 'verify' })).toMatchObject({ say: 'done' })
  return until(
    () => alpha.said.slice(before).find(({ say, state }) => say === 'verify' && state === 'ended'),
    limitMs,
    'the comparison to end',
  )
}

liveTest(
  'an address that cannot be listened on yet keeps nobody from the second connect, and is used once it can be',
  { needs: [], timeoutMs: 240_000 },
  async () => {
    const places = await Promise.all(['alpha', 'beta'].map(async () => [await freePort(), await freePort()] as const))
    const place = (port = 0) => ({ address: '127.0.0.1', port })
    const connectsOf = (name: 'alpha' | 'beta') => {
      const [own, peer] = name === 'alpha' ? places : places.toReversed()
      return [0, 1].map((path) => ({ own: place(own?.[path]), peer: place(peer?.[path]) }))
    }
    const other = createServer((socket) => socket.destroy()).listen(places[1]?.[0], '127.0.0.1')
    await once(other, 'listening')
    await withPair({ sizeBytes: mib, connectsOf }, async (alpha, beta) => {
      await pairUp(alpha, beta, mib)
      expect(await beta.order({ do: 'status' })).toMatchObject({
        path: 1,
        deafAt: [{ path: 0, because: expect.stringMatching('EADDRINUSE') }],
      })
      other.close()
      await until(async () => (await pathOf(beta)) === 0, limitMs, 'the first connect')
      expect(await beta.order({ do: 'status' })).toMatchObject({ deafAt: [] })
    })
  },
)

liveTest(
  'what is mirrored goes over the second connect while the first is cut, and back, and travels compressed where that is set',
  { needs: ['nbdcopy'], timeoutMs: 240_000 },
  async () => {
    const ports = [await freePort(), await freePort()]
    const cables = await Promise.all(ports.map(async (port) => new Cable(await freePort(), port)))
    for (const cable of cables) await cable.mend()
    const place = (port: number) => ({ address: '127.0.0.1', port })
    const connectsOf = (name: 'alpha' | 'beta') =>
      ports.map((port, index) =>
        name === 'alpha'
          ? { own: place(port), peer: place(cables[index]?.port ?? 0) }
          : { own: place(port), peer: place(port) },
      )
    const sizeBytes = 8 * mib
    const settings = { reconnectMs: 30_000, compress: true }
    try {
      await withPair({ sizeBytes, settings, connectsOf }, async (alpha, beta) => {
        await pairUp(alpha, beta, sizeBytes)
        const [first, second] = cables
        expect(await pathOf(alpha)).toBe(0)
        expect(await verified(alpha)).toMatchObject({ differentBytes: 0, checkedBytes: sizeBytes })
        first?.cut()
        await until(
          async () => (await pathOf(alpha)) === 1 && alpha.condition() === 'paired',
          limitMs,
          'the second connect',
        )
        const before = second?.bytes ?? 0
        expect(await verified(alpha)).toMatchObject({ differentBytes: 0, checkedBytes: sizeBytes })
        expect(second?.bytes).toBeGreaterThan(before + 8 * 64)
        await first?.mend()
        await until(
          async () => (await pathOf(alpha)) === 0 && alpha.condition() === 'paired',
          limitMs,
          'the first connect again',
        )
        expect(await verified(alpha)).toMatchObject({ differentBytes: 0 })
        await writeFile(alpha.path('image'), Buffer.alloc(sizeBytes, marker))
        await execute('nbdcopy', [alpha.path('image'), uriOf(alpha)])
        const { payloadBytes, compressedBytes } = await alpha.order({ do: 'statistics' })
        expect(payloadBytes).toBeGreaterThanOrEqual(sizeBytes)
        expect(compressedBytes).toBeLessThan(Number(payloadBytes) / 4)
        const asked = alpha.said.filter(({ say }) => say === 'ask')
        expect(
          asked.some((one) => 'break' in one),
          'the mirror never broke',
        ).toBe(false)
      })
    } finally {
      for (const cable of cables) cable.cut()
    }
  },
)

liveTest(
  'a mirror that is broken again and again is whole again each time, and what was copied once is not copied anew',
  { needs: ['nbdcopy'], timeoutMs: 240_000 },
  async () => {
    const sizeBytes = 8 * mib
    await withPair({ sizeBytes }, async (alpha, beta) => {
      await pairUp(alpha, beta, sizeBytes)
      await writeFile(alpha.path('image'), randomBytes(sizeBytes))
      // Nobody asks for a flush.
      await execute('nbdcopy', [alpha.path('image'), uriOf(alpha)])
      const copied: unknown[] = []
      // Of connections that were lost no trace may be left: there is room for sixteen at a time.
      for (let time = 0; time < 20; time++) {
        const from = alpha.said.length
        expect(await alpha.order({ do: 'part', because: 'to try it' })).toMatchObject({ say: 'done' })
        await until(() => alpha.condition() === 'alone', limitMs, 'the break')
        expect(await alpha.order({ do: 'connect' })).toMatchObject({ say: 'done' })
        const ended = () => alpha.said.slice(from).find((one) => one.say === 'resync' && one.state === 'ended')
        copied.push((await until(ended, limitMs, `resync ${time + 1} to end`)).doneBytes)
        await until(() => alpha.condition() === 'paired', limitMs, 'both sides to be equal')
      }
      expect(copied).toEqual([sizeBytes, ...Array.from({ length: 19 }, () => 0)])
    })
  },
)

liveTest(
  'limits that are changed while it serves hold from then on',
  { needs: ['nbdcopy'], timeoutMs: 240_000 },
  async () => {
    const sizeBytes = mib
    const never = 600_000
    const settings = { ackMs: never, reconnectMs: never, silenceMs: never }
    await withPair({ sizeBytes, settings }, async (alpha, beta) => {
      await pairUp(alpha, beta, sizeBytes)
      await writeFile(alpha.path('image'), randomBytes(sizeBytes))
      if (beta.pid) process.kill(beta.pid, 'SIGSTOP')
      const writing = execute('nbdcopy', [alpha.path('image'), uriOf(alpha)])
      const isWaiting = async () => currentOf((await alpha.order({ do: 'statistics' })).queue) > 0
      await until(isWaiting, limitMs, 'writes to wait for the other side')
      expect(alpha.condition()).toBe('paired')
      const limits = { ackMs: 100, queueBytes: 64 * mib, resyncBytesPerSecond: null }
      expect(await alpha.order({ do: 'limits', ...limits })).toMatchObject({ say: 'done' })
      await until(() => alpha.condition() === 'alone', limitMs, 'the mirror to break')
      await writing
    })
  },
)

liveTest(
  'an asynchronous mirror breaks when its queue is full, and takes no more until the log has it',
  { needs: ['nbdcopy'], timeoutMs: 240_000 },
  async () => {
    const sizeBytes = 512 * mib
    const queueBytes = mib
    const never = 600_000
    const settings = { mode: 'async', queueBytes, ackMs: never, reconnectMs: never, silenceMs: never }
    await withPair({ sizeBytes, settings }, async (alpha, beta) => {
      await pairUp(alpha, beta, sizeBytes)
      await writeFile(alpha.path('image'), Buffer.alloc(sizeBytes, marker))
      if (beta.pid) process.kill(beta.pid, 'SIGSTOP')
      alpha.answer = 'unknown'
      const writing = execute('nbdcopy', [...inFlight, alpha.path('image'), uriOf(alpha)])
      const isAsked = () => alpha.said.find((one) => one.say === 'ask' && 'break' in one)
      const asked = await until(isAsked, limitMs, 'the log to be asked')
      expect(asked).toMatchObject({ break: { current: 'alpha', stale: 'beta', because: 'the queue is full' } })
      expect(alpha.said.findLast(({ say }) => say === 'condition')).toMatchObject({ pair: 'holding' })
      const { behindBytes } = await alpha.order({ do: 'statistics' })
      // The request that fills the queue is answered yet, and another one comes for it.
      expect(currentOf(behindBytes)).toBeLessThanOrEqual(queueBytes + requestBytes + inFlightBytes)
      alpha.answer = 'recorded'
      await until(() => alpha.condition() === 'alone', limitMs, 'the mirror to break')
      await writing
      const status = await readFile(`/proc/${alpha.pid}/status`, 'utf8')
      expect(Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1])).toBeLessThan(400_000)
    })
  },
)

liveTest(
  'what is mirrored with TLS cannot be read on the way, and nobody without a certificate is heard',
  { needs: ['nbdcopy'], timeoutMs: 240_000 },
  async () => {
    const sizeBytes = mib
    const folder = await mkdtemp(join(tmpdir(), 'baton-tls-'))
    const authority = await createAuthority('live')
    const own = await createNodeCertificate(authority, { name: 'alpha', addresses: [] })
    const tls = { ca: join(folder, 'ca'), certificate: join(folder, 'certificate'), key: join(folder, 'key') }
    await writeFile(tls.ca, authority.certificate)
    await writeFile(tls.certificate, own.certificate)
    await writeFile(tls.key, own.key)
    const port = await freePort()
    const cable = new Cable(await freePort(), port)
    await cable.mend()
    const place = (at: number) => ({ address: '127.0.0.1', port: at })
    const connectsOf = (name: 'alpha' | 'beta') => [
      { own: place(port), peer: place(name === 'alpha' ? cable.port : port) },
    ]
    try {
      for (const [settings, isReadable] of [
        [{}, true],
        [{ tls }, false],
      ] as const)
        await withPair({ sizeBytes, settings, connectsOf }, async (alpha, beta) => {
          cable.passed = []
          await pairUp(alpha, beta, sizeBytes)
          await writeFile(alpha.path('image'), Buffer.alloc(sizeBytes, marker))
          await execute('nbdcopy', [alpha.path('image'), uriOf(alpha)])
          const status = await alpha.order({ do: 'status' })
          expect(status).toMatchObject({ condition: { pair: 'paired' }, dirtyBlocks: 0 })
          expect(Buffer.concat(cable.passed).includes(marker)).toBe(isReadable)
          expect((await answerTo(port, 'good day\n'.repeat(100))).includes('beta')).toBe(isReadable)
        })
    } finally {
      cable.cut()
      await rm(folder, { recursive: true })
    }
  },
)

liveTest(
  'a mirror of 1 TiB is formatted, served and brought up by what differs',
  { needs: [], timeoutMs: 240_000 },
  async () => {
    const sizeBytes = 2 ** 40
    await withPair({ sizeBytes }, async (alpha, beta) => {
      const places = [0, sizeBytes / 2, sizeBytes - mib]
      const written = Buffer.alloc(mib, 'baton')
      const file = await open(alpha.path('data'), 'r+')
      for (const at of places) await file.write(written, 0, mib, at)
      await file.close()
      await pairUp(alpha, beta, sizeBytes)
      await beta.order({ do: 'leave' })
      const runs = places.map((at) => ({ at, length: mib }))
      expect(await beta.order({ do: 'void', generation, epoch: 1, saves: 0, runs })).toMatchObject({ say: 'done' })
      await beta.order({ do: 'follow' })
      const resync = (state: string) => alpha.said.find((one) => one.say === 'resync' && one.state === state)
      await until(() => resync('ended') && alpha.condition() === 'paired', limitMs, 'what differs to be copied')
      expect(resync('ended')).toMatchObject({ copy: 'differences', doneBytes: 3 * mib })
      const copy = await open(beta.path('data'), 'r')
      for (const at of places) {
        const { buffer } = await copy.read(Buffer.alloc(mib), 0, mib, at)
        expect(buffer.equals(written)).toBe(true)
      }
      await copy.close()
      for (const plane of [alpha, beta]) {
        const status = await readFile(`/proc/${plane.pid}/status`, 'utf8')
        // Both maps, twice: 4.1 MiB; the rest is Node.js itself.
        expect(Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1])).toBeLessThan(400_000)
      }
    })
  },
)
