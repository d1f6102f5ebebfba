/** A database on a mirror disk: no commit that a client was told of is lost with the server that ran it. */
import { expect } from 'vitest'
import { createLab } from '../lab/lab.ts'
import { liveTest } from '../lab/live-test.ts'
import { until } from '../lab/until.ts'
import { checked } from './cluster-test.ts'
import { floating } from './configuration.ts'
import { MirrorCluster, mirrorMs, mountPoint } from './mirror-cluster.ts'
import { postgres, query } from './postgres.ts'

const needs = ['lab', 'nats-server', 'postgres', 'losetup', 'mkfs.ext4', 'fuse'] as const

const resources = {
  address: { type: 'fip', address: `${floating}/24` },
  postgres: postgres({ mountPoint, address: floating, after: ['address', 'data'] }),
}

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
      const ask = (sql: string) => query(lab.client, floating, sql)
      await until(
        async () =>
          (await ask('create table audit (number integer primary key)')) !== null &&
          (await ask('create table accounts as select g as id, 0 as balance from generate_series(0, 9) g')) !== null,
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
            if ((await ask(transfer(next))) !== null) committed.push(next)
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
        const found = await until(() => ask('select number from audit'), mirrorMs, 'the audit table')
        expect(found.split('\n').map(Number), 'commits that were acknowledged').toEqual(
          expect.arrayContaining(committed),
        )
        const sum = 'select (select sum(balance) from accounts) = (select sum(number) from audit)'
        expect(await until(() => ask(sum), mirrorMs, 'the sums')).toBe('t')
        await cluster.powerOn(server)
        await mirrored.waitUntilWhole()
      }
      await context.annotate(`${committed.length} commits were acknowledged`)
      await mirrored.expectEqualAndClean()
    })
  },
)
