/** Operators' orders to a mirror that this server carries out, and when they are done. What cannot be done is finished as failed. */
import { finishOrder, openOrders, recordSplit } from '../../decisions/mirror-agent.ts'
import { constructedMirror, mirrorConfigurationOf, otherOf } from '../../decisions/mirror-pair.ts'
import { formatStep } from '../../decisions/plan-mirror.ts'
import { epochOf, sequence } from '../../events/index.ts'
import type { PlaneStatus, VerifySaid } from '../../mirror/process/sayings.ts'
import { isToBeCopied } from '../../projections/mirror-sides.ts'
import type { Mirror, OpenOrder } from '../../projections/mirrors.ts'
import type { State } from '../../projections/state.ts'
import { bytesInWords } from '../../projections/wording.ts'
import type { World } from '../../world/world.ts'
import { done, failed, type OrdersParts, type Outcome } from './order-outcome.ts'
import { growOnTop, resize, sizeUp } from './resize.ts'

export type MirrorOrders = {
  /** One look at what is open; resolves when nothing more can be done now. */
  readonly carryOut: (status: PlaneStatus) => Promise<void>
  /** What a comparison has come to. */
  readonly verified: (said: VerifySaid) => void
  /** The data plane is gone: nothing that it was doing will end. */
  readonly died: () => void
}

const formatMs = 60_000

export const mirrorOrders = (world: World, parts: OrdersParts): MirrorOrders => {
  const { name, me, recorder } = parts
  const underWay = new Set<number>()
  const verification: Verification = { settle: () => {} }
  const told = new Set<number>()

  const finish = async ({ sequence: ordered }: OpenOrder, outcome: Outcome): Promise<void> => {
    if (outcome === null) return
    await recorder.submit(`finish ${name} ${ordered}`, (state) =>
      finishOrder(state, { mirror: name, ordered, ...outcome }),
    )
  }
  /** Takes long: the rest does not wait for it. */
  const beside = (order: OpenOrder, work: () => Promise<Outcome>): void => {
    underWay.add(order.sequence)
    void work()
      .catch((trouble: unknown) => failed(String(trouble)))
      .then((outcome) => finish(order, outcome))
      .finally(() => underWay.delete(order.sequence))
  }
  /** Told once by this agent; what is marked is kept until the other side comes. */
  const resync = async (order: OpenOrder, mirror: Mirror, status: PlaneStatus): Promise<Outcome> => {
    const isFull = order.order === 'resync-full'
    if (isFull ? isJoinedSince(mirror, order) : !isToBeCopied(mirror)) return done('both sides have everything')
    if (told.has(order.sequence) || status.does !== 'serve') return null
    told.add(order.sequence)
    return orderResync(parts, mirror, order)
  }
  const one = async (order: OpenOrder, status: PlaneStatus): Promise<Outcome> => {
    const state = recorder.state()
    const mirror = constructedMirror(state, name)
    if (mirror === null) return failed('the mirror is not there any more')
    switch (order.order) {
      case 'break':
        return mirror.stale !== null ? done(`${mirror.current} goes on alone`) : null
      case 'resync':
      case 'resync-full':
        return resync(order, mirror, status)
      case 'split':
        return split(parts, state, status)
      case 'replace-disk':
        return replaceDisk(world, parts, status)
      case 'verify':
        if (status.does !== 'serve') return failed('it is not served here')
        beside(order, () => verify(parts, order, verification))
        return null
      case 'resize': {
        const outcome = await resize(parts, order, status)
        if (outcome === null || 'outcome' in outcome) return outcome
        beside(order, () => growOnTop(world, parts, outcome.sizeBytes))
        return null
      }
      default:
        return order.order satisfies never
    }
  }
  return {
    carryOut: async (status) => {
      await sizeUp(parts, status)
      for (const order of openOrders(recorder.state(), name, me))
        if (!underWay.has(order.sequence)) await finish(order, await one(order, status))
    },
    verified: (said) => {
      if (said.state === 'ended' || said.state === 'interrupted') verification.settle(said)
    },
    died: () => verification.settle(null),
  }
}

