/** The part of a server's agent that fences others, watches the devices for it, and ends its own machine when ordered to. */
import type { Facts } from '../../decisions/decision.ts'
import type { ServerName } from '../../events/index.ts'
import type { State } from '../../projections/state.ts'
import type { World } from '../../world/world.ts'
import type { Recorder } from '../log/recorder.ts'
import { deviceWatch } from './device-watch.ts'
import { fencer } from './fence.ts'
import { FenceKeeper } from './fence-keeper.ts'
import { finalActionRunner } from './final-action.ts'

export type FencingAgentParts = {
  readonly me: ServerName
  readonly recorder: Recorder
  readonly facts: () => Facts
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
  return {
    tend: (state) => {
      // Rule 7c: a fold that lags may hold orders that have been carried out, and servers as down that have joined again.
      if (!parts.recorder.hasBarrier()) return
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
