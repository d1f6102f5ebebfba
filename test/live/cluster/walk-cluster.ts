/** The cluster of the walk: two groups with PostgreSQL on a mirror disk each, which clients commit to all the time. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import { mirrorOf } from '../../../src/projections/mirrors.ts'
import type { Lab } from '../lab/lab.ts'
import { until } from '../lab/until.ts'
import { AuditedCommits } from './audited-commits.ts'
import { type Cluster, createCluster } from './cluster.ts'
import { banner, floating, otherFloating, type Part, patient, portOf } from './configuration.ts'
import { mirrorMs } from './mirror-cluster.ts'
import { attachMirrorDisks, type MirrorDisks, partitionsOf } from './mirror-disks.ts'
import { postgres } from './postgres.ts'

const execute = promisify(execFile)

const management = '10.77.2.102'
/** Room for a database. */
const sizeMiB = 160
/** A resync of what differs is over before anybody could ask; one of `bulkMiB` takes five seconds. The first copies take 13. */
const resyncMiBPerSecond = 12
const bulkMiB = 64
/** Two databases, both copies of each, and the cluster share two cores. */
const load = { clients: 2, mostPerSecond: 10 }

/** Where every group is; null: it is stopped. */
export type Places = Readonly<Record<'a' | 'b' | 't', string | null>>

const addressOf = { a: floating, b: otherFloating, t: management }
export const served = ['a', 'b'] as const
type Served = (typeof served)[number]

export class WalkCluster {
  readonly cluster: Cluster
  readonly #disks: Readonly<Record<Served, MirrorDisks>>
  readonly #commits: Readonly<Record<Served, AuditedCommits>>
  #stations: readonly string[] = []
  /** Where their commits were looked for last; null: they have been stopped since. */
  #auditedAt: Readonly<Record<Served, string | null>> = { a: null, b: null }

  constructor(cluster: Cluster, disks: Readonly<Record<Served, MirrorDisks>>) {
    this.cluster = cluster
    this.#disks = disks
    const audit = (name: Served) => new AuditedCommits(cluster.lab.client, addressOf[name], load)
    this.#commits = { a: audit('a'), b: audit('b') }
  }

  static async create(lab: Lab): Promise<WalkCluster> {
    const disks = { a: await attachMirrorDisks(lab, { sizeMiB }), b: await attachMirrorDisks(lab, { sizeMiB }) }
    const group = (name: Served, servers: readonly string[], port: number) => {
      const [mountPoint, address, after] = [`/run/${name}`, addressOf[name], [`${name}-address`, 'md']]
      const resources = {
        [`${name}-address`]: { type: 'fip', address: `${address}/24` },
        md: mirrorDisk({ mountPoint, port, disks: disks[name] }),
        [`${name}-server`]: banner({ after }, portOf(address)),
        [`${name}-database`]: postgres({ mountPoint, address, after }),
      }
      return { servers, resources }
    }
    const groups = {
      a: group('a', ['s1', 's2'], 29_050),
      b: group('b', ['s2', 's1'], 29_051),
      t: {
        kind: 'management',
        servers: ['s1', 's2'],
        resources: { 't-address': { type: 'fip', address: `${management}/24` } },
      },
    }
    return new WalkCluster(await createCluster(lab, { groups, timing: patient }), disks)
  }

