/** Every mirror that has a copy on this server, each with its keeper; and what the driver of `type: md` asks of them. */
import { configuredMirrors } from '../../decisions/mirror-pair.ts'
import {
  type Epoch,
  type GroupName,
  type MirrorName,
  mirrorName,
  type ResourceName,
  serverName,
} from '../../events/index.ts'
import type { Cancel, World } from '../../world/world.ts'
import type { Say } from '../log/log-link.ts'
import type { Recorder } from '../log/recorder.ts'
import type { Machine } from '../machine.ts'
import type { LookAtMirror } from '../monitors/mirror.ts'
import type { Node } from '../node.ts'
import type { Limit } from '../resources/driver.ts'
import { firstCopies } from './first-copy.ts'
import type { MirrorHere } from './here.ts'
import type { Serving } from './hindrance.ts'
import { type KeeperParts, MirrorKeeper } from './keeper.ts'
import { mountTimesKept } from './mount-times.ts'
import { mirrorPlaces, mirrorsOn, placeOfMirror, settingsEnding } from './places.ts'
import { endPlane, type OrderAnswer } from './plane-link.ts'
import { type Sampled, sampleMirrors } from './sampler.ts'
import type { MountTimes } from './statistics-rows.ts'

type Which = { readonly group: GroupName; readonly resource: ResourceName }

/** What a driver needs of the log and of the data plane; without it (in the guardian) a mirror can only be taken down. */
export type Mirrors = {
  /** Serves it under this ownership; done once it may be mounted. */
  readonly serve: (mirror: Which & { readonly epoch: Epoch }, limit: Limit) => Promise<Serving>
  /** `refused`: it must not go yet, and says why. `lost`: it cannot be told, or not in time. */
  readonly leave: (mirror: Which, timeoutMs: number) => Promise<OrderAnswer>
  readonly onLoss: (mirror: Which, lost: (because: string) => void) => Cancel
  /** It is mounted now; `leaving`: it is about to be unmounted. Neither takes time. */
  readonly mounted: (mirror: Which) => void
  readonly leaving: (mirror: Which) => void
  /** So long it took to check or to unmount what is on it. */
  readonly took: (mirror: Which, what: keyof MountTimes, ms: number) => void
}

export type MirrorsParts = Omit<KeeperParts, 'name' | 'places' | 'recorder'> & {
  readonly recorder: Recorder
  readonly logDirectory: string
  /** Where the statistics of the mirrors go. */
  readonly statistics: string
  readonly instance: string
}

export type MirrorKeepers = Mirrors & {
  /** From here on mirrors are followed and brought up; what an earlier agent left is adopted. */
  readonly start: () => void
  /** For monitors. */
  readonly look: LookAtMirror
  /** For metrics, and for whoever asks the agent. */
  readonly here: () => readonly MirrorHere[]
  /** Looks after them no longer; their data planes go on. */
  readonly release: () => void
}

const settledMs = 60_000

/** Null where mirrors cannot be had. `self`: the command line that starts this program. */
export const mirrorsOf = (
  { world, mirrorDriver }: Pick<Machine, 'world' | 'mirrorDriver'>,
  { kit, instance, places, recorder }: Node,
  self: readonly [string, string],
  told: { readonly say: Say; readonly planeDied: (because: string) => void },
): MirrorKeepers | null =>
  mirrorDriver
    ? mirrorKeepers(world, {
        recorder,
        instance,
        ...told,
        me: serverName(kit.own.name),
        logDirectory: places.logs,
        statistics: places.diskStatistics,
        kit: places.kit,
        command: [...self, 'mirror-disk', '--config'],
      })
    : null

export const mirrorKeepers = (world: World, parts: MirrorsParts): MirrorKeepers => {
  const { recorder, me } = parts
  const keepers = new Map<string, MirrorKeeper>()
  const times = mountTimesKept()
  const first = firstCopies(world, { ...parts, state: recorder.state })
  let isReleased = false
  const keeperOf = (name: string): MirrorKeeper => {
    const known = keepers.get(name)
    if (known) return known
    const places = mirrorPlaces(placeOfMirror(name, parts))
    // cast: of the configuration, or of a resource that runs
    const fresh = new MirrorKeeper(world, { ...parts, name: name as MirrorName, places })
    keepers.set(name, fresh)
    return fresh
  }
  const arrange = (): void => {
    if (isReleased) return
    const state = recorder.state()
    if (state.configuration.current === null) return
    const here = new Set(mirrorsOn(state, me))
    for (const name of here) keeperOf(name).wake()
    for (const [name, keeper] of keepers)
      if (!here.has(name) && !keeper.isServing) {
        keepers.delete(name)
        void keeper.retire()
      }
  }
  /** A mirror has the same number on both servers. */
  const sampled = (): readonly Sampled[] =>
    configuredMirrors(recorder.state()).flatMap((name, index) => {
      const keeper = keepers.get(name)
      return keeper
        ? [{ name, number: index + 1, statistics: keeper.statistics, mountTimes: () => times.of(name) }]
        : []
    })
  let stopSampling: Cancel = () => {}
  const named = ({ group, resource }: Which) => keeperOf(mirrorName(group, resource))
  return {
    serve: (mirror, limit) => named(mirror).serve(mirror.epoch, limit),
    leave: (mirror, timeoutMs) => named(mirror).leave(timeoutMs),
    onLoss: (mirror, lost) => named(mirror).onLoss(lost),
    mounted: ({ group, resource }) => first.mounted(mirrorName(group, resource)),
    leaving: ({ group, resource }) => first.leaving(mirrorName(group, resource)),
    took: ({ group, resource }, what, ms) => times.took(mirrorName(group, resource), what, ms),
    here: () => [...keepers].map(([name, { status }]) => ({ name, plane: status, mountTimes: times.of(name) })),
    look: (group, resource) => {
      const keeper = keepers.get(mirrorName(group, resource))
      return keeper ? keeper.status : 'none'
    },
    start: () => {
      recorder.onFold(arrange)
      stopSampling = sampleMirrors(world, { directory: parts.statistics, mirrors: sampled, say: parts.say })
      arrange()
      // By then the log has been read, however old the snapshot was.
      world.clock.after(settledMs, () => void endForgotten(world, parts).catch(() => {}))
    },
    release: () => {
      isReleased = true
      stopSampling()
      first.release()
      for (const keeper of keepers.values()) keeper.release()
    },
  }
}

/** Data planes of mirrors that left the configuration while no agent was there. */
const endForgotten = async (world: World, parts: MirrorsParts): Promise<void> => {
  const state = parts.recorder.state()
  // A state that is behind may not know yet of one that serves.
  if (state.configuration.current === null || !parts.recorder.hasBarrier()) return
  const here = new Set(mirrorsOn(state, parts.me))
  for (const file of await world.files.list(parts.logDirectory)) {
    const name = file.endsWith(settingsEnding) ? file.slice(0, -settingsEnding.length) : null
    if (name !== null && !here.has(name)) await endPlane(world, mirrorPlaces(placeOfMirror(name, parts)).tag)
  }
}
