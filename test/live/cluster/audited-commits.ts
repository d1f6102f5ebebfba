/** Clients of a database that commit at the same time, and an audit of what they were told. */
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Host } from '../lab/host.ts'
import { until } from '../lab/until.ts'
import { mirrorMs } from './mirror-cluster.ts'
import { query } from './postgres.ts'

const usualClients = 4
/** Of one run of pgbench: it tells only at its end what was acknowledged. */
const runSeconds = 1
/** A second has more commits than a 2-core machine that runs the whole cluster should spend itself on. */
const usuallyPerSecond = 100
/** Between runs while nobody answers. */
const againMs = 50

const tables = [
  'create table if not exists audit (run integer, client integer, number integer, primary key (run, client, number))',
  'create table if not exists accounts as select g as id, 0::bigint as balance from generate_series(0, 99) g',
]
/** A number is in the audit before the account that it belongs to is changed. pgbench counts what was committed alike. */
const transfer = `
\\set number :number + 1
\\set account random(0, 99)
begin;
insert into audit values (:run, :client_id, :number);
update accounts set balance = balance + :number where id = :account;
commit;
`
/** A server without power says nothing more; one that took over its address denies the connection. */
const patience = 'connect_timeout=2 tcp_user_timeout=4000 keepalives_idle=1 keepalives_interval=1 keepalives_count=4'

type Commit = { readonly key: string; readonly client: number; readonly beganUs: number; readonly endedUs: number }

export class AuditedCommits {
  readonly #host: Host
  readonly #address: string
  readonly #clients: number
  readonly #mostPerSecond: number
  #committed: Commit[] = []
  #count = 0
  #mostAtOnce = 0
  #run = 0
  /** What earlier runs were told counts no more. */
  #forgottenUntil = 0
  #isOver = false
  #loop: Promise<void> | null = null
  #underWay: Promise<void> = Promise.resolve()

  constructor(host: Host, address: string, { clients = usualClients, mostPerSecond = usuallyPerSecond } = {}) {
    this.#host = host
    this.#address = address
    this.#clients = clients
    this.#mostPerSecond = mostPerSecond
  }

  /** Acknowledged so far; told once a second. */
  get count(): number {
    return this.#count
  }

  /** How many clients waited for a commit at the same moment. */
  get mostAtOnce(): number {
    return this.#mostAtOnce
  }

  /** With tables, and clients that commit until `stop`, whenever there is a database. */
  async start(): Promise<void> {
    for (const table of tables) await until(() => this.ask(table), mirrorMs, 'a table to be made')
    this.#loop = this.#commitOn()
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await this.#loop
  }

  forget(): void {
    this.#committed = []
    this.#forgottenUntil = this.#run
  }

  /** What the database answers; null: nothing, or that it failed. */
  ask(sql: string): Promise<string | null> {
    return query(this.#host, this.#address, sql)
  }

  /** Every commit that a client was told of is in the audit, and the sums are right. Answers how many were looked for. */
  async expectNothingLost(): Promise<number> {
    // What those clients were told that were connected just now.
    await this.#underWay
    const committed = [...this.#committed]
    const wanted = "select concat_ws(' ', run, client, number) from audit"
    const found = await until(() => this.ask(wanted), mirrorMs, 'the audit table')
    const there = new Set(found.split('\n'))
    expect(
      committed.map(({ key }) => key).filter((key) => !there.has(key)),
      'commits (run, client, number) that were acknowledged and are lost',
    ).toEqual([])
    const sum = 'select (select sum(balance) from accounts) = (select coalesce(sum(number), 0) from audit)'
    expect(await until(() => this.ask(sum), mirrorMs, 'the sums'), 'the balances are the sums of the audit').toBe('t')
    return committed.length
  }

  async #commitOn(): Promise<void> {
    while (!this.#isOver) {
      this.#run += 1
      const told = this.#runOnce(this.#run)
      this.#underWay = told.then(() => undefined)
      const commits = await told
      if (this.#run > this.#forgottenUntil) this.#committed.push(...commits)
      this.#count += commits.length
      this.#mostAtOnce = Math.max(this.#mostAtOnce, mostAtOnce(commits))
      if (commits.length === 0) await pause(againMs)
    }
  }

  /** Clients that lose their connection end; what they were told before is in the log of the transactions. */
  async #runOnce(run: number): Promise<readonly Commit[]> {
    const prefix = `/run/commits-${this.#address}`
    const bench = [
      ...[
        'pgbench',
        '--no-vacuum',
        `--client=${this.#clients}`,
        `--time=${runSeconds}`,
        `--rate=${this.#mostPerSecond}`,
      ],
      ...['--file=-', '--define=number=0', `--define=run=${run}`, '--log', `--log-prefix=${prefix}`],
    ]
    const database = `host=${this.#address} user=postgres dbname=postgres ${patience}`
    const script = `rm -f ${prefix}.*; "$@" >/dev/null 2>&1; cat ${prefix}.* 2>/dev/null`
    const { stdout } = await this.#host
      .run(['sh', '-c', script, 'sh', ...bench, database], { input: transfer, timeoutMs: mirrorMs })
      .catch(() => ({ stdout: '' }))
    return commitsIn(stdout, run)
  }
}

/**
 * Of each that was committed: client, transaction, microseconds since it was due, script, second and microseconds of its end,
 * microseconds that it began late. The transactions of a client count from 1, as it does itself.
 */
const commitsIn = (log: string, run: number): readonly Commit[] =>
  log.split('\n').flatMap((line) => {
    const [client = 0, number = 0, sinceDueUs = 0, , second = 0, us = 0, lateUs] = line.split(' ').map(Number)
    if (lateUs === undefined || Number.isNaN(sinceDueUs)) return []
    const endedUs = second * 1_000_000 + us
    return [{ key: `${run} ${client} ${number}`, client, beganUs: endedUs - sinceDueUs + lateUs, endedUs }]
  })

const mostAtOnce = (commits: readonly Commit[]): number => {
  const at = (one: Commit) => commits.filter(({ beganUs, endedUs }) => beganUs <= one.endedUs && one.endedUs <= endedUs)
  return Math.max(0, ...commits.map((one) => new Set(at(one).map(({ client }) => client)).size))
}
