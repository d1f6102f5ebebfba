/** What stands around a simulated cluster: addresses that answer pings, web servers, controllers, each on one of its networks. */
import type { Configuration } from '../events/index.ts'
import { NetworkTrouble } from '../world/network-trouble.ts'
import type { HttpClient, Network } from '../world/world.ts'
import { absentNics } from './absent.ts'
import type { SimulatedNetwork } from './network.ts'
import type { SimulatedProcess } from './process.ts'
import { WebWitness, type WebWitnessParts } from './web-witness.ts'

/** Where it stands: a host of the simulated network that is no machine of the cluster. */
type Target = { readonly name: string; readonly network: string }

export type OutsideParts = WebWitnessParts & {
  readonly now: () => number
  /** A target answered what that server had asked then. */
  readonly answered: (server: string, askedAt: number) => void
  /**
   * Of two servers that do not reach each other a target answers only the one that it answered last, for so long after
   * that: who comes back is not let in before the other has noticed that it is out. Null: whoever asks.
   */
  readonly pauseMs: number | null
  /** Who has lost its way to the target holds it no more; but it is not let in again before the other has noticed, too. */
  readonly isPrompt: boolean
}

export class Outside {
  readonly #network: SimulatedNetwork
  readonly #parts: OutsideParts
  /** By server. */
  readonly #answeredAt = new Map<string, number>()
  /** When one of two servers was let in at once, in place of the other. */
  #handedOverAt = Number.NEGATIVE_INFINITY
  readonly #targets: ReadonlyMap<string, Target>
  readonly #npTargets: readonly string[]
  readonly witness: WebWitness
  /** Those that answer nobody. */
  readonly dead = new Set<string>()

  constructor(configuration: Configuration, parts: OutsideParts) {
    this.#network = parts.network
    this.#parts = parts
    const { ping, http } = configuration.npResolution
    const pinged = [...(ping?.targets ?? []), ...(ping?.groups ?? []).flat()]
    const asked = (http?.urls ?? []).map((url) => new URL(url).host)
    this.#npTargets = [...new Set([...pinged, ...asked])]
    this.witness = new WebWitness(configuration, parts)
    const witness = this.witness.name
    const controllers = configuration.servers.flatMap(({ bmc }) => (bmc === undefined ? [] : [bmc.address]))
    this.#targets = new Map(
      [...new Set([...this.#npTargets, ...(witness === null ? [] : [witness]), ...controllers])].map((name) => [
        name,
        { name, network: nearestNetwork(configuration, name) },
      ]),
    )
  }

  get names(): readonly string[] {
    return [...this.#targets.keys()]
  }
  /** Those that NP resolution asks. */
  get npTargets(): readonly string[] {
    return this.#npTargets
  }
  mend(): void {
    this.dead.clear()
    this.witness.delayMs = 0
  }
  networkOf(name: string): string | undefined {
    return this.#targets.get(name)?.network
  }

  network(process: SimulatedProcess): Network {
    return {
      ...absentNics,
      answering: async (addresses, timeoutMs) => {
        const answers = await Promise.all(addresses.map((address) => this.#asked(process, address, timeoutMs)))
        return addresses.filter((_, at) => answers[at])
      },
    }
  }

  http(process: SimulatedProcess): HttpClient {
    return {
      ask: async (question) => {
        const { url, timeoutMs, body } = question
        const name = new URL(url).host
        const target = this.#targets.get(name)
        if (body !== undefined && target !== undefined && name === this.witness.name)
          return await this.witness.ask(process, question, target.network, () => this.dead.has(name))
        if (!(await this.#asked(process, name, timeoutMs))) throw new NetworkTrouble('nobody answers')
        return { status: 200, body: new Uint8Array() }
      },
    }
  }

  /** There and back. */
  #asked(process: SimulatedProcess, name: string, timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const cancel = process.after(timeoutMs, () => resolve(false))
      const target = this.#targets.get(name)
      if (target === undefined || this.dead.has(name)) return
      const { host } = process
      const askedAt = this.#parts.now()
      this.#network.datagram(target.network, host.name, name, () => {
        if (this.dead.has(name) || !this.#isLetIn(host.name, target)) return
        this.#network.datagram(target.network, name, host.name, () =>
          process.enter(() => {
            cancel()
            this.#answeredAt.set(host.name, this.#parts.now())
            this.#parts.answered(host.name, askedAt)
            resolve(true)
          }),
        )
      })
    })
  }

  #isLetIn(server: string, target: Target): boolean {
    return [...this.#answeredAt.keys()].every((other) => other === server || this.#isLetInBeside(other, server, target))
  }

  #isLetInBeside(other: string, server: string, { name, network }: Target): boolean {
    const { pauseMs, isPrompt, now } = this.#parts
    const isCut = (one: string, another: string) =>
      this.#network.isCut(network, one, another) || this.#network.isCut(network, another, one)
    if (pauseMs === null || !isCut(server, other)) return true
    const since = (one: string) => now() - (this.#answeredAt.get(one) ?? Number.NEGATIVE_INFINITY)
    if (since(other) > pauseMs) return true
    if (!isPrompt || this.#isHeldBy(server, other)) return since(server) <= pauseMs
    const isFree = isCut(other, name) && now() - this.#handedOverAt > 2 * pauseMs
    if (isFree) this.#handedOverAt = now()
    return isFree
  }

  #isHeldBy(server: string, other: string): boolean {
    const at = (one: string) => this.#answeredAt.get(one) ?? Number.NEGATIVE_INFINITY
    return at(server) > at(other)
  }
}

/** The network whose addresses begin most alike: nobody says it in so many words. */
const nearestNetwork = ({ servers }: Configuration, name: string): string => {
  const addresses = Object.entries(servers[0]?.addresses ?? {})
  const alike = (address: string): number => {
    let length = 0
    while (length < name.length && address[length] === name[length]) length += 1
    return length
  }
  const [first] = addresses.toSorted(([, a], [, b]) => alike(b) - alike(a))
  return first?.[0] ?? ''
}
