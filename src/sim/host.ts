/** A simulated machine: power, clocks, disk and processes. Power off = processes and RAM gone, and what was not synced. */

import type { Scheduler } from './clock.ts'
import { Disk } from './disk.ts'
import { SimulatedProcess } from './process.ts'
import type { Chance } from './random.ts'
import { digested } from './random.ts'

/** What a process is started as: by a program's name and its arguments. */
export type StartProgram = (process: SimulatedProcess, argv: readonly string[]) => void

export type HostOptions = {
  readonly name: string
  /** By network. */
  readonly addresses: Readonly<Record<string, string>>
  /** Rate of its clocks against true time. */
  readonly clockRate: number
  readonly scheduler: Scheduler
  readonly chance: Chance
  readonly start: StartProgram
  readonly wrote: (path: string, content: string) => void
}

/** Wall clocks begin here: 2026-11-20T16:00Z. */
const wallStart = 1_795_190_400_000
/** Pids begin anew with each boot, as on a machine. */
const firstPid = 100

export class SimulatedHost {
  readonly name: string
  readonly addresses: Readonly<Record<string, string>>
  readonly scheduler: Scheduler
  readonly chance: Chance
  readonly disk: Disk
  readonly processes = new Map<number, SimulatedProcess>()
  /** Of this boot: what drivers leave in the kernel, sockets by path. Gone with the power. */
  ram = new Map<string, unknown>()
  isOn = false
  isFrozen = false
  /** The last time that it did and went on: how, and until when. */
  stoodStill: { readonly how: 'frozen' | 'suspended'; readonly until: number } | null = null
  boots = 0
  /** Added to its wall clock: nothing may be decided by that one. */
  wallError = 0
  /** Called when the power goes, before processes are gone. */
  readonly onPowerLoss: (() => void)[] = []
  readonly #start: StartProgram
  readonly #rate: number
  #bootedAt = 0
  #uptimeBefore = 0
  #suspendedMs = 0
  #suspendedAt: number | null = null
  #nextPid = firstPid

  constructor({ name, addresses, clockRate, scheduler, chance, start, wrote }: HostOptions) {
    this.name = name
    this.addresses = addresses
    this.scheduler = scheduler
    this.chance = chance
    this.#rate = clockRate
    this.#start = start
    this.disk = new Disk(scheduler, chance.split('disk'), wrote)
  }

  get bootId(): string {
    return `${this.name}-boot-${this.boots}`
  }
  get rate(): number {
    return this.#rate
  }
  get isSuspended(): boolean {
    return this.#suspendedAt !== null
  }
  /** Nothing of it moves. */
  get standsStill(): boolean {
    return !this.isOn || this.isFrozen || this.isSuspended
  }

  /** CLOCK_BOOTTIME in ms of this host. */
  sinceBoot(): number {
    return this.#uptimeBefore + (this.scheduler.now - this.#bootedAt) * this.#rate
  }

  /** CLOCK_MONOTONIC in ms of this host. */
  monotonic(): number {
    const now = this.#suspendedAt === null ? 0 : this.scheduler.now - this.#suspendedAt
    return this.sinceBoot() - (this.#suspendedMs + now) * this.#rate
  }

  wall(): number {
    return Math.max(1, Math.round(wallStart + this.scheduler.now + this.wallError))
  }

  powerOn(): void {
    if (this.isOn) return
    this.isOn = true
    this.isFrozen = false
    this.stoodStill = null
    this.boots += 1
    this.#bootedAt = this.scheduler.now
    this.#uptimeBefore = 1000 + (digested(this.boots, this.name) % 5000)
    this.#suspendedMs = 0
    this.#suspendedAt = null
    this.#nextPid = firstPid
    this.ram = new Map()
  }

  powerOff(): void {
    if (!this.isOn) return
    for (const lost of this.onPowerLoss) lost()
    this.isOn = false
    this.isFrozen = false
    this.#suspendedAt = null
    for (const process of [...this.processes.values()]) process.vanish()
    this.processes.clear()
    this.ram = new Map()
    this.disk.powerLost()
  }

  /** Everything stands still and clocks go on: a hung kernel, a VM that its hypervisor does not schedule. */
  freeze(): void {
    if (this.isOn) this.isFrozen = true
  }
  thaw(): void {
    if (!this.isFrozen) return
    this.isFrozen = false
    this.stoodStill = { how: 'frozen', until: this.scheduler.now }
    for (const process of this.processes.values()) process.wake()
  }

  /** Everything stands still, CLOCK_MONOTONIC too. */
  suspend(): void {
    if (this.isOn && this.#suspendedAt === null) this.#suspendedAt = this.scheduler.now
  }
  resume(): void {
    if (this.#suspendedAt === null) return
    this.#suspendedMs += this.scheduler.now - this.#suspendedAt
    this.#suspendedAt = null
    this.stoodStill = { how: 'suspended', until: this.scheduler.now }
    for (const process of this.processes.values()) process.wake()
  }

  /** Starts a process; its program begins in a turn of its own. */
  launch(argv: readonly string[], tag: string): SimulatedProcess {
    this.#nextPid += 1
    const pid = this.#nextPid
    const process = new SimulatedProcess(this, { pid, startTicks: Math.floor(this.sinceBoot() / 10) }, tag)
    this.processes.set(pid, process)
    this.scheduler.after(this.chance.between(1, 5), () => process.enter(() => this.#start(process, argv)))
    return process
  }

  find(tag: string): SimulatedProcess | undefined {
    return [...this.processes.values()].find((process) => process.tag === tag)
  }
}
