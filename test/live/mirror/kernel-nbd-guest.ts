/**
 * Runs on a kernel that has nbd as a module, booted for it: `node kernel-nbd-guest.ts MODULE FOLDER REPORT`. Two real data
 * planes on its loopback; one sentence after the other is tried, and each is reported with what came of it.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, statSync, truncateSync } from 'node:fs'
import { promisify } from 'node:util'
import type { Mirrors } from '../../../src/agents/mirror/mirrors.ts'
import { mirrorPlaces } from '../../../src/agents/mirror/places.ts'
import type { ResourceContext } from '../../../src/agents/resources/driver.ts'
import { growMounted } from '../../../src/agents/resources/grow.ts'
import { mirrorDriver } from '../../../src/agents/resources/md.ts'
import {
  type Epoch,
  groupName,
  type MirrorConfiguration,
  resourceName,
  storedConfiguration,
} from '../../../src/events/index.ts'
import { attachDisk, devicesOf } from '../../../src/mirror/attach/block-device.ts'
import { connectDevice, disconnectDevice } from '../../../src/mirror/attach/kernel-nbd.ts'
import { closeDescriptor, connectSocket, openSocket } from '../../../src/world/libc.ts'
import { realWorld } from '../../../src/world/real.ts'
import { unixAddress, unixFamily } from '../../../src/world/unix-datagram.ts'
import { loadModule, switchOff, tell } from '../lab/in-guest.ts'
import { until } from '../lab/until.ts'
import { activation, startPair } from './plane.ts'

const [module = '', folder = '', report = ''] = process.argv.slice(2)
const execute = promisify(execFile)
const world = realWorld()
const mebi = 1_048_576
const sizeBytes = 64 * mebi
const mountPoint = `${folder}/mounted`
const limitMs = 60_000
const limit = { timeoutMs: limitMs, signal: new AbortController().signal }
const ok = { ok: true }

const { groups } = storedConfiguration.parse({
  ...{ cluster: 'test', servers: [{ name: 's1', addresses: {} }] },
  groups: {
    db: {
      servers: ['s1'],
      resources: {
        data: {
          ...{ type: 'md', dataPartition: '/dev/d1', clusterPartition: '/dev/d2', port: 29_050, mountPoint },
          ...{ fileSystem: 'ext4', mkfs: true, attach: 'nbd' },
        },
      },
    },
  },
})
const configuration = groups.db?.resources.data
if (configuration?.type !== 'md') throw new Error('it is a mirror disk')
const context: ResourceContext<MirrorConfiguration> = {
  ...{ group: groupName('db'), resource: resourceName('data'), epoch: 1 as Epoch, environment: {} },
  ...{ logDirectory: folder, instance: 'guest', configuration },
}
const places = mirrorPlaces(context)
const wish = { by: 'nbd', sizeBytes } as const

const run = async (program: string, ...argv: readonly string[]): Promise<string> =>
  (await execute(program, [...argv], { timeout: limitMs })).stdout
const tried = async (sentence: string, body: () => Promise<void>): Promise<void> => {
  const outcome = await body().then(
    () => 'seen',
    (error: unknown) => (error instanceof Error ? (error.stack ?? error.message) : String(error)),
  )
  tell(report, sentence, outcome)
}

mkdirSync(folder, { recursive: true })
const { alpha, beta } = await startPair(folder, {
  ...{ sizeBytes, settings: { nbd: places.nbd }, within: { tag: places.tag } },
  // Each process takes seconds to start here.
  isEmpty: true,
})
let epoch = 0
const serve = async () => {
  const said = await alpha.order({ ...activation, epoch: ++epoch })
  const served = { sizeBytes: statSync(alpha.path('data')).size }
  return said.say === 'done' ? ({ ok: true, served } as const) : failed(String(said.because))
}
const failed = (because: string) => ({ ok: false, because }) as const
/** As the agent does it, with a log that has nothing to object. */
const mirrors: Mirrors = {
  serve,
  leave: async () => {
    const said = await alpha.order({ do: 'leave', withinMs: 1000 })
    return said.say === 'done' ? { answer: 'done', more: said } : { answer: 'refused', because: String(said.because) }
  },
  onLoss: () => () => undefined,
  mounted: () => undefined,
  leaving: () => undefined,
  took: () => undefined,
}
const agent = mirrorDriver(world, mirrors)
const guardian = mirrorDriver(world, null)
const restart = async (): Promise<void> => {
  alpha.kill()
  await until(async () => (await world.processes.members(places.tag)).length === 0, limitMs, 'its end')
  await alpha.start({ tag: places.tag })
}
const none = async (): Promise<void> => assert.deepEqual(await devicesOf(world, places), [])
/** Of a socket on which nobody will ever answer; nobody asks. */
const foreignDevice = (): number => {
  const fd = openSocket(unixFamily, 1, 0)
  connectSocket(fd, unixAddress(places.nbd))
  const named = { name: 'somebody else', sizeBytes: mebi, blockBytes: 512, serverFlags: 1 }
  const index = connectDevice(fd, named)
  closeDescriptor(fd)
  return index
}
const write = (name: string) =>
  run('dd', 'if=/dev/urandom', `of=${mountPoint}/${name}`, 'bs=1M', 'count=8', 'conv=notrunc,fsync')
