/** A database on a mirror disk: no commit that a client was told of is lost with the server that ran it. */
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Host } from '../lab/host.ts'
import { createLab } from '../lab/lab.ts'
import { liveTest } from '../lab/live-test.ts'
import { postgresDirectory } from '../lab/needs.ts'
import { until } from '../lab/until.ts'
import { checked } from './cluster-test.ts'
import { floating } from './configuration.ts'
import { MirrorCluster, mirrorMs, mountPoint } from './mirror-cluster.ts'

const needs = ['lab', 'nats-server', 'postgres', 'losetup', 'mkfs.ext4', 'fuse'] as const
const programs = postgresDirectory() ?? ''
const data = `${mountPoint}/data`

/** The first start makes the database. */
const start = `
if [ ! -d ${data} ]; then
  mkdir -m 700 ${data}.new && chown postgres ${data}.new
  su postgres -c '${join(programs, 'initdb')} -D ${data}.new -A trust --no-sync' >/dev/null
  echo 'host all all 10.77.2.0/24 trust' >>${data}.new/pg_hba.conf
  sync && mv ${data}.new ${data}
fi
exec setpriv --reuid=postgres --regid=postgres --init-groups \
  ${join(programs, 'postgres')} -D ${data} -c listen_addresses=${floating} -c unix_socket_directories=`

const resources = {
  address: { type: 'fip', address: `${floating}/24` },
  postgres: {
    ...{ type: 'exec', after: ['address', 'data'], start },
    stop: `exec su postgres -c '${join(programs, 'pg_ctl')} stop -D ${data} -m fast'`,
    ...{ activation: { timeout: '60s' }, deactivation: { timeout: '15s' } },
  },
}

const ask = (client: Host, sql: string) =>
  client.run(['psql', '-h', floating, '-U', 'postgres', '-Atc', sql], {
    env: { PGCONNECT_TIMEOUT: '2', PGOPTIONS: '-c statement_timeout=5000' },
    timeoutMs: 20_000,
  })

/** Ends with the client's last word: a number is in the audit table before the account it belongs to is changed. */
const transfer = (number: number): string => `
begin;
insert into audit values (${number});
update accounts set balance = balance + ${number} where id = ${number % 10};
commit;`

liveTest(
  'PostgreSQL on a mirror disk has every commit of its audit table after crashes of either server',
  { needs, timeoutMs: 300_000 },
  async (context) => {
    await using lab = await createLab({ hosts: ['s1', 's2', 'w'] })
    const mirrored = await MirrorCluster.create(lab, { sizeMiB: 160, resources })
    const { cluster } = mirrored
    await checked(cluster, async () => {
      await mirrored.start()
      const query = async (sql: string) => {
        const { code, stdout } = await ask(lab.client, sql)
        return code === 0 ? stdout.trim() : null
      }
      await until(
        async () =>
          (await query('create table audit (number integer primary key)')) !== null &&
          (await query('create table accounts as select g as id, 0 as balance from generate_series(0, 9) g')) !== null,
        mirrorMs,
        'the tables to be made',
      )
      const committed: number[] = []
      let next = 0
      const commitFor = async (count: number) => {
        const enough = committed.length + count
        await until(
          async () => {
            next += 1
            if ((await query(transfer(next))) !== null) committed.push(next)
            return committed.length >= enough
          },
          mirrorMs,
          `${count} more commits`,
        )
      }
      await commitFor(20)
      for (const [server, survivor] of [['s1', 's2'] as const, ['s2', 's1'] as const]) {
        // The crash comes in the middle of commits.
        await Promise.all([cluster.powerOff(server), commitFor(5)])
        await mirrored.waitUntilOnline(survivor)
        await commitFor(10)
        const found = await until(() => query('select number from audit'), mirrorMs, 'the audit table')
        expect(found.split('\n').map(Number), 'commits that were acknowledged').toEqual(
          expect.arrayContaining(committed),
        )
        const sum = 'select (select sum(balance) from accounts) = (select sum(number) from audit)'
        expect(await until(() => query(sum), mirrorMs, 'the sums')).toBe('t')
        await cluster.powerOn(server)
        await mirrored.waitUntilWhole()
      }
      await context.annotate(`${committed.length} commits were acknowledged`)
      await mirrored.expectEqualAndClean()
    })
  },
)
