/** What a voter must not forget (liveness.md rules 1, 3, 4, 7d, 10), on disk before it acts on it. */
import { z } from 'zod'
import { type Durable, newer, type Support } from '../../decisions/liveness.ts'
import type { Promised } from '../../decisions/promises.ts'
import {
  decode,
  type Epoch,
  type Generation,
  type GroupName,
  type Incarnation,
  incarnation,
  noGeneration,
  type Position,
  type Sequence,
  start,
} from '../../events/index.ts'
import type { World } from '../../world/world.ts'

const support = z.object({ generation: decode.generation, reason: z.enum(['silent', 'renounced']) })
const schema = z.object({
  store: z.string().min(8),
  incarnation: decode.incarnation,
  supports: z.record(z.string(), support),
  renounced: decode.generation,
  /** Older software did not write it down. */
  promised: z.object({ ms: z.number().min(0), isComplete: z.boolean() }).default({ ms: 0, isComplete: false }),
  stoppedEpochs: z.record(z.string(), decode.epoch),
  /** The latest that was carried out. Older software did not write it down. */
  finalAction: z.object({ order: decode.sequence, failed: z.string().nullable() }).nullable().default(null),
  seen: z.object({ sequence: decode.sequence, hash: z.string() }),
})
type Content = z.infer<typeof schema>

/** `order`: where it stands on the log. `failed`: why it came to nothing; null = that is not known. */
export type FinalActionNote = { readonly order: Sequence; readonly failed: string | null }

/** The file is there but is none: forgetting what it held could mean two active servers. */
export class VoterStoreDamaged extends Error {
  override readonly name = 'VoterStoreDamaged'
}

/** Nothing is promised any more about a history that was given up. */
export class VoterStoreForgotten extends Error {
  override readonly name = 'VoterStoreForgotten'
}

export type VoterStore = {
  /** Identifies this store: it changes when the store is lost, and then an operator must re-admit the voter. */
  readonly store: string
  /** Counted up by opening: durable before it is used. */
  readonly incarnation: Incarnation
  /**
   * Somebody knows of this life of the voter. Where its store does not, it came back from a backup, and what was promised since
   * is forgotten (rule 3): it becomes another store, whose word counts for nothing until it is re-admitted. True: it just did.
   */
  readonly lived: (life: Incarnation) => boolean
  /**
   * Somebody knows of a life of this voter after this one: of another disk, by a clock that was right. Whoever does takes its beats
   * for old ones. A new store, whose word never counted yet, begins one beyond that, which is on disk when it is told; null:
   * there is no need to, or no right.
   */
  readonly outlive: (life: Incarnation) => Promise<Incarnation> | null
  readonly supports: () => Readonly<Record<string, Support>>
  readonly renounced: () => Generation
  readonly promised: () => Promised
  readonly stoppedEpoch: (group: string) => Epoch | undefined
  readonly finalAction: () => FinalActionNote | null
  /** High-water mark: a log that ends before it is not our log any more. */
  readonly seen: () => Position
  /** Each resolves once it is on disk; failures reject, and then it must not be acted upon. */
  readonly addSupports: (supports: Readonly<Record<string, Support>>) => Promise<void>
  readonly renounce: (generation: Generation) => Promise<void>
  /** Rule 10: the largest T that may be promised. */
  readonly promise: (promised: Promised) => Promise<void>
  readonly stopEpoch: (group: GroupName, epoch: Epoch) => Promise<void>
  readonly noteFinalAction: (note: FinalActionNote) => Promise<void>
  readonly see: (position: Position) => Promise<void>
  /** Topology `pair`: the log goes on without what this server has seen after `position`, and without all promises
   *  about generations and epochs that were given there. Final: a promise of this process would be one about that log. */
  readonly forgetAfter: (position: Position) => Promise<void>
}

