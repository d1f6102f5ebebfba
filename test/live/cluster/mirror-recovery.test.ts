/**
 * Servers that are destroyed and come back from a backup of everything that was on them: the state of the agent, the log,
 * and both partitions of the mirror disk that PostgreSQL runs on (state-transitions.md, "Recovery from destroyed servers").
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import { voterName } from '../../../src/events/index.ts'
import { defaultBlockBytes } from '../../../src/mirror/cluster-partition.ts'
import { indexesIn } from '../../../src/mirror/engine/intents.ts'
import type { EpochHistory } from '../../../src/projections/mirror-history.ts'
import { createLab, type Lab } from '../lab/lab.ts'
import { liveTest } from '../lab/live-test.ts'
import { until } from '../lab/until.ts'
import { checked } from './cluster-test.ts'
import { floating } from './configuration.ts'
import { checksums } from './mirror-bounds.ts'
import { MirrorCluster, mirror, mirrorMs, mountPoint } from './mirror-cluster.ts'
import { postgres, query } from './postgres.ts'

const execute = promisify(execFile)
const needs = ['lab', 'nats-server', 'postgres', 'losetup', 'mkfs.ext4', 'fuse'] as const

const sizeMiB = 160
const resources = {
  address: { type: 'fip', address: `${floating}/24` },
  postgres: postgres({ mountPoint, address: floating, after: ['address', 'data'] }),
}

liveTest(
  'destroyed servers that are restored from a backup are not believed, and what was acknowledged is there',
  { needs, timeoutMs: 400_000 },
  async () => {
    await using lab = await createLab({ hosts: ['s1', 's2', 'w'] })
    const mirrored = await MirrorCluster.create(lab, { sizeMiB, resources })
    await checked(mirrored.cluster, async () => {
      await mirrored.start()
      await oneDestroyed(lab, mirrored)
      await bothDestroyed(lab, mirrored)
    })
  },
)

/** The one that was active comes back from before the last commits that it made itself. */
const oneDestroyed = async (lab: Lab, mirrored: MirrorCluster): Promise<void> => {
  const { cluster } = mirrored
  await giveAnew(lab, mirrored)
  const backups = await backUpAll(lab, mirrored)
  const backedUp = (await mirrored.mirror())?.epochs.at(-1)?.epoch ?? 0
  await bringTo(mirrored, 's1')
  await create(lab, 'test1')
  await mirrored.waitUntilWhole()
  await waitUntilTold(mirrored, ['open'])
  await cluster.powerOff('s1')
  await mirrored.waitUntilOnline('s2')
  await create(lab, 'test2')
  await waitUntilTold(mirrored, ['by-bitmap', 'yes'], backedUp)
  await restore(mirrored, 's1', backups)
  const differing = await differingBlocks(mirrored)
  const before = (await cluster.events('MirrorResyncStarted')).length
  await cluster.powerOn('s1')
  await mirrored.waitUntilWhole()
  await expectCopied(mirrored, { before, backedUp, differing })
  await readmit(mirrored, 's2', 's1')
  const alerts = await cluster.host('s1').ok(['cat', '/var/lib/baton/log/alerts.log'])
  expect(alerts).toContain('The word of voter s1 counts for nothing')
  for (const server of ['s2', 's1']) {
    await bringTo(mirrored, server)
    expect(await tables(lab)).toEqual(['test1', 'test2'])
  }
}

/** The log has outlived both on the witness, and knows better than both copies: people have to say which one is to be used. */
const bothDestroyed = async (lab: Lab, mirrored: MirrorCluster): Promise<void> => {
  const { cluster } = mirrored
  const backups = await backUpAll(lab, mirrored)
  await create(lab, 'test0')
  await mirrored.waitUntilWhole()
  for (const server of cluster.servers) await cluster.powerOff(server)
  for (const server of cluster.servers) await restore(mirrored, server, backups)
  for (const server of cluster.servers) await cluster.powerOn(server)
  for (const server of cluster.servers) await readmit(mirrored, 's1', server)
  // The other one may have made itself ready to be brought up from this one before that was seen, too. Declared down before its
  // word counted again, the last owner owns nothing any more.
  const last = await until(async () => (await mirrored.mirror())?.current, mirrorMs, 'the last owner to be known')
  const isSeen = async () => (await mirrored.mirror())?.sides[last]?.seen?.verdict.is === 'older'
  await until(isSeen, mirrorMs, 'the copy of the last owner to be seen')
  await order(mirrored, 'group', 'stop', 'db')
  await order(mirrored, 'mirror', 'force', mirror, last, '--yes')
  await order(mirrored, 'group', 'start', 'db')
  await mirrored.waitUntilOnline(last)
  expect(await tables(lab), 'without test0').toEqual(['test1', 'test2'])
  await mirrored.expectEqualAndClean()
}

/**
 * From the server that survived, in one go: what the log knows to have been written since the backup, which is all that differs,
 * and nothing else.
 */
