/**
 * Stream `mirror`: which copy of a mirror disk has every acknowledged write, and what the other one lacks. A mirror is
 * called `group.resource`. Its data plane (src/mirror) never decides who is current: it asks, and goes by this.
 */
import { z } from 'zod'
import type { FactOf } from './fact.ts'
import { type Brand, decode } from './ids.ts'

/** `group.resource` of a resource of type `md`. */
export type MirrorName = Brand<string, 'MirrorName'>
export const mirrorName = (group: string, resource: string): MirrorName => `${group}.${resource}` as MirrorName

const mirror = z.string().min(3).max(64) as unknown as z.ZodType<MirrorName>
/** Names a content that only one side can go on from (`DataGeneration` of src/mirror/generations.ts): 8 bytes, hexadecimal. */
const generation = z.string().regex(/^[0-9a-f]{16}$/)
/** Names one mirror disk for ever (`MirrorId`): 16 bytes, hexadecimal. */
const id = z.string().regex(/^[0-9a-f]{32}$/)
const bytes = z.number().int().min(0)
const words = z.string().max(500)

/** A coarse extent: whole MiB are enough, and what is too much is only copied in vain. */
const run = z.object({ at: bytes, length: bytes })
export type ByteRun = z.infer<typeof run>
/** More are joined before they are recorded: a commit must stay small. */
export const mostRecordedRuns = 512
const runs = z.array(run).max(mostRecordedRuns)

export const initialCopies = ['full', 'used', 'none'] as const
export type InitialCopy = (typeof initialCopies)[number]

/** What only a server that holds a copy can do: carried out by its agent, which reports `MirrorOrderFinished`. */
export const mirrorOrders = [
  /** The active server goes on alone; the other side is left behind. */
  'break',
  /** Brings the other side up: what differs, or everything. */
  'resync',
  'resync-full',
  /** Compares both sides by checksums; copies nothing. */
  'verify',
  /** The standby's copy is left as it is, consistent, for a backup. Done: `MirrorSplit`. */
  'split',
  /** The disk of `server` is another one: formats its cluster partition, everything is copied to it. */
  'replace-disk',
  /** Both data partitions have grown: the mirror takes in what was added. */
  'resize',
] as const
export type MirrorOrder = (typeof mirrorOrders)[number]

