import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type RunOptions, type RunResult, runIn } from './host-command.ts'
import { HostInit } from './host-init.ts'
import { type HostProcess, type SpawnOptions, spawnIn } from './host-process.ts'
import type { LabShell } from './lab-shell.ts'
import { carrierScript, linksOf, type NetworkName, type Place, plugScript, unplugScript } from './network.ts'
import { LabTrouble } from './trouble.ts'

const probe = new URL('probe.pl', import.meta.url).pathname

const defaultProbeMs = 500

/**
 * One computer: its own network, processes, mounts, name and shared memory. `/run` and `/dev/shm` are new at each
 * power-on; `/var/lib/baton` is its disk and stays; everything else, `/tmp` and `/dev` too, is the machine's.
 *
 * Two things differ from a real computer. What was written and not yet flushed survives a power-off, since the
 * machine's page cache does. And while processes are frozen the kernel still answers ping and takes connections.
 */
export class Host {
  readonly name: string
  /** By network; empty where the host is not on it. */
  readonly address: Readonly<Record<NetworkName, string>>
  readonly address6: Readonly<Record<NetworkName, string>>
  readonly mac: Readonly<Record<NetworkName, string>>
  /** What the host sees as `/var/lib/baton`, as the harness sees it. */
  readonly stateDirectory: string
  readonly #place: Place
  readonly #shell: LabShell
  readonly #logDirectory: string
  #init: HostInit | null = null
  #logs = 0

  constructor(place: Place, shell: LabShell, directory: string) {
    const { interconnect, public: front } = place.links
    this.name = place.name
    this.address = { interconnect: interconnect?.address ?? '', public: front?.address ?? '' }
    this.address6 = { interconnect: interconnect?.address6 ?? '', public: front?.address6 ?? '' }
    this.mac = { interconnect: interconnect?.mac ?? '', public: front?.mac ?? '' }
    this.stateDirectory = join(directory, `${place.name}.state`)
    this.#logDirectory = directory
    this.#place = place
    this.#shell = shell
  }

  get place(): Place {
    return this.#place
  }

  get isOn(): boolean {
    return this.#init !== null
  }

  /** New namespaces, new cables with the old MACs, an empty `/run`, the old state directory. Starts no service. */
  async powerOn(): Promise<void> {
    if (this.#init !== null) throw new LabTrouble(`${this.name} is on already`)
    await mkdir(this.stateDirectory, { recursive: true })
    this.#init = await HostInit.start(this.name, this.stateDirectory)
    await this.#shell.execute(plugScript(this.#place, this.#init.pid))
  }

  /**
   * Silence first, then death. A dead host's kernel would go on answering for its addresses, and reset connections
   * that a vanished computer leaves hanging; so both links go down before its processes are killed.
   */
  async powerOff(): Promise<void> {
    const init = this.#running()
    const ports = linksOf(this.#place).map(({ port }) => port)
    await this.#shell.execute(carrierScript(ports, 'down'))
    this.#init = null
    init.kill()
    await init.exited
    await this.#shell.execute(unplugScript(this.#place))
  }

  /** SIGSTOP for every process of the host at once. What `run` starts afterwards runs. */
  async freeze(): Promise<void> {
    await this.#running().signalAll('stop')
  }

  async thaw(): Promise<void> {
    await this.#running().signalAll('continue')
  }

  /** Runs a command to its end. A code other than 0 is an answer, not a failure. */
  async run(command: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return runIn(this.#running().pid, command, options)
  }

  /** Like `run`, but a code other than 0 fails with what was printed. Returns standard output. */
  async ok(command: readonly string[], options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(command, options)
    if (code !== 0) throw new LabTrouble(`${command.join(' ')} ended with ${code} on ${this.name}: ${stderr}${stdout}`)
    return stdout
  }

  /** Starts a long-lived process. Settles once the command itself runs; it ends with the host at the latest. */
  async spawn(command: readonly string[], options: SpawnOptions = {}): Promise<HostProcess> {
    const logFile = options.logFile ?? join(this.#logDirectory, `${this.name}.${++this.#logs}.log`)
    return spawnIn(this.#running().pid, command, { ...options, logFile })
  }

  /** The round trip in milliseconds, or null when no answer came in time. IPv4 or IPv6. */
  async ping(address: string, timeoutMs = defaultProbeMs): Promise<number | null> {
    const { code, stdout } = await this.run(['perl', probe, 'ping', address, String(timeoutMs)])
    return code === 0 ? Number(stdout) : null
  }

  /** The MACs that claim an IPv4 address on a network, as this host sees them. Ends at `count` or when time is up. */
  async whoHas(
    address: string,
    { network = 'public', timeoutMs = defaultProbeMs, count = 1 }: WhoHasOptions = {},
  ): Promise<string[]> {
    const question = [this.#interface(network), address, String(timeoutMs), String(count)]
    const { stdout } = await this.run(['perl', probe, 'arp', ...question])
    return stdout.split('\n').filter((line) => line !== '')
  }

  /** Puts an IPv4 address on this host's interface and tells the network, as a resource agent would. */
  async addAddress(address: string, network: NetworkName = 'public'): Promise<void> {
    await this.ok(['ip', 'addr', 'add', `${address}/24`, 'dev', this.#interface(network)])
    await this.ok(['perl', probe, 'announce', this.#interface(network), address])
  }

  async removeAddress(address: string, network: NetworkName = 'public'): Promise<void> {
    await this.ok(['ip', 'addr', 'del', `${address}/24`, 'dev', this.#interface(network)])
  }

  /** Kills without waiting, for when nothing may be awaited any more. */
  abandon(): void {
    this.#init?.kill()
  }

  /** Kills every process of the host and waits for the last one. */
  async end(): Promise<void> {
    const init = this.#init
    this.#init = null
    init?.kill()
    await init?.exited
  }

  #running(): HostInit {
    if (this.#init === null) throw new LabTrouble(`${this.name} is off`)
    return this.#init
  }

  #interface(network: NetworkName): string {
    const link = this.#place.links[network]
    if (link === undefined) throw new LabTrouble(`${this.name} is not on the ${network} network`)
    return link.interface
  }
}

export type WhoHasOptions = {
  readonly network?: NetworkName
  readonly timeoutMs?: number
  readonly count?: number
}