const orderResync = async (
  { link }: OrdersParts,
  { stale }: Mirror,
  { order, sequence: ordered }: OpenOrder,
): Promise<Outcome> => {
  const everything = order === 'resync-full'
  const answer = await link.order({ do: 'resync', everything, ordered }, formatMs)
  if (answer.answer === 'lost') return null
  if (answer.answer !== 'done') return failed(answer.because)
  // 1. A comparison ends. 2. The mirror breaks and is joined, before the log knows what differed. Then nothing is marked any more.
  const now = stale === null && !everything ? await link.refresh() : null
  return now?.condition?.pair === 'paired' && now.dirtyBlocks === 0 ? done('nothing is marked: it was copied') : null
}

const isJoinedSince = ({ stale, sequence: at }: Mirror, order: OpenOrder): boolean =>
  stale === null && at > order.sequence

/** Who waits for the end of a comparison. */
type Verification = { settle: (said: VerifySaid | null) => void }

const verify = async (
  { name, me, recorder, link }: OrdersParts,
  { sequence: ordered }: OpenOrder,
  verification: Verification,
): Promise<Outcome> => {
  const ended = new Promise<VerifySaid | null>((resolve) => {
    verification.settle = resolve
  })
  const answer = await link.order({ do: 'verify', ordered }, formatMs)
  if (answer.answer !== 'done') return failed(answer.because)
  const said = await ended
  if (said === null) return failed('the data plane has gone meanwhile')
  if (said.state !== 'ended') return failed(said.because ?? 'it was interrupted')
  const { checkedBytes, differentBytes, differences } = said
  const data = { mirror: name, server: me, checkedBytes, differentBytes, differences }
  await recorder.submit(`verified ${name}`, () => ({
    events: [{ type: 'MirrorVerified', data }],
    because: {},
    causedBy: null,
  }))
  return done(
    differentBytes === 0
      ? 'both sides are equal'
      : `${bytesInWords(differentBytes)} differ: baton mirror resync ${name} copies them from here`,
  )
}

/** From here on the other side is left as it is; that it leaves is what breaks the mirror. */
const split = async ({ name, me, recorder }: OrdersParts, state: State, status: PlaneStatus): Promise<Outcome> => {
  const mirror = constructedMirror(state, name)
  const other = otherOf(state, name, me)
  if (mirror === null || other === null) return failed('there is no other side')
  if (mirror.split) return mirror.stale === null ? null : done(`the copy of ${other} is left alone`)
  if (mirror.stale !== null || mirror.generation === null) return failed(`${mirror.stale} lacks something already`)
  const { generation } = mirror
  const data = { mirror: name, server: other, generation, epoch: epochOf(sequence(status.epoch)) }
  await recorder.submit(`split ${name}`, (newest) => recordSplit(newest, data))
  return null
}

/** Another disk is in its place: the old one is let go of, and nothing of what the new one claims is believed. */
const replaceDisk = async (
  world: World,
  { name, me, recorder, link, rewritten }: OrdersParts,
  status: PlaneStatus,
): Promise<Outcome> => {
  if (status.does === 'serve') return failed('this side is served')
  await link.restart()
  const fresh = await reached(world, link)
  if (fresh === null) return null
  if (fresh.disks === null) return failed(fresh.because ?? 'its partitions cannot be opened')
  const state = recorder.state()
  const mirror = constructedMirror(state, name)
  const configuration = mirrorConfigurationOf(state, name)
  if (mirror === null || configuration === null) return failed('the mirror is not there any more')
  const plane = {
    ...fresh,
    diskBytes: fresh.disks.dataBytes,
    isShown: false,
    isLetGo: true,
    waitedMs: Number.POSITIVE_INFINITY,
  }
  const step = formatStep(state, { mirror, configuration }, { me, plane, generation: null })
  if (step.do !== 'format') return failed(step.do === 'rest' ? (step.because ?? '') : step.do)
  const answer = await link.order({ ...step, discard: 'any' }, formatMs)
  rewritten()
  return answer.answer === 'done'
    ? done('its cluster partition is new; everything is copied as soon as the other side serves')
    : failed(answer.because)
}

const reachedMs = 20_000
const lookMs = 100
const reached = async ({ clock }: World, link: OrdersParts['link']): Promise<PlaneStatus | null> => {
  const until = clock.now() + reachedMs
  while (link.status === null && clock.now() < until)
    await new Promise<void>((resolve) => void clock.after(lookMs, resolve))
  return link.status
}
