import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { appendFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from './until.ts'

/** A terminal is there at once; the machine may be busy. */
const plugMs = 10_000

/** Two pseudo-terminals joined by socat: a cross cable whose ends are device names, on every host of a lab. */
export class SerialCable {
  readonly #directory: string
  #socat: ChildProcess | null = null

  private constructor(directory: string) {
    this.#directory = directory
  }

  static async create(): Promise<SerialCable> {
    const cable = new SerialCable(await mkdtemp(join(tmpdir(), 'baton-cable-')))
    await cable.plug()
    return cable
  }

  /** The device of one end: the same name after the cable was pulled and put back. */
  end(which: 0 | 1): string {
    return join(this.#directory, `end-${which}`)
  }

  async plug(): Promise<void> {
    await this.#join(([0, 1] as const).map((which) => this.#terminal(which)))
  }

  /** One wire is broken: only what is written at this end arrives. What the other one writes vanishes without an error. */
  async halve(from: 0 | 1): Promise<void> {
    await this.unplug()
    const to = from === 0 ? 1 : 0
    await this.#join([`${this.#terminal(from)}!!open:/dev/null,wronly`, this.#terminal(to)])
  }

  #terminal(which: 0 | 1): string {
    return `pty,raw,echo=0,link=${this.end(which)}`
  }

  async #join(ends: readonly string[]): Promise<void> {
    // It ends with the harness, however that ends.
    this.#socat = spawn('setpriv', ['--pdeathsig', 'KILL', 'socat', ...ends], { stdio: 'ignore' })
    await until(() => existsSync(this.end(0)) && existsSync(this.end(1)), plugMs, 'the serial cable')
  }

  /** Both servers see their line end. */
  async unplug(): Promise<void> {
    const socat = this.#socat
    this.#socat = null
    if (socat === null || socat.exitCode !== null || socat.signalCode !== null) return
    const gone = once(socat, 'exit')
    socat.kill('SIGTERM')
    await gone
    for (const which of [0, 1] as const) await rm(this.end(which), { force: true })
  }

  /** What noise on the line, or another program at this end, makes arrive at the other end. */
  async disturb(from: 0 | 1, bytes: Uint8Array): Promise<void> {
    await appendFile(this.end(from), bytes)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.unplug()
    await rm(this.#directory, { recursive: true, force: true })
  }
}
