/** Everything an agent does about partitions of the network: gathers evidence, resolves it, acts when it has lost. */
import type { LossFacts } from '../../decisions/lose-partition.ts'
import type { Evidence, Resolution } from '../../decisions/resolve-partition.ts'
import { type Configuration, type Event, type Instant, instant, type ServerName } from '../../events/index.ts'
import { isToStop, serverOf } from '../../projections/servers.ts'
import type { State } from '../../projections/state.ts'
import type { World } from '../../world/world.ts'
import { type BmcState, bmcWatch } from '../heartbeats/bmc.ts'
import type { Say } from '../log/log-link.ts'
import type { Voter } from '../voter/voter.ts'
import { heardNow } from './heard-now.ts'
import { lossWatch } from './loss-watch.ts'
import { npWatch } from './np-watch.ts'

export type PartitionWatchParts = {
  readonly me: ServerName
  readonly voter: Voter
  readonly configuration: () => Configuration | null
  readonly ping: (targets: readonly string[], timeoutMs: number) => Promise<readonly string[]>
  /** Puts it on the log, as soon as that can be written. */
  readonly note: (event: Event) => void
  readonly say: Say
  readonly changed: () => void
}

export type PartitionWatch = {
  /** What NP resolution says of this side now. */
  readonly resolution: () => Resolution
  /** For how long it has said the same. */
  readonly verdictMs: () => number
  /** Asks whom the configuration names by now; N5: does what is to be done by a server that has lost. */
  readonly consider: (state: State, facts: Pick<LossFacts, 'leaseLostMs' | 'isAllOff'>) => void
  /** What the management controllers of the other servers say; for people. */
  readonly controllers: () => readonly BmcState[]
  readonly stop: () => void
}

export const partitionWatch = (world: World, parts: PartitionWatchParts): PartitionWatch => {
  const { me, voter, configuration } = parts
  const bmcs = bmcWatch(world, parts)
  const np = npWatch(world, {
    ...parts,
    configuration: () => configuration()?.npResolution ?? null,
    heard: () => {
      const { asOf, ...heard } = heardNow(voter, world.clock.now())
      const { bmc, at } = controllersOf(bmcs.all())
      return { ...heard, bmc, asOf: { ...asOf, bmc: at } }
    },
  })
  const loss = lossWatch(world, { ...parts, np })
  return {
    resolution: np.resolution,
    verdictMs: np.verdictMs,
    consider: ({ cluster, servers }, facts) => {
      np.look()
      bmcs.look()
      const known = serverOf(servers, me)
      const isExempt = isToStop(known) || known.status === 'left' || cluster.suspended || cluster.stopped
      loss.look({ ...facts, isExempt })
    },
    controllers: bmcs.all,
    stop: () => {
      np.stop()
      bmcs.stop()
    },
  }
}

const controllersOf = (all: readonly BmcState[]): Required<Pick<Evidence, 'bmc'>> & { readonly at: Instant | null } => {
  const answering = all.flatMap(({ isPresent, at }) => (isPresent === true ? [at] : []))
  if (answering.length > 0) return { bmc: 'answers', at: instant(Math.max(...answering)) }
  return { bmc: all.some(({ isPresent }) => isPresent === false) ? 'silent' : 'unknown', at: null }
}
