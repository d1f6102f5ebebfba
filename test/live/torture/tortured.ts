/** A cluster to be tortured: each server's state on a disk of its own, wall clocks that can jump, a register to write to. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Cluster, createCluster } from '../cluster/cluster.ts'
import { calm, floating, portOf, quick, webGroup } from '../cluster/configuration.ts'
import { ServiceWatch } from '../cluster/service-watch.ts'
import type { Role } from '../cluster/voter-processes.ts'
import { pidsOf } from '../cluster/voter-processes.ts'
import type { Host } from '../lab/host.ts'
import type { IpmiSim } from '../lab/ipmi-sim.ts'
import { createLab } from '../lab/lab.ts'
import { giveStateDisks, resumeStateDisk, stallStateDisk } from '../lab/state-disks.ts'
import { controllersHost, fencingOf, startControllers } from './controllers.ts'
import { RegisterClient, registerResource } from './register.ts'

const registers = 1_000_000

export type TortureOptions = {
  readonly servers: 2 | 3
  readonly timing: 'quick' | 'calm'
  /** Path of libfaketime; null = wall clocks stay as they are. */
  readonly clockLibrary: string | null
  /** Lost servers are switched off by their management controllers, so that whole machines may stand still. */
  readonly isFenced: boolean
}

export class Tortured {
  readonly cluster: Cluster
  readonly registerFile: string
  readonly timeoutMs: number
  readonly canJump: boolean
  readonly isFenced: boolean
  #controllers: ReadonlyMap<string, IpmiSim> = new Map()
  readonly #frozen = new Set<string>()
  readonly #stalled = new Set<string>()
  readonly #stopped = new Map<string, readonly number[]>()
  readonly #turns = new Map<string, Promise<void>>()
  #watch: ServiceWatch | null = null
  #runs = 0

  private constructor(cluster: Cluster, registerFile: string, options: TortureOptions) {
    this.cluster = cluster
    this.registerFile = registerFile
    this.timeoutMs = options.timing === 'quick' ? 1000 : 3000
    this.canJump = options.clockLibrary !== null
    this.isFenced = options.isFenced
  }

  static async create(options: TortureOptions): Promise<Tortured> {
    const names = Array.from({ length: options.servers }, (_, index) => `s${index + 1}`)
    const voters = options.servers === 2 ? [...names, 'w'] : names
    const others = options.isFenced ? [controllersHost] : []
    const lab = await createLab({ hosts: [...voters, ...others], prepare: giveStateDisks })
    const registerFile = join(lab.directory, 'register')
    const clockFile = join(lab.directory, 'clock')
    await writeFile(clockFile, '+0')
    const web = webGroup() as { readonly resources: Readonly<Record<string, unknown>> }
    const resources = { ...web.resources, register: registerResource(registerFile, ['web-address']) }
    const cluster = await createCluster(lab, {
      servers: options.servers,
      timing: options.timing === 'quick' ? quick : calm,
      groups: { web: { ...web, resources } },
      more: options.isFenced ? fencingOf(names) : {},
      environment: options.clockLibrary === null ? {} : clockEnvironment(options.clockLibrary, clockFile),
    })
    const tortured = new Tortured(cluster, registerFile, options)
    if (options.isFenced)
      tortured.#controllers = await startControllers(lab, names, (server) => tortured.powerOff(server))
    await cluster.start()
    return tortured
  }

  host(name: string): Host {
    return this.cluster.host(name)
  }

  /** A watch from everywhere, and a client that writes; both of one trial. */
  async observe(): Promise<{ readonly watch: ServiceWatch; readonly register: RegisterClient }> {
    const { lab, servers } = this.cluster
    const on = servers.map((name) => this.host(name)).filter(({ isOn }) => isOn)
    const watch = await ServiceWatch.start(lab, { address: floating, port: portOf(floating), servers: on })
    this.#watch = watch
    this.#runs += 1
    return { watch, register: new RegisterClient(lab.client, floating, this.#runs * registers) }
  }

  powerOff(voter: string): Promise<void> {
    return this.#inTurn(voter, () => this.#powerOff(voter))
  }

  powerOn(voter: string): Promise<void> {
    return this.#inTurn(voter, () => this.#powerOn(voter))
  }

  /** A fault and a fence may want to switch the same machine at once. */
  #inTurn(voter: string, run: () => Promise<void>): Promise<void> {
    const turn = (this.#turns.get(voter) ?? Promise.resolve()).then(run)
    this.#turns.set(
      voter,
      turn.catch(() => undefined),
    )
    return turn
  }

  async #powerOff(voter: string): Promise<void> {
    const host = this.host(voter)
    if (!host.isOn) return
    // A process that waits for a disk cannot be killed, in a lab: its disk comes back first.
    await this.resumeDisk(voter)
    this.#frozen.delete(voter)
    for (const key of this.#stopped.keys()) if (key.startsWith(`${voter} `)) this.#stopped.delete(key)
    await host.powerOff()
  }

  async #powerOn(voter: string): Promise<void> {
    const host = this.host(voter)
    if (host.isOn) return
    await this.#controllers.get(voter)?.setPower(true)
    await host.powerOn()
    if (this.cluster.servers.includes(voter)) await this.#watch?.watchOn(host)
    await this.cluster.startAgent(voter)
  }

