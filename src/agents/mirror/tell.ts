/** What an agent tells the log of the mirror it serves: resyncs, extents that were written, lost connects, trouble with disks, the death of its data plane. */
import { z } from 'zod'
import { interruptResync, recordDirty, reportResync, reportTrouble, startResync } from '../../decisions/mirror-agent.ts'
import { constructedMirror, otherOf, ownershipOf } from '../../decisions/mirror-pair.ts'
import { epochOf, type MirrorName, type ServerName, sequence } from '../../events/index.ts'
import { waysTold } from '../../mirror/engine/touched.ts'
import type { PlaneCondition, PlaneStatus, ResyncSaid, TroubleSaid } from '../../mirror/process/sayings.ts'
import type { RecordedExtents } from '../../mirror/process/settings.ts'
import type { World } from '../../world/world.ts'
import type { Decide, Recorder } from '../log/recorder.ts'
import { connectTeller } from './connects.ts'
import type { PlaneLink } from './plane-link.ts'

export type TellerParts = {
  readonly name: MirrorName
  readonly me: ServerName
  readonly recorder: Pick<Recorder, 'submit' | 'state'>
  readonly link: Pick<PlaneLink, 'order'>
}

export type MirrorTeller = {
  readonly look: (status: PlaneStatus) => void
  readonly conditioned: (condition: PlaneCondition) => void
  readonly resynced: (said: ResyncSaid) => void
  readonly troubled: (said: TroubleSaid) => void
  readonly died: (because: string) => void
  /** It was served until now: the rest of what was written under that ownership. */
  readonly left: () => Promise<void>
}

/** What was written since is on the log once the ownership is over; a copy from the past is brought up by these. */
const touchedMs = 10_000
const orderMs = 5000

/** As the data plane answers (src/mirror/engine/touched.ts). */
const touched = z.object({
  extents: z.array(
    z.object({
      number: z.number(),
      epoch: z.number().int().min(1),
      runs: z.array(z.object({ at: z.number(), length: z.number() })),
      isComplete: z.boolean(),
      as: z.enum(waysTold),
    }),
  ),
  saves: z.record(z.string(), z.number().int().min(0)),
})

export const mirrorTeller = (world: Pick<World, 'clock'>, parts: TellerParts): MirrorTeller => {
  const { name, me, recorder } = parts
  const extents = extentTeller(parts)
  const connects = connectTeller(world, parts)
  let nextAt = 0
  const tell = (what: string, decide: Decide): void => void recorder.submit(`${what} ${name}`, decide)
  return {
    look: (status) => {
      connects(status)
      if (world.clock.now() < nextAt) return
      nextAt = world.clock.now() + touchedMs
      void extents()
    },
    conditioned: ({ pair }) => {
      // What was written so far is complete at a break and at a join.
      if (pair === 'alone' || pair === 'paired') nextAt = 0
    },
    troubled: ({ operation, offsets, because }) =>
      tell('disk trouble', (state) => reportTrouble(state, { mirror: name, server: me, operation, offsets, because })),
    resynced: resyncTeller(parts),
    died: (because) =>
      tell('data plane died', () => ({
        events: [{ type: 'MirrorProcessDied', data: { mirror: name, server: me, because: because.slice(0, 500) } }],
        because: {},
        causedBy: null,
      })),
    left: () => {
      // Once more when the ownership is over.
      nextAt = 0
      return extents()
    },
  }
}

/**
 * Extents that were written, until the log has them; one telling at a time. Who asks while one is under way has to be told of
 * what is new since then: that of a break is complete only after it.
 */
const extentTeller = ({ name, me, recorder, link }: TellerParts): (() => Promise<void>) => {
  let recorded: readonly RecordedExtents[] = []
  let underWay: Promise<void> | null = null
  let isAskedAgain = false
  const telling = async (): Promise<void> => {
    // As it is before it is asked: what is broken or joined from here on may be news to the data plane as well.
    const { generation = null, epochs = [] } = constructedMirror(recorder.state(), name) ?? {}
    const answer = await link.order({ do: 'touched', recorded: [...recorded] }, orderMs)
    const found = answer.answer === 'done' ? touched.safeParse(answer.more).data : undefined
    if (found === undefined || generation === null) return
    recorded = []
    for (const { number, epoch: of, as, runs, isComplete } of found.extents) {
      const epoch = epochOf(sequence(of))
      // Its end is told once the log knows of it.
      if (as === 'over' && ownershipOf(recorder.state(), name)?.epoch === epoch) continue
      const since = epochs.find((one) => one.epoch === epoch)?.since ?? null
      const dirty = { mirror: name, server: me, generation, runs, saves: found.saves, epoch }
      const told = await recorder.submit(`dirty extents ${name} ${of}`, (state) =>
        recordDirty(state, dirty, { isComplete, as, since }),
      )
      if (told.answer !== 'given-up') recorded = [...recorded, { epoch, number, isOver: as === 'over' && isComplete }]
    }
  }
  const tellAll = async (): Promise<void> => {
    try {
      do {
        isAskedAgain = false
        await telling()
      } while (isAskedAgain)
    } finally {
      underWay = null
    }
  }
  return () => {
    isAskedAgain = underWay !== null
    underWay ??= tellAll()
    return underWay
  }
}

/** One after the other: that a resync was interrupted is news only once the log knows that it began. What is overtaken is not told. */
const resyncTeller = (parts: TellerParts): MirrorTeller['resynced'] => {
  const { name, recorder } = parts
  let newest: ResyncSaid | null = null
  let isTelling = false
  const telling = async (): Promise<void> => {
    isTelling = true
    while (newest !== null) {
      const said: ResyncSaid = newest
      newest = null
      const decide = aboutResync(said, parts)
      if (decide?.(recorder.state())) await recorder.submit(`resync ${said.state} ${name}`, decide)
    }
    isTelling = false
  }
  return (said) => {
    newest = said
    if (!isTelling) void telling()
  }
}

/** Null: nothing that the log is for. */
const aboutResync = (
  { state, copy, doneBytes, totalBytes, elapsedMs, because }: ResyncSaid,
  { name, me, recorder }: TellerParts,
): Decide | null => {
  const target = otherOf(recorder.state(), name, me)
  const owned = ownershipOf(recorder.state(), name)
  if (target === null || owned?.server !== me) return null
  const which = { mirror: name, target }
  switch (state) {
    case 'started':
      return (newest) => startResync(newest, { ...which, source: me, epoch: owned.epoch, copy, totalBytes })
    case 'interrupted':
      return (newest) => interruptResync(newest, { ...which, doneBytes, because: because ?? '' })
    default:
      return (newest) => reportResync(newest, { ...which, doneBytes, totalBytes, elapsedMs: Math.round(elapsedMs) })
  }
}
