/** PostgreSQL on the mirror disk of a cluster, and a client that goes on committing, with an audit of what it was told. */
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Lab } from '../lab/lab.ts'
import { until } from '../lab/until.ts'
import { floating } from './configuration.ts'
import { MirrorCluster, type MirrorOptions, mirrorMs, mountPoint } from './mirror-cluster.ts'
import { postgres, query } from './postgres.ts'

const resources = {
  address: { type: 'fip', address: `${floating}/24` },
  postgres: postgres({ mountPoint, address: floating, after: ['address', 'data'] }),
}
const sizeMiB = 160
/** Between tries while nobody answers. */
const againMs = 50

/** Ends with the client's last word: a number is in the audit table before the account it belongs to is changed. */
const transfer = (number: number): string => `
begin;
insert into audit values (${number});
update accounts set balance = balance + ${number} where id = ${number % 10};
commit;`

export class MirrorDatabase extends MirrorCluster {
  override readonly enough = 5
  #committed: number[] = []
  #count = 0
  #isOver = false
  #client: Promise<void> | null = null

  static override async create(lab: Lab, options: MirrorOptions = {}): Promise<MirrorDatabase> {
    const { cluster, disks } = await MirrorCluster.create(lab, { sizeMiB, resources, ...options })
    return new MirrorDatabase(cluster, disks)
  }

  /** With tables, and a client that commits until this is disposed of. */
  override async start(): Promise<void> {
    await super.start()
    const made = async () =>
      (await this.ask('create table if not exists audit (number integer primary key)')) !== null &&
      (await this.ask(
        'create table if not exists accounts as select g as id, 0::bigint as balance from generate_series(0, 9) g',
      )) !== null
    await until(made, mirrorMs, 'the tables to be made')
    this.#client = this.#commitOn()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
    await this.#client
  }

  /** What the database answers at its floating address; null: nothing, or that it failed. */
  ask(sql: string): Promise<string | null> {
    return query(this.cluster.lab.client, floating, sql)
  }

  override async written(): Promise<number> {
    return this.#count
  }

  override async forgetAcknowledged(): Promise<void> {
    this.#committed = []
  }

  /** Every commit that the client was told of is in the audit, and the sums are right. Answers how many were looked for. */
  override async expectNothingLost(): Promise<number> {
    const committed = [...this.#committed]
    const found = await until(() => this.ask('select number from audit'), mirrorMs, 'the audit table')
    const there = new Set(found.split('\n').map(Number))
    const lost = committed.filter((number) => !there.has(number))
    expect(lost, 'commits that were acknowledged and are lost').toEqual([])
    const sum = 'select (select sum(balance) from accounts) = (select sum(number) from audit)'
    expect(await until(() => this.ask(sum), mirrorMs, 'the sums'), 'the balances are the sums of the audit').toBe('t')
    return committed.length
  }

  /** A number whose outcome is not known is not used again. */
  async #commitOn(): Promise<void> {
    for (let number = 1; !this.#isOver; number++) {
      const isCommitted = (await this.ask(transfer(number)).catch(() => null)) !== null
      if (isCommitted) {
        this.#committed.push(number)
        this.#count += 1
      } else await pause(againMs)
    }
  }
}
