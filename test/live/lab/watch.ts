import type { Host } from './host.ts'
import type { HostProcess } from './host-process.ts'
import { LabTrouble } from './trouble.ts'
import { now, until, within } from './until.ts'
import {
  type Banner,
  type BannerTest,
  gapIn,
  longestSilenceIn,
  type Miss,
  type Overlap,
  overlapsIn,
  type Sample,
} from './watch-record.ts'

const program = new URL('watch.pl', import.meta.url).pathname

/** A hundred questions a second to each address: finer than any outage worth measuring, and hardly any work. */
const defaultIntervalMs = 10

/** Below the first repetition of a lost SYN, which comes after one second, so an answer is never to a repeated one. */
const defaultTimeoutMs = 250

const stopTimeoutMs = 30_000

export type WatchOptions = {
  readonly port: number
  /** The address clients use. */
  readonly address?: string
  /** Each server's own address too: a service that runs on two hosts at once answers on both. */
  readonly addresses?: readonly string[]
  readonly intervalMs?: number
  readonly timeoutMs?: number
}

/** What a client sees of a service, asked every 10 ms by a process of its own in the client's namespace. */
export class Watch {
  readonly samples: Sample[] = []
  readonly misses: Miss[] = []
  #process: HostProcess | null = null

  static async start(client: Host, options: WatchOptions): Promise<Watch> {
    const { port, intervalMs = defaultIntervalMs, timeoutMs = defaultTimeoutMs } = options
    const addresses = new Set([...(options.address ? [options.address] : []), ...(options.addresses ?? [])])
    if (addresses.size === 0) throw new Error('a watch needs an address')
    const watch = new Watch()
    watch.#process = await client.spawn(
      ['perl', program, String(port), String(intervalMs), String(timeoutMs), ...addresses],
      { keepInputOpen: true, onLine: (line) => watch.#record(line) },
    )
    return watch
  }

  /** An answer from now on that the test likes; what was answered before the call does not count. */
  async waitForBanner(isWanted: BannerTest, timeoutMs: number): Promise<Sample> {
    const asked = now()
    return until(
      () => {
        if (!this.#process?.isRunning()) throw new LabTrouble('the watch has ended')
        return this.samples.findLast(({ sentAt, banner }) => sentAt >= asked && isWanted(banner))
      },
      timeoutMs,
      `a banner that passes ${isWanted}`,
    )
  }

  /** The last answer, whenever it came. */
  get last(): Banner | null {
    return this.samples.at(-1)?.banner ?? null
  }

  /** Last answer of `from` to the first of `to` after it, in ms; fails when either never answered. */
  gap(from: string | BannerTest, to: string | BannerTest): number {
    const gap = gapIn(this.samples, testOf(from), testOf(to))
    if (gap === null) throw new LabTrouble('no gap to measure: one of the two never answered')
    return gap
  }

  longestSilence(): number {
    return longestSilenceIn(this.samples)
  }

  /** Every two instances that provably lived at once; see `overlapsIn`. */
  overlaps(): Overlap[] {
    return overlapsIn(this.samples)
  }

  /** Ends the asking; settles once every sample is in. */
  async stop(): Promise<void> {
    const asking = this.#process
    this.#process = null
    if (asking === null) return
    asking.endInput()
    const { code } = await within(stopTimeoutMs, 'the watch to end', asking.exited)
    if (code !== 0) throw new LabTrouble(`the watch had failed: ${await asking.log()}`)
  }

  #record(line: string): void {
    const [kind, sentAt, at, address = '', ...rest] = line.split(' ')
    const when = { sentAt: Number(sentAt), at: Number(at), address }
    const [host = '', instance = ''] = rest
    if (kind === 'ok') this.samples.push({ ...when, banner: { host, instance } })
    else this.misses.push({ ...when, reason: rest.join(' ') })
  }
}

const testOf = (who: string | BannerTest): BannerTest =>
  typeof who === 'string' ? (banner) => banner.host === who : who
