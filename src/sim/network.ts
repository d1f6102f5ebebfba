/** The networks between hosts: each direction of each pair of each network is a link that may lose, delay, repeat and be cut. */
import type { Scheduler } from './clock.ts'
import type { Chance } from './random.ts'

export type LinkQuality = {
  /** Of datagrams, 0 to 1. TCP repeats what is lost: there it costs time. */
  readonly loss: number
  readonly duplicates: number
  /** ms, one way: uniform between them; a wide range reorders. */
  readonly delay: readonly [least: number, most: number]
}

export const goodLink: LinkQuality = { loss: 0, duplicates: 0, delay: [0.05, 0.4] }

type Link = {
  quality: LinkQuality
  /** Cuts that are in force: several faults may cut the same link. */
  readonly cuts: Set<symbol>
  cutSince: number
  /** TCP keeps the order. */
  lastStream: number
}

/** A connection whose acknowledgements do not come back is given up after this: ping_interval 2s, ping_max 2. */
const streamPatienceMs = 5000
/** What a lost segment costs: the least retransmission time-out of TCP. */
const retransmissionMs = 200
/** A second copy comes this much later at most. */
const duplicateMs = 50

export class SimulatedNetwork {
  readonly #scheduler: Scheduler
  readonly #chance: Chance
  /** By network, sender and receiver: everything that travels asks for its link. */
  readonly #links = new Map<string, Map<string, Map<string, Link>>>()

  constructor(scheduler: Scheduler, chance: Chance) {
    this.#scheduler = scheduler
    this.#chance = chance
  }

  /** Best effort; `arrive` is called for each copy that gets there. */
  datagram(network: string, from: string, to: string, arrive: () => void): void {
    const link = this.#link(network, from, to)
    if (link.cuts.size > 0) return
    const { loss, duplicates, delay } = link.quality
    if (!this.#chance.happens(loss)) this.#scheduler.after(this.#chance.between(...delay), arrive)
    if (this.#chance.happens(duplicates))
      this.#scheduler.after(this.#chance.between(delay[0], delay[1] + duplicateMs), arrive)
  }

  /** Over a TCP connection that is kept: in order, late rather than lost, gone once the connection is. */
  stream(network: string, from: string, to: string, arrive: () => void): void {
    // Within a machine it takes next to no time.
    if (from === to) {
      arrive()
      return
    }
    if (!this.isConnected(network, from, to)) return
    const link = this.#link(network, from, to)
    if (link.cuts.size > 0) return
    link.lastStream = Math.max(link.lastStream, this.#scheduler.now + this.lateness(network, from, to))
    this.#scheduler.at(link.lastStream, arrive)
  }

  /** Whether two hosts have a TCP connection: one that neither has given up yet. */
  isConnected(network: string, one: string, other: string): boolean {
    return one === other || (this.#holds(network, one, other) && this.#holds(network, other, one))
  }

  /** Nothing goes this way. */
  isCut(network: string, from: string, to: string): boolean {
    return from !== to && this.#link(network, from, to).cuts.size > 0
  }

  /** How long a piece of a TCP connection is on this way now, with what is lost and sent again. */
  lateness(network: string, from: string, to: string): number {
    const { loss, delay } = this.#link(network, from, to).quality
    let late = this.#chance.between(...delay)
    while (this.#chance.happens(loss)) late += retransmissionMs
    return late
  }

  quality(network: string, from: string, to: string, quality: LinkQuality): void {
    this.#link(network, from, to).quality = quality
  }

  /** Cuts one direction; answers what mends it. */
  cut(network: string, from: string, to: string): () => void {
    const link = this.#link(network, from, to)
    const cut = Symbol('cut')
    if (link.cuts.size === 0) link.cutSince = this.#scheduler.now
    link.cuts.add(cut)
    return () => link.cuts.delete(cut)
  }

  /** Cuts a host off from the others; `direction` as the host sees it. Answers what mends it. */
  isolate(
    name: string,
    { networks, others }: { readonly networks: readonly string[]; readonly others: readonly string[] },
    direction: 'both' | 'in' | 'out',
  ): () => void {
    const mends = networks.flatMap((network) =>
      others.flatMap((other) => {
        if (other === name) return []
        const out = direction === 'in' ? [] : [this.cut(network, name, other)]
        return direction === 'out' ? out : [...out, this.cut(network, other, name)]
      }),
    )
    return () => {
      for (const mend of mends) mend()
    }
  }

  mendAll(): void {
    for (const senders of this.#links.values())
      for (const receivers of senders.values())
        for (const link of receivers.values()) {
          link.cuts.clear()
          link.quality = goodLink
        }
  }

  #holds(network: string, from: string, to: string): boolean {
    const link = this.#link(network, from, to)
    return link.cuts.size === 0 || this.#scheduler.now - link.cutSince < streamPatienceMs
  }

  #link(network: string, from: string, to: string): Link {
    const receivers = inner(inner(this.#links, network), from)
    const known = receivers.get(to)
    if (known) return known
    const link: Link = { quality: goodLink, cuts: new Set(), cutSince: 0, lastStream: 0 }
    receivers.set(to, link)
    return link
  }
}

const inner = <T>(maps: Map<string, Map<string, T>>, key: string): Map<string, T> => {
  const known = maps.get(key)
  if (known) return known
  const made = new Map<string, T>()
  maps.set(key, made)
  return made
}
