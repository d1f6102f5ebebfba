/** What a mirror disk that is activated here needs of its data plane: that it is watched, and that it lets go. */
import { untilAborted } from '../../world/until-aborted.ts'
import type { Cancel, World } from '../../world/world.ts'
import type { Mirrors } from '../mirror/mirrors.ts'
import { mirrorPlaces } from '../mirror/places.ts'
import { endPlane } from '../mirror/plane-link.ts'
import type { Outcome, ResourceContext, StopLimit } from './driver.ts'
import { failure, stall } from './outcome.ts'

/** Of the time to stop, until what does not do as it is told is ended. */
export const patientPart = 0.5

export const cannotEnd = stall('the data plane of the mirror cannot be ended')

/**
 * The data plane lets go, or is ended: it must not be active while another server is. One that says that it must not go yet,
 * because the other copy may lack what was acknowledged, is ended only by force.
 */
export const letGo = async (
  world: World,
  mirrors: Mirrors | null,
  context: ResourceContext,
  { timeoutMs, urgent, signal }: StopLimit,
): Promise<Outcome> => {
  const { tag } = mirrorPlaces(context)
  const patienceMs = timeoutMs * patientPart
  const cancelled = untilAborted(signal).then(() => null)
  const left = mirrors && (await Promise.race([mirrors.leave(context, patienceMs), cancelled]))
  if (left?.answer === 'done') return { ok: true }
  if (!urgent && left?.answer === 'refused') return failure(left.because)
  if (!urgent && signal.aborted) return failure('cancelled while the data plane of the mirror was told to leave')
  const isGone = await endPlane(world, tag, urgent ? patienceMs * patientPart : patienceMs)
  return isGone ? { ok: true } : cannotEnd
}

/** `lost`: once, when it is served no longer though nobody wanted that. */
export const watchPlane = (
  world: World,
  mirrors: Mirrors | null,
  context: ResourceContext,
  lost: (because: string) => void,
): Cancel => {
  let isOver = false
  const cancels: Cancel[] = []
  const tell = (because: string): void => {
    if (isOver) return
    isOver = true
    for (const cancel of cancels) cancel()
    lost(because)
  }
  if (mirrors !== null) cancels.push(mirrors.onLoss(context, tell))
  void world.processes.members(mirrorPlaces(context).tag).then((members) => {
    const [first] = members
    if (isOver) return
    if (first === undefined) tell('its data plane is gone')
    else cancels.push(world.processes.onExit(first, () => tell('its data plane has died')))
  })
  return () => {
    isOver = true
    for (const cancel of cancels) cancel()
  }
}