export const mirrorEvents = {
  /**
   * The mirror exists. Each agent formats its cluster partition under `id` when it finds none of that id there.
   * `none`: both sides hold `generation` from the start. Otherwise `source` alone does, and `target` lacks everything.
   */
  MirrorConstructed: z.object({
    mirror,
    id,
    source: decode.server,
    target: decode.server,
    initial: z.enum(initialCopies),
    generation,
    because: words,
  }),
  /**
   * From here on `current` has every acknowledged write and `stale` may lack some. `generation`: what the content of
   * `current` is called from now on. Until this is recorded no write is acknowledged that only one side has.
   */
  MirrorBroken: z.object({
    mirror,
    current: decode.server,
    stale: decode.server,
    generation,
    epoch: decode.epoch,
    because: words,
  }),
  /**
   * A disk of `server`, which serves, has failed: it goes on with the disk of `current` alone, whose copy has durably all
   * that was acknowledged so far, and is written from here on. The copy of `server` is void. The content keeps its name:
   * whatever that copy claims when it returns is not believed.
   */
  MirrorDetached: z.object({
    mirror,
    server: decode.server,
    current: decode.server,
    epoch: decode.epoch,
    because: words,
  }),
  /** Both sides have every acknowledged write. */
  MirrorJoined: z.object({ mirror, source: decode.server, target: decode.server, generation, epoch: decode.epoch }),
  MirrorResyncStarted: z.object({
    mirror,
    source: decode.server,
    target: decode.server,
    epoch: decode.epoch,
    copy: z.enum(['differences', 'everything']),
    totalBytes: bytes,
  }),
  /** Coarse, at most every 10 %: finer progress is telemetry. */
  MirrorResyncProgressed: z.object({
    mirror,
    target: decode.server,
    doneBytes: bytes,
    totalBytes: bytes,
    elapsedMs: bytes,
  }),
  MirrorResyncInterrupted: z.object({ mirror, target: decode.server, doneBytes: bytes, because: words }),
  /**
   * What the metadata of a side claims when it comes up, before it is served or written to. `boot`: of the machine, now;
   * `isSameBoot`: its data was last written under that boot. `saves`: how often its metadata was saved, which only
   * grows: less than was claimed before means a copy from the past. Null `id`: no cluster partition that can be read.
   */
  MirrorSideSeen: z.object({
    mirror,
    server: decode.server,
    id: id.nullable(),
    generation: generation.nullable(),
    pending: generation.nullable(),
    base: generation.nullable(),
    epoch: decode.epoch,
    role: z.enum(['idle', 'active', 'standby']),
    isConsistent: z.boolean(),
    boot: z.string().max(64),
    isSameBoot: z.boolean(),
    session: z.string().max(64),
    saves: bytes.nullable(),
    dataBytes: bytes,
    because: words,
  }),
  /**
   * Extents that were written under `epoch` and stand in no record of it yet, told by who serves it, or, once it is over, by
   * who followed. `covered`: what the log has of that epoch with this (`EpochHistory`); none: as before. `saves`: of both sides' metadata at that moment, where known.
   */
  MirrorDirtyRecorded: z.object({
    mirror,
    server: decode.server,
    generation,
    epoch: decode.epoch,
    runs,
    covered: z.enum(['yes', 'open', 'by-bitmap']).optional(),
    saves: z.record(z.string().min(1).max(64), bytes),
  }),
  /** Both sides were compared. `differences` not empty: they are marked, and copied by the next resync. */
  MirrorVerified: z.object({
    mirror,
    server: decode.server,
    checkedBytes: bytes,
    differentBytes: bytes,
    differences: runs,
  }),
  /**
   * What `server` has for the resize that was ordered at `ordered`: its data partition, as much of it as it mirrors, its
   * cluster partition, and how large that must be for a mirror of all of its data partition. `because`: it cannot tell.
   */
  MirrorSideMeasured: z.object({
    mirror,
    server: decode.server,
    ordered: decode.sequence,
    dataBytes: bytes,
    mirroredBytes: bytes,
    metadataBytes: bytes,
    neededBytes: bytes,
    because: words,
  }),
  /**
   * So much is mirrored from here on. Each side grows to it as soon as it can, and is neither served nor followed with
   * for long before it has: what was added is zeros on both of them then.
   */
  MirrorResized: z.object({
    mirror,
    server: decode.server,
    ordered: decode.sequence,
    fromBytes: bytes,
    dataBytes: bytes,
  }),
  /** An operator made a copy current that may lack acknowledged writes. `lost` says what, in words and numbers. */
  MirrorForced: z.object({
    mirror,
    server: decode.server,
    generation: generation.nullable(),
    lostBytes: bytes.nullable(),
    lost: words,
  }),
  /** The copy of `server` is left alone for a backup, until it is rejoined. */
  MirrorSplit: z.object({ mirror, server: decode.server, generation, epoch: decode.epoch }),
  MirrorRejoined: z.object({ mirror, server: decode.server }),
  /** Reading or writing the data partition of `server` failed. */
  MirrorDiskTrouble: z.object({
    mirror,
    server: decode.server,
    operation: z.enum(['read', 'write', 'flush']),
    offsets: z.array(bytes).max(32),
    because: words,
  }),
  /** The process that serves or follows on `server` ended by itself, or hung and was ended. */
  MirrorProcessDied: z.object({ mirror, server: decode.server, because: words }),
  /** One of several mirror connects; `server` saw it. */
  MirrorConnectLost: z.object({ mirror, server: decode.server, network: z.string().min(1).max(64), because: words }),
  MirrorConnectRestored: z.object({ mirror, server: decode.server, network: z.string().min(1).max(64) }),
  /** An order of an operator for the agent of `server`; see projections/mirrors.ts for what is open. */
  MirrorOrdered: z.object({ mirror, server: decode.server, order: z.enum(mirrorOrders) }),
  /** The order that was recorded at `ordered` is carried out, or cannot be. */
  MirrorOrderFinished: z.object({
    mirror,
    server: decode.server,
    ordered: decode.sequence,
    outcome: z.enum(['done', 'failed']),
    detail: words,
  }),
  /** After `break`: the sides may connect again. */
  MirrorConnectAllowed: z.object({ mirror }),
}
export type MirrorEvent = FactOf<typeof mirrorEvents>

/** What a person can ask of a mirror. */
const which = { mirror }
export const mirrorCommands = [
  z.object({
    do: z.literal('init-mirror'),
    ...which,
    from: decode.server.nullable(),
    initial: z.enum(initialCopies).nullable(),
  }),
  z.object({ do: z.literal('resync-mirror'), ...which, full: z.boolean() }),
  z.object({ do: z.literal('force-mirror'), ...which, server: decode.server }),
  z.object({ do: z.literal('break-mirror'), ...which }),
  z.object({ do: z.literal('connect-mirror'), ...which }),
  z.object({ do: z.literal('verify-mirror'), ...which }),
  z.object({ do: z.literal('split-mirror'), ...which }),
  z.object({ do: z.literal('rejoin-mirror'), ...which }),
  z.object({ do: z.literal('replace-mirror-disk'), ...which, server: decode.server }),
  z.object({ do: z.literal('resize-mirror'), ...which }),
] as const
