/** The part of a server's agent that fences others, watches the devices for it, and ends its own machine when ordered to. */
import type { Facts } from '../../decisions/decision.ts'
import type { Instant, ServerName } from '../../events/index.ts'
import type { PendingFence } from '../../projections/fencing.ts'
import type { State } from '../../projections/state.ts'
import type { World } from '../../world/world.ts'
import type { Recorder } from '../log/recorder.ts'
import { deviceWatch } from './device-watch.ts'
import { fencer } from './fence.ts'
import { FenceKeeper } from './fence-keeper.ts'
import { type FinalActionParts, finalActionRunner } from './final-action.ts'

export type FencingAgentParts = {
  readonly me: ServerName
  readonly recorder: Recorder
  readonly facts: () => Facts
  readonly store: FinalActionParts['store']
  readonly voter: { readonly hasLease: () => boolean }
  /** Whether this server comes first among those that are heard. */
  readonly isFirst: () => boolean
  /** Where scripts of the configuration are kept while they run. */
  readonly monitors: { readonly logDirectory: string }
  readonly say: (what: string, fields: Readonly<Record<string, unknown>>) => void
  readonly wake: () => void
}

export type FencingAgent = {
  /** Starts what is due. */
  readonly tend: (state: State) => void
  /** For how long nothing new was seen of a request, on our own clock; 0 of one that has not been seen yet. */
  readonly silentMs: (request: PendingFence) => number
  readonly stop: () => void
}

export const fencingAgent = (world: World, parts: FencingAgentParts): FencingAgent => {
  const hasLease = () => parts.voter.hasLease()
  const fences = fencer(world, parts.monitors.logDirectory)
  const keeper = new FenceKeeper(world, { ...parts, hasLease, fencer: fences })
  const finalAction = finalActionRunner(world, parts)
  const stopWatch = deviceWatch(world, {
    ...parts,
    fencer: fences,
    isMyTurn: () => hasLease() && parts.isFirst(),
  })
  const silence = requestWatch(world)
  return {
    silentMs: silence.lasts,
    tend: (state) => {
      // Rule 7c: a fold that lags may hold orders that have been carried out, and servers as down that have joined again.
      if (!parts.recorder.hasBarrier()) return
      silence.look(state)
      keeper.tend(state)
      finalAction.tend(state)
    },
    stop: () => {
      keeper.stop()
      finalAction.stop()
      stopWatch()
    },
  }
}

/** Since when each open request has been as it is. While the cluster is suspended nobody fences: that does not count. */
const requestWatch = ({ clock }: World) => {
  let seen: ReadonlyMap<string, Instant> = new Map()
  const keyOf = ({ server, requestedBy, attempts }: PendingFence): string => `${server} ${requestedBy} ${attempts}`
  return {
    look: ({ cluster, fencing }: State): void => {
      const now = clock.now()
      const open = cluster.suspended ? [] : Object.values(fencing.pending).map(keyOf)
      seen = new Map(open.map((key) => [key, seen.get(key) ?? now]))
    },
    lasts: (request: PendingFence): number => {
      const now = clock.now()
      return now - (seen.get(keyOf(request)) ?? now)
    },
  }
}