/** Opens `path`, or makes it with a new store id. @throws VoterStoreDamaged when it is there but unreadable. */
export const openVoterStore = async (world: World, path: string): Promise<VoterStore> => {
  const text = await world.files.read(path)
  const before = text === null ? fresh(world) : parse(text, path)
  let content: Content = { ...before, incarnation: incarnation(Math.max(before.incarnation + 1, seconds(world))) }
  let own = content.incarnation
  let isRenewed = false
  let isOutliving = false
  // One write at a time; a later write holds everything an earlier one does.
  let writing: Promise<void> = Promise.resolve()
  let isForgotten = false
  const write = (change: (now: Content) => Content): Promise<void> => {
    if (isForgotten) return Promise.reject(new VoterStoreForgotten(`${path} belongs to another log now: start anew`))
    content = change(content)
    writing = writing.catch(() => {}).then(() => world.files.writeDurably(path, JSON.stringify(content)))
    return writing
  }
  await write((now) => now)
  return {
    get store() {
      return content.store
    },
    get incarnation() {
      return own
    },
    outlive: (life) => {
      if (life <= own || isOutliving || content.promised.isComplete) return null
      isOutliving = true
      const beyond = incarnation(life + 1 + Math.floor(world.random.fraction() * livesApart))
      const written = write((now) => ({ ...now, incarnation: beyond }))
      return written
        .then(() => {
          own = beyond
          return beyond
        })
        .finally(() => {
          isOutliving = false
        })
    },
    lived: (life) => {
      if (isRenewed || life <= before.incarnation || life === content.incarnation) return false
      isRenewed = true
      // Where the disk does not take it, the next life is told again.
      write((now) => ({ ...now, store: world.random.id() })).catch(() => {})
      return true
    },
    supports: () => content.supports,
    renounced: () => content.renounced,
    promised: () => content.promised,
    stoppedEpoch: (group) => content.stoppedEpochs[group],
    finalAction: () => content.finalAction,
    seen: () => content.seen as Position,
    addSupports: (supports) => write((now) => ({ ...now, supports: { ...now.supports, ...supports } })),
    renounce: (generation) => write((now) => ({ ...now, renounced: newer(now.renounced, generation) })),
    promise: (promised) => write((now) => ({ ...now, promised })),
    stopEpoch: (group, epoch) => write((now) => ({ ...now, stoppedEpochs: { ...now.stoppedEpochs, [group]: epoch } })),
    noteFinalAction: (finalAction) => write((now) => ({ ...now, finalAction })),
    forgetAfter: (position) => {
      isForgotten = false
      const forgotten = write((now) => withoutAfter(now, position))
      isForgotten = true
      return forgotten
    },
    see: (position) =>
      position.sequence > content.seen.sequence ? write((now) => ({ ...now, seen: position })) : Promise.resolve(),
  }
}

/** Others may know of other lives, some of them later: none is to be taken for this one. Of 48 bits there are enough. */
const livesApart = 2 ** 24

/** What the rules need of it at a voter's start. */
export const durableOf = ({ incarnation, supports, renounced, promised }: VoterStore): Durable => ({
  incarnation,
  supports: supports(),
  renounced: renounced(),
  promised: promised(),
})

const withoutAfter = (now: Content, { sequence, hash }: Position): Content => {
  const isBefore = (at: number) => at <= sequence
  const before = <T>(all: Readonly<Record<string, T>>, at: (one: T) => number) =>
    Object.fromEntries(Object.entries(all).filter(([, one]) => isBefore(at(one))))
  return {
    ...now,
    supports: before(now.supports, ({ generation }) => generation),
    renounced: isBefore(now.renounced) ? now.renounced : noGeneration,
    stoppedEpochs: before(now.stoppedEpochs, (epoch) => epoch),
    finalAction: now.finalAction && isBefore(now.finalAction.order) ? now.finalAction : null,
    seen: isBefore(now.seen.sequence) ? now.seen : { sequence, hash },
  }
}

const fresh = (world: World): Content => ({
  store: world.random.id(),
  incarnation: incarnation(seconds(world)),
  supports: {},
  renounced: noGeneration,
  promised: { ms: 0, isComplete: false },
  stoppedEpochs: {},
  finalAction: null,
  seen: start,
})

/**
 * A store begins later than the one that it may replace, and one from a backup later than what came after the backup: a voter
 * that heard those must hear this one too, and an echo of their beats must not match. Counts of starts stay far below.
 */
const seconds = (world: World): number => Math.floor(world.clock.wall() / 1000)

const parse = (text: string, path: string): Content => {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new VoterStoreDamaged(`${path} is not JSON: if the disk was lost, remove the file and re-admit this voter`, {
      cause,
    })
  }
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  throw new VoterStoreDamaged(
    `${path} is damaged: remove the file and re-admit this voter. ${z.prettifyError(parsed.error)}`,
  )
}