const expectCopied = async (
  mirrored: MirrorCluster,
  { before, backedUp, differing }: { readonly before: number; readonly backedUp: number; readonly differing: number },
): Promise<void> => {
  const resyncs = (await mirrored.cluster.events('MirrorResyncStarted')).slice(before).map(({ data }) => data)
  expect(resyncs).toMatchObject([{ mirror, source: 's2', target: 's1', copy: 'differences' }])
  const { totalBytes = 0 } = resyncs[0] ?? {}
  const written = async (): Promise<number> => {
    const blocks = new Set<number>()
    for (const { runs } of await epochsSince(mirrored, backedUp))
      for (const run of runs) for (const block of indexesIn(run, defaultBlockBytes)) blocks.add(block)
    return blocks.size * defaultBlockBytes
  }
  expect(differing, 'blocks that differed').toBeGreaterThan(0)
  expect(totalBytes, 'bytes copied, of blocks that differed').toBeGreaterThanOrEqual(differing * defaultBlockBytes)
  // What was written just before is told in the next ten seconds.
  await until(async () => totalBytes <= (await written()), mirrorMs, 'the log to know all that was copied as written')
  // Of the whole disk little.
  expect(await written()).toBeLessThan((sizeMiB * 1_048_576) / 2)
  expect((await mirrored.mirror())?.speed?.doneBytes).toBe(totalBytes)
}

/** Of the data partitions as they are now. */
const differingBlocks = async ({ disks }: MirrorCluster): Promise<number> => {
  const sums = await Promise.all(Object.values(disks).map(({ data }) => checksums(data.file, defaultBlockBytes)))
  const [one = [], other = []] = sums
  return one.filter((sum, block) => sum !== other[block]).length
}

const epochsSince = async (mirrored: MirrorCluster, epoch: number): Promise<readonly EpochHistory[]> =>
  ((await mirrored.mirror())?.epochs ?? []).filter((one) => one.epoch >= epoch)

/** What was written is told every 10 s, and after an ownership: of the last one, or of all since one. */
const waitUntilTold = async (
  mirrored: MirrorCluster,
  as: readonly EpochHistory['covered'][],
  since?: number,
): Promise<void> => {
  const areTold = async () => {
    const epochs = await epochsSince(mirrored, since ?? 0)
    return (since === undefined ? epochs.slice(-1) : epochs).every(({ covered }) => as.includes(covered))
  }
  await until(areTold, mirrorMs, `the log to know what was written: ${as}`)
}

/** Under an ownership of its own: a copy is brought up with all that was written under the one it is from. */
const giveAnew = async (lab: Lab, mirrored: MirrorCluster): Promise<void> => {
  await until(() => query(lab.client, floating, 'select 1'), mirrorMs, 'the database')
  await order(mirrored, 'group', 'stop', 'db')
  await order(mirrored, 'group', 'start', 'db')
  await mirrored.waitUntilOnline('s1')
}

type Backups = Readonly<Record<string, readonly Buffer[]>>

const stateCopyOf = (mirrored: MirrorCluster, server: string): string =>
  `${mirrored.cluster.host(server).stateDirectory}.backup`

/** Both at one moment, while nothing runs, as whoever looks after the machines would. */
const backUpAll = async (lab: Lab, mirrored: MirrorCluster): Promise<Backups> => {
  const { cluster } = mirrored
  await until(() => query(lab.client, floating, 'select 1'), mirrorMs, 'the database')
  await cluster.do('s1', 'cluster', 'stop', '--yes')
  await until(async () => (await mirrored.ownerNow()) === null, mirrorMs, 'the group to be stopped')
  await waitUntilTold(mirrored, ['yes'])
  const backups: Record<string, readonly Buffer[]> = {}
  for (const server of cluster.servers) await cluster.powerOff(server)
  for (const server of cluster.servers) {
    backups[server] = await mirrored.backUp(server)
    const copy = stateCopyOf(mirrored, server)
    await execute('rm', ['-rf', copy])
    await execute('cp', ['-a', cluster.host(server).stateDirectory, copy])
  }
  for (const server of cluster.servers) await cluster.powerOn(server)
  await order(mirrored, 'cluster', 'start')
  await mirrored.waitUntilWhole()
  return backups
}

/** What it had promised since the backup it has forgotten: that is noticed, and a person has to say that it may vote again. */
const readmit = async (mirrored: MirrorCluster, on: string, voter: string): Promise<void> => {
  const { cluster } = mirrored
  const isNoticed = async () => (await cluster.status(on)).notAdmitted.includes(voterName(voter))
  await until(isNoticed, mirrorMs, `${voter} to count for nothing`)
  await cluster.doSoon(on, ['server', 'readmit', voter, '--yes'], mirrorMs)
  await until(async () => !(await isNoticed()), mirrorMs, `${voter} to count again`)
}

/** Wherever it is, or is about to be. */
const bringTo = async (mirrored: MirrorCluster, server: string): Promise<void> => {
  const owner = await until(() => mirrored.ownerNow(), mirrorMs, 'the group to be given to a server')
  if (owner !== server) await order(mirrored, 'group', 'move', 'db', '--to', server)
  await mirrored.waitUntilOnline(server)
}

const order = ({ cluster }: MirrorCluster, ...args: readonly string[]): Promise<void> =>
  cluster.doSoon('s1', args, mirrorMs)

const restore = async (mirrored: MirrorCluster, server: string, backups: Backups): Promise<void> => {
  const { stateDirectory } = mirrored.cluster.host(server)
  await mirrored.restore(server, backups[server] ?? [])
  await execute('sh', [
    '-c',
    'find "$1" -mindepth 1 -delete && cp -a "$2/." "$1"',
    'sh',
    stateDirectory,
    stateCopyOf(mirrored, server),
  ])
}

const create = (lab: Lab, table: string): Promise<unknown> =>
  until(
    () => query(lab.client, floating, `create table if not exists ${table} (number integer)`),
    mirrorMs,
    `table ${table}`,
  )

const tables = async (lab: Lab): Promise<readonly string[]> => {
  const found = await until(
    () => query(lab.client, floating, "select relname from pg_class where relname like 'test%' order by 1"),
    mirrorMs,
    'the tables',
  )
  return found.split('\n')
}
