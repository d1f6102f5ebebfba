import { expect } from 'vitest'
import { mirrorOf } from '../../../src/projections/mirrors.ts'
import type { Lab } from '../lab/lab.ts'
import { until } from '../lab/until.ts'
import { type Cluster, createCluster } from './cluster.ts'
import { banner, floating, otherFloating, type Part, portOf, type Timing } from './configuration.ts'
import { mirrorMs } from './mirror-cluster.ts'
import { postgres, query } from './postgres.ts'

const management = '10.77.2.102'
/** The database is on the mirror of a. */
const sizesMiB = { a: 160, b: 24 }

/** Where every group is; null: it is stopped. */
export type Places = Readonly<Record<'a' | 'b' | 't', string | null>>

/** Nothing of the walk is about how soon a crash is seen, and the machine may be busy. */
const patient: Timing = {
  ...{ interval: '500ms', timeout: '12s', release: '3s', stop: '2400ms', delay: '20ms', stall: '1s' },
}

const addressOf = { a: floating, b: otherFloating, t: management }
const served = ['a', 'b'] as const

export class WalkCluster {
  readonly cluster: Cluster
  #stations: readonly string[] = []

  constructor(cluster: Cluster) {
    this.cluster = cluster
  }

  static async create(lab: Lab): Promise<WalkCluster> {
    const group = async (name: 'a' | 'b', servers: readonly string[], port: number) => ({
      servers,
      resources: {
        [`${name}-address`]: { type: 'fip', address: `${addressOf[name]}/24` },
        md: await diskOf(lab, { mountPoint: `/run/${name}`, port, sizeMiB: sizesMiB[name] }),
        [`${name}-server`]: banner({ after: [`${name}-address`, 'md'] }, portOf(addressOf[name])),
      },
    })
    const database = postgres({ mountPoint: '/run/a', address: addressOf.a, after: ['a-address', 'md'] })
    const a = await group('a', ['s1', 's2'], 29_050)
    const groups = {
      a: { ...a, resources: { ...a.resources, 'a-database': database } },
      b: await group('b', ['s2', 's1'], 29_051),
      t: {
        kind: 'management',
        servers: ['s1', 's2'],
        resources: { 't-address': { type: 'fip', address: `${management}/24` } },
      },
    }
    return new WalkCluster(await createCluster(lab, { groups, timing: patient }))
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

  /** As baton-server.service and the power button do it: its groups leave in order, then it is off. */
  async shutDown(server: string): Promise<void> {
    await this.do(server, 'server', 'stop', server, '--yes')
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
   * Every server that is on says that every group is there; what runs answers there, and its disk holds all that was
   * written at every station before. Then this station is written, too.
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
    for (const [index, name] of served.entries()) {
      const server = places[name]
      if (server === null) continue
      await this.cluster.watches[index]?.waitFor(server, mirrorMs)
      const file = `/run/${name}/stations`
      const host = this.cluster.host(server)
      const found = await host.ok(['sh', '-c', `touch ${file}; cat ${file}`])
      expect(found.split('\n').filter(Boolean), `${station}: ${file} on ${server}`).toEqual(this.#of(name))
      await host.ok(['sh', '-c', `echo '${station}' >>${file} && sync`])
      if (name === 'a') await this.#expectDatabase(station)
      this.#stations = [...this.#stations, `${name} ${station}`]
    }
  }

  async waitUntilWhole(...groups: readonly ('a' | 'b')[]): Promise<void> {
    for (const group of groups.length > 0 ? groups : served)
      await until(async () => (await this.staleOf(group)) === null, mirrorMs, `the mirror of ${group} to be whole`)
  }

  async waitUntilStale(server: string, ...groups: readonly ('a' | 'b')[]): Promise<void> {
    for (const group of groups.length > 0 ? groups : served)
      await until(
        async () => (await this.staleOf(group)) === server,
        mirrorMs,
        `the copy of ${group} on ${server} to be stale`,
      )
  }

  /** The server that lacks something; undefined before the mirror is made. */
  async staleOf(group: 'a' | 'b'): Promise<string | null | undefined> {
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

  /** Every station that was committed before is there; then this one is, too. */
  async #expectDatabase(station: string): Promise<void> {
    const ask = async (sql: string): Promise<readonly string[]> => {
      const asked = async () => (await query(this.cluster.lab.client, addressOf.a, sql))?.split('\n')
      return (await until(asked, mirrorMs, `${station}: the database to answer`)).filter(Boolean)
    }
    await ask('create table if not exists audit (number serial, station text primary key)')
    expect(await ask('select station from audit order by number'), `${station}: the table`).toEqual(this.#of('a'))
    await ask(`insert into audit (station) values ('${station}') on conflict do nothing`)
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
