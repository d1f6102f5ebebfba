/** Disks: a database on a shared one survives its server; a full one under the log is no matter to the service. */
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import type { Host } from '../lab/host.ts'
import { createLab } from '../lab/lab.ts'
import { liveTest } from '../lab/live-test.ts'
import { postgresDirectory } from '../lab/needs.ts'
import { until } from '../lab/until.ts'
import { createCluster, settleMs } from './cluster.ts'
import { checked, clusterTest } from './cluster-test.ts'
import { floating } from './configuration.ts'

/** Takes the log of a test, and fills up at once. */
const store = '/var/lib/baton/nats'
const storeMiB = 24

describe('a full disk under the log of the active server', () => {
  clusterTest('stops neither the service nor decisions, and heals', { isOff: true }, async (cluster) => {
    const s1 = cluster.host('s1')
    await s1.ok(['sh', '-c', `mkdir -p ${store} && mount -t tmpfs -o size=${storeMiB}m full ${store}`])
    await cluster.start()
    await cluster.moveLogLeader('s2')
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    await s1.run(['dd', 'if=/dev/zero', `of=${store}/filling`, 'bs=4k', 'status=none'])
    for (const verb of ['suspend', 'resume', 'suspend', 'resume']) await cluster.do('s2', 'cluster', verb)
    await watch.waitFor('s1', settleMs)
    expect(watch.lives()).toHaveLength(1)
    await s1.ok(['rm', `${store}/filling`])
    const isWhole = async () => {
      const { log } = await cluster.status('s2')
      return log.replicas.length === 3 && log.replicas.every(({ current }) => current)
    }
    await until(isWhole, 2 * settleMs, 'every replica of the log to be current again')
    await cluster.waitUntilSettled()
    expect(watch.lives()).toHaveLength(1)
  })
})

const needs = { needs: ['lab', 'nats-server', 'postgres', 'losetup', 'mkfs.ext4'], timeoutMs: 150_000 } as const
const mountPoint = '/run/database'
const data = `${mountPoint}/data`
const programs = postgresDirectory() ?? ''

describe('a database on a shared disk', () => {
  liveTest('has every row that was acknowledged when its server crashed', needs, async (context) => {
    await using lab = await createLab({ hosts: ['s1', 's2', 'w'] })
    const { device } = await lab.loopDevice({ sizeMiB: 128, fileSystem: 'ext4' })
    await prepare(lab.host('s1'), device)
    const cluster = await createCluster(lab, { groups: { database: databaseOn(device) } })
    await checked(cluster, async () => {
      await cluster.start()
      await answer(lab.client, 'create table acknowledged (number integer primary key)')
      const rows: number[] = []
      const isCommitted = async (number: number) =>
        (await ask(lab.client, `insert into acknowledged values (${number})`)).code === 0
      while (rows.length < 20) if (await isCommitted(rows.length)) rows.push(rows.length)
      // The crash comes in the middle of the next ones.
      const crash = cluster.powerOff('s1')
      for (let number = 20; number < 25; number++) if (await isCommitted(number)) rows.push(number)
      await crash
      await cluster.waitUntilOnline('database', 's2')
      const found = await answer(lab.client, 'select number from acknowledged')
      expect(found.trim().split('\n').map(Number)).toEqual(expect.arrayContaining(rows))
      await context.annotate(`${rows.length} rows were acknowledged`)
      await cluster.powerOn('s1')
      await cluster.waitUntilSettled()
      await cluster.do('s1', 'group', 'move', 'database', '--to', 's1')
      expect((await answer(lab.client, 'select count(*) from acknowledged')).trim()).not.toBe('0')
    })
  })
})

const databaseOn = (device: string) => ({
  resources: {
    address: { type: 'fip', address: `${floating}/24` },
    disk: { type: 'disk', device, mountPoint, fileSystem: 'ext4' },
    postgres: {
      type: 'exec',
      after: ['address', 'disk'],
      user: 'postgres',
      start: `exec ${join(programs, 'postgres')} -D ${data} -c listen_addresses=${floating} -c unix_socket_directories=`,
      stop: `exec ${join(programs, 'pg_ctl')} stop -D ${data} -m fast`,
    },
  },
})

/** A new database on the disk, which is let go of again. */
const prepare = async (host: Host, device: string): Promise<void> => {
  const script = `
mkdir -p ${mountPoint}
mount ${device} ${mountPoint}
mkdir -m 700 ${data}
chown postgres ${data}
su postgres -c '${join(programs, 'initdb')} -D ${data} -A trust --no-sync' >/dev/null
echo 'host all all 10.77.2.0/24 trust' >>${data}/pg_hba.conf
umount ${mountPoint}`
  await host.ok(['sh', '-ec', script])
}

const ask = (client: Host, sql: string) =>
  client.run(['psql', '-h', floating, '-U', 'postgres', '-Atc', sql], {
    env: { PGCONNECT_TIMEOUT: '2', PGOPTIONS: '-c statement_timeout=3000' },
    timeoutMs: 20_000,
  })

/** PostgreSQL takes its time until it answers: its resource is online once its process runs. */
const answer = (client: Host, sql: string): Promise<string> =>
  until(
    async () => {
      const { code, stdout, stderr } = await ask(client, sql)
      if (code !== 0) throw new Error(`${sql}: ${stderr}`)
      return stdout
    },
    settleMs,
    'the database',
  )
