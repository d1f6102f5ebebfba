/** The cluster of the walk: two groups with PostgreSQL on a mirror disk each, which clients commit to all the time. */
import { expect } from 'vitest'
import { mirrorOf } from '../../../src/projections/mirrors.ts'
import type { Lab } from '../lab/lab.ts'
import { until } from '../lab/until.ts'
import { AuditedCommits } from './audited-commits.ts'
import { type Cluster, createCluster } from './cluster.ts'
import { banner, floating, otherFloating, type Part, portOf, type Timing } from './configuration.ts'
import { mirrorMs } from './mirror-cluster.ts'
import { postgres } from './postgres.ts'

const management = '10.77.2.102'
/** Room for a database. */
const sizeMiB = 160
/** Two databases, both copies of each, and the cluster share two cores. */
const mostPerSecond = 10

/** Where every group is; null: it is stopped. */
export type Places = Readonly<Record<'a' | 'b' | 't', string | null>>

/** Nothing of the walk is about how soon a crash is seen, and the machine may be busy. */
const patient: Timing = {
  ...{ interval: '500ms', timeout: '12s', release: '3s', stop: '2400ms', delay: '20ms', stall: '1s' },
}

const addressOf = { a: floating, b: otherFloating, t: management }
export const served = ['a', 'b'] as const
type Served = (typeof served)[number]

export class WalkCluster {
  readonly cluster: Cluster
  readonly #commits: Readonly<Record<Served, AuditedCommits>>
  #stations: readonly string[] = []
  /** Where their commits were looked for last; null: they have been stopped since. */
  #auditedAt: Readonly<Record<Served, string | null>> = { a: null, b: null }

  constructor(cluster: Cluster) {
    this.cluster = cluster
    const audit = (name: Served) => new AuditedCommits(cluster.lab.client, addressOf[name], { mostPerSecond })
    this.#commits = { a: audit('a'), b: audit('b') }
  }

  static async create(lab: Lab): Promise<WalkCluster> {
    const group = async (name: Served, servers: readonly string[], port: number) => {
      const [mountPoint, address, after] = [`/run/${name}`, addressOf[name], [`${name}-address`, 'md']]
      const resources = {
        [`${name}-address`]: { type: 'fip', address: `${address}/24` },
        md: await diskOf(lab, { mountPoint, port, sizeMiB }),
        [`${name}-server`]: banner({ after }, portOf(address)),
        [`${name}-database`]: postgres({ mountPoint, address, after }),
      }
      return { servers, resources }
    }
    const groups = {
      a: await group('a', ['s1', 's2'], 29_050),
      b: await group('b', ['s2', 's1'], 29_051),
      t: {
        kind: 'management',
        servers: ['s1', 's2'],
        resources: { 't-address': { type: 'fip', address: `${management}/24` } },
      },
    }
    return new WalkCluster(await createCluster(lab, { groups, timing: patient }))
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
    await until(() => commits.count > before, mirrorMs, `${station}: the database of ${name} to take commits`)
    expect(await commits.expectNothingLost(), `${station}: commits of ${name} looked for`).toBeGreaterThan(before)
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

type Disk = { readonly mountPoint: string; readonly port: number; readonly sizeMiB: number }

const diskOf = async (lab: Lab, { mountPoint, port, sizeMiB }: Disk): Promise<Part> => {
  const pair = async (of: { readonly sizeMiB: number }) => ({
    s1: (await lab.loopDevice(of)).device,
    s2: (await lab.loopDevice(of)).device,
  })
  return {
    ...{ type: 'md', mountPoint, port, fileSystem: 'ext4', mkfs: true },
    ...{ dataPartition: await pair({ sizeMiB }), clusterPartition: await pair({ sizeMiB: 8 }) },
    ...{ activation: { timeout: '40s' }, deactivation: { timeout: '15s' } },
  }
}