  /** With what watches both groups, and clients of both that commit until this is disposed of. */
  async start(): Promise<void> {
    await this.cluster.start()
    for (const name of served) await this.cluster.watch({ address: addressOf[name] })
    await Promise.all(served.map((name) => this.#commits[name].start()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(served.map((name) => this.#commits[name].stop()))
  }

  /** Acknowledged so far. */
  get committed(): Readonly<Record<Served, number>> {
    return { a: this.#commits.a.count, b: this.#commits.b.count }
  }

  /** On a server that is on. */
  do(server: string, ...args: readonly string[]): Promise<string> {
    return this.cluster.do(server, ...args)
  }

  async expectRefused(words: RegExp, server: string, ...args: readonly string[]): Promise<void> {
    const { code, stdout, stderr } = await this.cluster.baton(server, args)
    expect(code, `baton ${args.join(' ')}: ${stdout}${stderr}`).toBe(3)
    expect(stdout + stderr).toMatch(words)
  }

  /**
   * As baton-server.service and the power button do it: its groups leave in order, then it is off. Not before they are up on the
   * other one: a copy that is brought up at the very moment when its power goes may need everything afterwards.
   */
  async shutDown(server: string): Promise<void> {
    await this.do(server, 'server', 'stop', server, '--yes')
    const other = this.#on().find((one) => one !== server)
    const isTakenOver = async () => {
      const { groups, mirrors } = (await this.cluster.status(other ?? server)).state
      return served.every((name) => {
        const ownership = groups[name]?.ownership
        if (ownership?.status !== 'assigned') return true
        const isUp = ownership.server === other && ownership.phase === 'online'
        return isUp && mirrorOf(mirrors, `${name}.md`)?.stale === null
      })
    }
    if (other !== undefined) await until(isTakenOver, mirrorMs, `${other} to run what ${server} has left`)
    await this.cluster.powerOff(server)
  }

  /** Up, with its agent; before it returns it takes the management group alone. */
  async boot(...servers: readonly string[]): Promise<void> {
    await Promise.all(servers.map((server) => this.cluster.powerOn(server)))
    for (const server of servers) {
      const isBack = async () => {
        const { log, state } = await this.cluster.status(server)
        const known = state.servers.byName[server]
        return log.reachable && known?.status === 'up' && known.awaitsReturn
      }
      await until(isBack, mirrorMs, `${server} to be up, and to await its return`)
    }
  }

  /** Still: nothing has let them return. */
  async expectAwaiting(...servers: readonly string[]): Promise<void> {
    const [first = ''] = servers
    const { byName } = (await this.cluster.status(first)).state.servers
    expect(Object.values(byName).flatMap(({ name, awaitsReturn }) => (awaitsReturn ? [name] : []))).toEqual(servers)
  }

  /** As baton-server.service does it at a start, where it is enabled; again while the log cannot be written. */
  async bringBack(...servers: readonly string[]): Promise<void> {
    for (const server of servers) {
      const isAsked = async () => {
        const { code } = await this.cluster.baton(server, ['server', 'start', server, '--wait', '0s'])
        return code === 0
      }
      await until(isAsked, mirrorMs, `${server} to return`)
    }
    for (const server of servers) {
      const isUp = async () => {
        const known = (await this.cluster.status(server)).state.servers.byName[server]
        return known?.status === 'up' && !known.awaitsReturn
      }
      await until(isUp, mirrorMs, `${server} to be up`)
    }
  }

  /**
   * Every server that is on says that every group is there; what runs answers there, its disk holds all that was written at
   * every station before, and where it was moved or started, its database every commit that was acknowledged, and more of
   * them. Then this station is written, too.
   */
  async arriveAt(station: string, places: Places): Promise<void> {
    const wanted = JSON.stringify(places)
    const isThere = async () => {
      const all = await Promise.all(this.#on().map((server) => this.#placesAs(server)))
      return all.every((one) => JSON.stringify(one) === wanted)
    }
    await until(isThere, mirrorMs, `${station}: the groups to be at ${wanted}`).catch((error: unknown) => {
      throw new Error(`${station}: ${String(error)}`, { cause: error })
    })
    for (const name of ['a', 'b', 't'] as const) await this.#expectAddressAt(name, places[name])
    await Promise.all(served.map((name) => this.#expectServed(name, station, places[name])))
  }

  async waitUntilWhole(...groups: readonly Served[]): Promise<void> {
    for (const group of groups.length > 0 ? groups : served)
      await until(async () => (await this.staleOf(group)) === null, mirrorMs, `the mirror of ${group} to be whole`)
  }

  async waitUntilStale(server: string, ...groups: readonly Served[]): Promise<void> {
    for (const group of groups.length > 0 ? groups : served)
      await until(
        async () => (await this.staleOf(group)) === server,
        mirrorMs,
        `the copy of ${group} on ${server} to be stale`,
      )
  }

  /** The server that lacks something; undefined before the mirror is made. */
  async staleOf(group: Served): Promise<string | null | undefined> {
    const [server] = this.#on()
    if (server === undefined) throw new Error('no server is on')
    return mirrorOf((await this.cluster.status(server)).state.mirrors, `${group}.md`)?.stale
  }

  /** The other side is left behind, by an operator, and by so much that it takes a while until it is brought up. */
  async leaveBehind(group: Served, { on, stale }: { readonly on: string; readonly stale: string }): Promise<void> {
    await this.do(on, 'mirror', 'break', `${group}.md`)
    await this.waitUntilStale(stale, group)
    const bulk = `/run/${group}/bulk`
    await this.cluster
      .host(on)
      .ok(['sh', '-c', `head -c ${bulkMiB}M /dev/urandom >${bulk} && sync && rm ${bulk} && sync`])
  }

  /** It is let connect again; from here on it is being brought up, and that is seen. */
  async bringUp(group: Served, { on, stale }: { readonly on: string; readonly stale: string }): Promise<void> {
    await this.do(on, 'mirror', 'connect', `${group}.md`)
    const isBroughtUp = async () => {
      const { state, mirrors } = await this.cluster.status(on)
      const known = mirrorOf(state.mirrors, `${group}.md`)
      const { condition } = mirrors.find(({ name }) => name === `${group}.md`)?.plane ?? {}
      const { source, target, interrupted } = known?.resync ?? {}
      const isSo = known?.stale === stale && source === on && target === stale && interrupted === null
      return isSo && condition?.pair === 'resyncing'
    }
    await until(isBroughtUp, mirrorMs, `${stale} to be brought up from ${on}`)
  }

  async expectBulkCopied(group: Served, { on, stale }: { readonly on: string; readonly stale: string }): Promise<void> {
    const last = (await this.resyncs()).findLast(({ mirror }) => mirror === `${group}.md`)
    expect(last).toMatchObject({ source: on, target: stale, copy: 'differences' })
    expect(last?.totalBytes).toBeGreaterThanOrEqual(bulkMiB * 1_048_576)
    // What the file system and the clients have written beside it is a few MiB.
    expect(last?.totalBytes, 'no more than differed').toBeLessThan((bulkMiB + 16) * 1_048_576)
  }

  /**
   * Nothing is on but the witness. The log, as it has it, says that both have left in order, and which copies are current;
   * those have what was written at the station `newest`, and the others only what was before.
   */
  async expectAllDown({ current, stale, newest }: { readonly [of in 'current' | 'stale' | 'newest']: string }) {
    expect(this.#on()).toEqual([])
    const known = async () => {
      const { servers, groups, mirrors } = (await this.cluster.status('w')).state
      return {
        servers: Object.fromEntries(Object.values(servers.byName).map(({ name, status }) => [name, status])),
        owned: Object.values(groups).flatMap(({ name, ownership }) => (ownership.status === 'assigned' ? [name] : [])),
        copies: served.map((name) => {
          const mirror = mirrorOf(mirrors, `${name}.md`)
          return [name, mirror?.current, mirror?.stale]
        }),
      }
    }
    const wanted = {
      servers: { [current]: 'left', [stale]: 'left' },
      owned: [],
      copies: served.map((name) => [name, current, stale]),
    }
    const isKnown = async () => {
      expect(await known()).toEqual(wanted)
      return true
    }
    // What was last written may be on its way to the witness.
    await until(isKnown, mirrorMs, 'the witness to know that all have left')
    const answers = Object.values(addressOf).map((address) => this.cluster.lab.client.whoHas(address))
    expect((await Promise.all(answers)).flat(), 'who has an address of a group').toEqual([])
    for (const name of served) {
      const on = async (server: string) => {
        const file = this.#disks[name][server]?.data.file ?? ''
        return (await execute('debugfs', ['-R', 'cat /stations', file])).stdout.split('\n').filter(Boolean)
      }
      expect(await on(current), `stations of ${name} on the disk of ${current}`).toEqual(this.#of(name))
      expect(this.#of(name).at(-1)).toBe(newest)
      const older = await on(stale)
      expect(older, `stations of ${name} on the disk of ${stale}`).not.toContain(newest)
      expect(older.length, `older stations of ${name} on the disk of ${stale}`).toBeGreaterThan(0)
    }
  }

  async resyncs() {
    return (await this.cluster.events('MirrorResyncStarted')).map(({ data }) => data)
  }

  /** Both mirrors were brought up from there since the first `before` resyncs, and nothing was copied as if it were new. */
  async expectDifferencesFrom(source: string, before: number): Promise<void> {
    const after = (await this.resyncs()).slice(before)
    expect(new Set(after.map(({ mirror }) => mirror))).toEqual(new Set(['a.md', 'b.md']))
    for (const one of after) expect(one).toMatchObject({ source, copy: 'differences' })
  }

  /** Everything that the log knows of copying: how often a side was left behind, and what was copied. */
  async copying() {
    return { broken: (await this.cluster.events('MirrorBroken')).length, resyncs: await this.resyncs() }
  }

  async #expectServed(name: Served, station: string, server: string | null): Promise<void> {
    const before = this.#auditedAt[name]
    this.#auditedAt = { ...this.#auditedAt, [name]: server }
    if (server === null) return
    await this.cluster.watches[served.indexOf(name)]?.waitFor(server, mirrorMs)
    const file = `/run/${name}/stations`
    const host = this.cluster.host(server)
    const found = await host.ok(['sh', '-c', `touch ${file}; cat ${file}`])
    expect(found.split('\n').filter(Boolean), `${station}: ${file} on ${server}`).toEqual(this.#of(name))
    await host.ok(['sh', '-c', `echo '${station}' >>${file} && sync`])
    this.#stations = [...this.#stations, `${name} ${station}`]
    if (server !== before) await this.#expectCommits(name, station)
  }

  /** Those of clients that have found it here are there, too. */
  async #expectCommits(name: Served, station: string): Promise<void> {
    const commits = this.#commits[name]
    const before = commits.count
    if ((await commits.expectNothingLost()) > before) return
    // No client had found the database here yet.
    await until(() => commits.count > before, mirrorMs, `${station}: the database of ${name} to take commits`)
    await commits.expectNothingLost()
  }

  #on(): readonly string[] {
    return this.cluster.servers.filter((server) => this.cluster.host(server).isOn)
  }

  #of(name: string): readonly string[] {
    return this.#stations.filter((one) => one.startsWith(`${name} `)).map((one) => one.slice(name.length + 1))
  }

  async #placesAs(server: string): Promise<Readonly<Record<string, string | null>>> {
    const { state } = await this.cluster.status(server)
    const place = (name: string) => {
      const ownership = state.groups[name]?.ownership
      if (ownership?.status !== 'assigned') return null
      return ownership.phase === 'online' ? ownership.server : `${ownership.phase} on ${ownership.server}`
    }
    return { a: place('a'), b: place('b'), t: place('t') }
  }

  async #expectAddressAt(name: 'a' | 'b' | 't', place: string | null): Promise<void> {
    const having: string[] = []
    for (const server of this.#on()) {
      const addresses = await this.cluster.host(server).ok(['ip', '-o', '-4', 'address'])
      if (addresses.includes(` ${addressOf[name]}/`)) having.push(server)
    }
    expect(having, `servers with the address of ${name}`).toEqual(place === null ? [] : [place])
  }
}

type MirrorDisk = { readonly mountPoint: string; readonly port: number; readonly disks: MirrorDisks }

const mirrorDisk = ({ mountPoint, port, disks }: MirrorDisk): Part => ({
  ...{ type: 'md', mountPoint, port, fileSystem: 'ext4', mkfs: true },
  ...partitionsOf(disks),
  resync: { rate: resyncMiBPerSecond },
  ...{ activation: { timeout: '40s' }, deactivation: { timeout: '15s' } },
})
