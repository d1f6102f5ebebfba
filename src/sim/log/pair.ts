/** How an agent of a simulated pair reaches the two log servers: the product's own pair code does the rest. */
import type { OpenLogLink, Say } from '../../agents/log/log-link.ts'
import { type PairTransport, pairLogLinkBy, type ReachedSide } from '../../agents/pair/pair-log-link.ts'
import { encodeCommit, type Recorded, voterName } from '../../events/index.ts'
import type { Cancel, World } from '../../world/world.ts'
import type { BeatOracle } from '../beats.ts'
import type { SimulatedProcess } from '../process.ts'
import { SimulatedCopy } from './copy.ts'
import type { ReplicaGroup } from './group.ts'

/** How soon a log server that does not run is started. */
const superviseMs = 500
const reachMs = 150

export type PairParts = {
  readonly group: ReplicaGroup
  readonly process: SimulatedProcess
  readonly oracle: BeatOracle
  /** The agent was told that these stand on the log. */
  readonly told: (recorded: readonly Recorded[]) => void
}

export const simulatedPairLink = (parts: PairParts): OpenLogLink => {
  const open = pairLogLinkBy((world, { peer, say }) => new SimulatedPair(world, parts, { peer: peer.name, say }))
  return (world, options) => {
    const link = open(world, options)
    const { log } = link
    return {
      ...link,
      log: {
        ...log,
        append: async (after, commit) => {
          const result = await log.append(after, commit)
          if (result.result === 'appended') parts.told(recordedAs(after, commit, result.position))
          return result
        },
        follow: (after, reader) =>
          log.follow(after, {
            ...reader,
            commits: (recorded) => {
              parts.told(recorded)
              reader.commits(recorded)
            },
          }),
      },
    }
  }
}

const recordedAs = (
  after: Parameters<ReturnType<OpenLogLink>['log']['append']>[0],
  commit: Recorded['commit'],
  position: Recorded['position'],
): readonly Recorded[] => [{ position, previous: after.hash, commit, bytes: encodeCommit(commit, after.hash) }]

class SimulatedPair implements PairTransport {
  readonly #world: World
  readonly #parts: PairParts
  readonly #own: SimulatedCopy
  readonly #peer: SimulatedCopy
  readonly #say: Say
  #isClosed = false
  #cancel: Cancel = () => {}

  constructor(
    world: World,
    parts: PairParts,
    { peer, say }: { readonly peer: ReachedSide['side']['voter']; readonly say: Say },
  ) {
    const { name } = parts.process.host
    this.#world = world
    this.#parts = parts
    this.#say = say
    this.#own = new SimulatedCopy(world, parts, voterName(name))
    this.#peer = new SimulatedCopy(world, parts, peer)
    this.#supervise()
  }

  readonly reachOwn = (): Promise<ReachedSide | null> => this.#reach(this.#own)
  readonly reachPeer = (): Promise<ReachedSide | null> => this.#reach(this.#peer)

  readonly close = async (): Promise<void> => {
    this.#isClosed = true
    this.#cancel()
  }

  #supervise(): void {
    const { host } = this.#parts.process
    if (this.#isClosed) return
    if (host.find('log-server') === undefined) {
      this.#say('the log server is started', {})
      host.launch(['log-server'], 'log-server')
    }
    this.#cancel = this.#world.clock.after(superviseMs, () => this.#supervise())
  }

  async #reach(copy: SimulatedCopy): Promise<ReachedSide | null> {
    while (!copy.isConnected()) {
      if (this.#isClosed) return null
      await new Promise<void>((resolve) => this.#world.clock.after(reachMs, resolve))
    }
    return { side: copy, publish: copy.publish, subscribe: copy.subscribe }
  }
}
