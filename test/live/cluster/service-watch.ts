/**
 * Watches a service from everywhere at once: the client asks its floating address and every server's own, and on each
 * server a watch of its own asks the machine itself, so that an instance on a server that is cut off shows too.
 */
import type { Host } from '../lab/host.ts'
import type { Lab } from '../lab/lab.ts'
import { now, until } from '../lab/until.ts'
import { Watch } from '../lab/watch.ts'
import { type BannerTest, gapIn, longestSilenceIn, type Overlap, overlapsIn, type Sample } from '../lab/watch-record.ts'

/** On the servers themselves: they have other work to do. */
const localIntervalMs = 20

export type ServiceWatchOptions = { readonly address: string; readonly port: number; readonly servers: readonly Host[] }

export class ServiceWatch {
  /** What clients see. */
  readonly client: Watch
  readonly #address: string
  readonly #port: number
  readonly #local: Watch[] = []

  private constructor(client: Watch, { address, port }: ServiceWatchOptions) {
    this.client = client
    this.#address = address
    this.#port = port
  }

  static async start(lab: Lab, options: ServiceWatchOptions): Promise<ServiceWatch> {
    const { address, port, servers } = options
    const addresses = servers.map((server) => server.address.public)
    const watch = new ServiceWatch(await lab.client.watch({ address, addresses, port }), options)
    for (const server of servers) await watch.watchOn(server)
    return watch
  }

  /** From the server itself; again after each power-on. */
  async watchOn(server: Host): Promise<void> {
    const addresses = [server.address.public]
    this.#local.push(await Watch.start(server, { addresses, port: this.#port, intervalMs: localIntervalMs }))
  }

  /** An answer on the floating address, asked from now on. */
  async waitFor(who: string | BannerTest, timeoutMs: number): Promise<Sample> {
    const asked = now()
    const test: BannerTest = typeof who === 'string' ? ({ host }) => host === who : who
    const found = () => this.atFloating.findLast(({ sentAt, banner }) => sentAt >= asked && test(banner))
    return await until(found, timeoutMs, `an answer on ${this.#address} of ${who}`)
  }

  /** What clients were answered on the floating address. */
  get atFloating(): readonly Sample[] {
    return this.client.samples.filter(({ address }) => address === this.#address)
  }

  /** Of clients: last answer of the one to the first of the other, in ms. */
  gap(from: string, to: string): number | null {
    return gapIn(
      this.atFloating,
      ({ host }) => host === from,
      ({ host }) => host === to,
    )
  }

  longestSilence(): number {
    return longestSilenceIn(this.atFloating)
  }

  /** Every life of the service that ever answered, in order. */
  lives(): readonly string[] {
    return [...new Set(this.#all().map(({ banner }) => `${banner.host} ${banner.instance}`))]
  }

  /** Two instances that lived at once, seen from anywhere. */
  overlaps(): readonly Overlap[] {
    return overlapsIn(this.#all())
  }

  /** A watch whose computer was powered off meanwhile has ended with it. */
  async stop(): Promise<void> {
    await this.client.stop()
    await Promise.allSettled(this.#local.map((watch) => watch.stop()))
  }

  #all(): readonly Sample[] {
    return [this.client, ...this.#local].flatMap(({ samples }) => samples).sort((a, b) => a.at - b.at)
  }
}
