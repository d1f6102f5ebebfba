/**
 * The driver of resources of type `md` in the simulation: the agent's own keeper and data plane serve them; in place of a file
 * system, a writer has them mounted.
 */
import type { Mirrors } from '../../agents/mirror/mirrors.ts'
import { mirrorPlaces } from '../../agents/mirror/places.ts'
import type { Limit, Outcome, ResourceContext, ResourceDriver, StopLimit } from '../../agents/resources/driver.ts'
import { letGo, watchPlane } from '../../agents/resources/md-plane.ts'
import { failure, remaining } from '../../agents/resources/outcome.ts'
import type { World } from '../../world/world.ts'
import { type DriverParts, lasting } from '../drivers.ts'
import type { SimulatedProcess } from '../process.ts'
import type { SimulatedMirror, SimulatedMirrors } from './mirrors.ts'

export type MirrorDriverParts = Pick<DriverParts, 'ledger' | 'behaviour' | 'chance'> & {
  readonly world: World
  readonly disks: SimulatedMirrors
}

/** `mirrors` null: as the guardian has it, which only takes down. */
export const simulatedMirror = (
  process: SimulatedProcess,
  parts: MirrorDriverParts,
  mirrors: Mirrors | null,
): ResourceDriver => {
  const { ledger, behaviour, chance, world, disks } = parts
  const host = process.host.name
  const activate = async (context: ResourceContext, limit: Limit): Promise<Outcome> => {
    const known = ledger.find(host, context)
    if (known?.isUp && !known.isBroken) return { ok: true }
    if (mirrors === null) return failure('mirror disks are activated by the agent alone')
    const until = world.clock.now() + limit.timeoutMs
    const run = ledger.begin(host, context)
    const fails = chance.happens(behaviour.failure)
    const serving = await mirrors.serve(context, limit)
    if (!serving.ok) return failure(serving.because)
    if (!(await lasting(process, chance.between(...behaviour.activation), limit.signal))) return failure('cancelled')
    if (fails) return failure('it did not come up')
    const mounted = disks.mount(host, mirrorOf(disks, context), context.epoch)
    const isOver = lasting(process, Math.max(1, remaining(world, until)), limit.signal).then(() => false)
    if (!(await Promise.race([mounted, isOver]))) return failure('it cannot be read')
    if (limit.signal.aborted) return failure('cancelled while it was being mounted')
    run.isUp = true
    run.isBroken = false
    return { ok: true }
  }
  const deactivate = async (context: ResourceContext, limit: StopLimit): Promise<Outcome> => {
    const run = ledger.find(host, context)
    if (run === undefined) return { ok: true }
    const until = world.clock.now() + limit.timeoutMs
    disks.unmount(host, mirrorOf(disks, context))
    const takes = chance.between(...(limit.urgent ? behaviour.urgent : behaviour.deactivation))
    await lasting(process, takes, limit.signal)
    const outcome = await letGo(world, mirrors, context, { ...limit, timeoutMs: Math.max(1, remaining(world, until)) })
    if (outcome.ok) ledger.end(run)
    return outcome
  }
  return {
    activate,
    deactivate,
    probe: async (context) => {
      const isAlive = (await world.processes.members(mirrorPlaces(context).tag)).length > 0
      const writer = disks.writerOn(host, mirrorOf(disks, context))
      if (isAlive && writer?.isMounted && writer.process.isAlive) return 'on'
      return ledger.find(host, context) === undefined ? 'off' : 'partial'
    },
    watch: (context, lost) =>
      watchPlane(world, mirrors, context, (because) => {
        const run = ledger.find(host, context)
        if (run) run.isBroken = true
        lost(because)
      }),
  }
}

/** @throws RangeError when there is none: a mistake of the simulation, which has those of the first configuration */
const mirrorOf = (disks: SimulatedMirrors, { group, resource }: ResourceContext): SimulatedMirror => {
  const found = disks.find(group, resource)
  if (found === undefined) throw new RangeError(`there is no mirror disk ${group}.${resource}`)
  return found
}