const same = () => readFileSync(alpha.path('data')).equals(readFileSync(beta.path('data')))

const form = { generation: null, dataBytes: sizeBytes, blockBytes: 65_536, regionBytes: 4 * mebi }
for (const side of [alpha, beta]) await side.order({ do: 'format', ...form })
await beta.order({ do: 'follow' })
/** Somebody waits for a data plane that does not move, with more than a socket holds. */
const writeToHanging = async (): Promise<{ readonly failed: Promise<void> }> => {
  const [device = ''] = await devicesOf(world, places)
  for (const { pid } of await world.processes.members(places.tag)) process.kill(pid, 'SIGSTOP')
  const failed = assert.rejects(write('second'))
  const waits = () => /[1-9]/.test(readFileSync(`/sys/block/${device.slice(5)}/inflight`, 'utf8'))
  await until(waits, limitMs, 'somebody who waits')
  return { failed }
}

await tried('a kernel without nbd is named, and what to do about it', async () => {
  assert.deepEqual((await serve()).ok, true)
  const lacks = await attachDisk(world, places, wish, limit)
  assert.match(lacks.ok ? '' : lacks.because, /this kernel has no nbd \(.+\): load the module nbd, or choose attach:/)
  assert.equal(lacks.ok || lacks.stalled, false)
})

loadModule(module)

await tried('a device of another size is none of the mirror', async () => {
  const other = await attachDisk(world, places, { by: 'nbd', sizeBytes: 2 * sizeBytes }, limit)
  const because = `${places.nbd} has ${sizeBytes} bytes, the mirror ${2 * sizeBytes}`
  assert.deepEqual(other, { ok: false, because, stalled: false })
  await none()
})

await tried('a half attached device that a crash left is taken away, and that of somebody else is not', async () => {
  const [first, second] = [await attachDisk(world, places, wish, limit), await attachDisk(world, places, wish, limit)]
  assert.ok(first.ok && second.ok)
  assert.deepEqual(await devicesOf(world, places), [second.device])
  assert.equal(await agent.probe(context, limit), 'partial')
  const theirs = foreignDevice()
  assert.deepEqual(await agent.deactivate(context, { ...limit, urgent: false }), ok)
  await none()
  assert.match(readFileSync(`/sys/block/nbd${theirs}/backend`, 'utf8'), /somebody else/)
  disconnectDevice(theirs)
})

await tried('it is made, mounted, written on both sides, found by a new agent, and taken down', async () => {
  assert.equal((await agent.activate(context, limit)).ok, true)
  await until(() => alpha.condition() === 'paired', limitMs, 'the first copy')
  await write('first')
  await write('second')
  assert.equal(await guardian.probe(context, limit), 'on')
  assert.equal((await devicesOf(world, places)).length, 1)
  assert.deepEqual(await agent.deactivate(context, { ...limit, urgent: false }), ok)
  assert.equal(await agent.probe(context, limit), 'off')
  await none()
  assert.ok(same())
})

await tried('it grows while it is mounted', async () => {
  assert.equal((await agent.activate(context, limit)).ok, true)
  const grown = { places, mountPoint, sizeBytes: 2 * sizeBytes }
  for (const side of [beta, alpha]) {
    truncateSync(side.path('data'), grown.sizeBytes)
    assert.equal((await side.order({ do: 'grow', dataBytes: grown.sizeBytes })).say, 'done')
    const is = async () => (await side.order({ do: 'status' })).dataBytes === grown.sizeBytes
    await until(is, limitMs, `${side.name} to grow`)
  }
  assert.deepEqual(await growMounted(world, grown, limit), { ok: true, detail: 'ext4 has grown' })
  assert.deepEqual(await agent.deactivate(context, { ...limit, urgent: false }), ok)
  await none()
  await run('fsck.ext4', '-f', '-n', alpha.path('data'))
  assert.ok(same())
})

await tried('a copy that is exposed for a backup can only be read', async () => {
  assert.equal((await alpha.order({ do: 'expose' })).say, 'done')
  const exposed = await attachDisk(world, places, { by: 'nbd', sizeBytes: 2 * sizeBytes }, limit)
  assert.ok(exposed.ok)
  assert.equal(readFileSync(`/sys/block/${exposed.device.slice(5)}/ro`, 'utf8').trim(), '1')
  assert.deepEqual(await agent.deactivate(context, { ...limit, urgent: false }), ok)
  await none()
})

await tried('when its data plane dies, whoever waits gets an error, and it is activated anew', async () => {
  assert.equal((await agent.activate(context, limit)).ok, true)
  const before = await run('md5sum', `${mountPoint}/first`)
  const { failed } = await writeToHanging()
  // The next data plane is there before the resource is taken down.
  await restart()
  assert.equal((await agent.deactivate(context, { ...limit, urgent: false })).ok, true)
  await failed
  await none()
  assert.equal((await agent.activate(context, limit)).ok, true)
  assert.equal(await run('md5sum', `${mountPoint}/first`), before)
})

await tried('what hangs is taken down within the time that there is', async () => {
  const { failed } = await writeToHanging()
  assert.equal((await guardian.deactivate(context, { ...limit, timeoutMs: 10_000, urgent: true })).ok, true)
  await failed
  await none()
  assert.deepEqual(await world.processes.members(places.tag), [])
})

alpha.kill()
beta.kill()
switchOff()