  async freeze(voter: string): Promise<void> {
    if (!this.host(voter).isOn) return
    this.#frozen.add(voter)
    await this.host(voter).freeze()
  }

  async thaw(voter: string): Promise<void> {
    if (this.#frozen.delete(voter) && this.host(voter).isOn) await this.host(voter).thaw()
  }

  /** Stops the processes of one role where they stand. */
  async stopRole(voter: string, role: Role): Promise<void> {
    if (!this.host(voter).isOn) return
    const pids = await pidsOf(this.host(voter), role)
    this.#stopped.set(`${voter} ${role}`, pids)
    for (const pid of pids) signal(pid, 'SIGSTOP')
  }

  async continueRole(voter: string, role: Role): Promise<void> {
    for (const pid of this.#stopped.get(`${voter} ${role}`) ?? []) signal(pid, 'SIGCONT')
    this.#stopped.delete(`${voter} ${role}`)
  }

  async killRole(voter: string, role: Role): Promise<void> {
    if (!this.host(voter).isOn) return
    for (const pid of await pidsOf(this.host(voter), role)) signal(pid, 'SIGKILL')
  }

  /** Nothing that the host writes reaches its disk, nor comes back from it, until resumed. */
  async stallDisk(voter: string): Promise<void> {
    if (this.#stalled.has(voter)) return
    this.#stalled.add(voter)
    await stallStateDisk(this.host(voter))
  }

  async resumeDisk(voter: string): Promise<void> {
    if (this.#stalled.delete(voter)) await resumeStateDisk(this.host(voter))
  }

  /** Every wall clock of the cluster, and nothing but those. */
  async setClocks(offsetS: number): Promise<void> {
    await writeFile(join(this.cluster.lab.directory, 'clock'), `${offsetS < 0 ? '' : '+'}${offsetS}`)
  }

  isEverybodyOn(): boolean {
    return this.cluster.voters.every((voter) => this.host(voter).isOn)
  }

  /** Everything is as it should be again, but for what the cluster has to do itself. */
  async heal(): Promise<void> {
    await this.cluster.lab.heal()
    for (const voter of this.cluster.voters) {
      await this.resumeDisk(voter)
      await this.thaw(voter)
    }
    for (const key of [...this.#stopped.keys()]) {
      const [voter = '', ...role] = key.split(' ')
      await this.continueRole(voter, role.join(' ') as Role)
    }
    await Promise.all(this.cluster.voters.map((voter) => this.powerOn(voter)))
    // A witness, and an agent whose guardian died with it, has nobody on a lab's host to start it again.
    for (const voter of this.cluster.voters) {
      const roles: readonly Role[] = this.cluster.servers.includes(voter) ? ['agent', 'guardian'] : ['witness']
      const running = await Promise.all(roles.map((role) => pidsOf(this.host(voter), role)))
      if (running.every((pids) => pids.length === 0)) await this.cluster.startAgent(voter)
    }
  }

  async destroy(): Promise<void> {
    for (const voter of this.cluster.voters) await this.resumeDisk(voter).catch(() => undefined)
    await this.cluster.lab.destroy()
  }
}

/** Node's monotonic clock is left alone: what jumps is what `date` says. */
const clockEnvironment = (library: string, file: string): Readonly<Record<string, string>> => ({
  LD_PRELOAD: library,
  FAKETIME_TIMESTAMP_FILE: file,
  FAKETIME_NO_CACHE: '1',
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
  DONT_FAKE_MONOTONIC: '1',
  FAKETIME_DISABLE_SHM: '1',
})

const signal = (pid: number, name: NodeJS.Signals): void => {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended meanwhile.
  }
}
