/** Of mirror disks: what the log knows of both copies, and what the data plane of this server has counted. */
import { configuredMirrors, pairOf } from '../../decisions/mirror-pair.ts'
import { serverName } from '../../events/index.ts'
import type { ToldDuration, ToldLevel, ToldStatistics } from '../../mirror/engine/statistics.ts'
import { type PlaneStatus, pairStates } from '../../mirror/process/sayings.ts'
import { mirrorOf } from '../../projections/mirrors.ts'
import { connectNames } from '../mirror/places.ts'
import type { MountTimes } from '../mirror/statistics-rows.ts'
import { type Measured, type Metric, seconds, stateOf } from './metric.ts'

type Value = number | boolean | null

const roles = ['nothing', 'follow', 'serve']

/** One sample of every mirror with a copy here whose data plane is reached. */
const ofPlanes = (
  name: string,
  help: string,
  value: (plane: PlaneStatus) => Value,
  type: Metric['type'] = 'gauge',
): Metric => ({
  name: `baton_mirror_${name}`,
  help,
  type,
  labels: ['mirror'],
  read: ({ status: { mirrors } }) =>
    mirrors.map(({ name: mirror, plane }) => [[mirror], plane === null ? null : value(plane)]),
})
/** One sample of every network that such a mirror is configured for; `network` counts from the best. */
const ofNetworks = (name: string, help: string, value: (plane: PlaneStatus, network: number) => Value): Metric => ({
  name: `baton_mirror_${name}`,
  help,
  type: 'gauge',
  labels: ['mirror', 'network'],
  read: ({ status: { mirrors, state, voter } }) =>
    mirrors.flatMap(({ name: mirror, plane }) =>
      connectNames(state, mirror, serverName(voter)).map(
        (network, index): Measured => [[mirror, network], plane && value(plane, index)],
      ),
    ),
})
const counted = (name: string, help: string, value: (told: ToldStatistics) => Value, type?: Metric['type']): Metric =>
  ofPlanes(name, help, ({ statistics }) => (statistics ? value(statistics) : null), type)
const total = (name: string, help: string, value: (told: ToldStatistics) => number): Metric =>
  counted(`${name}_total`, help, value, 'counter')

/** Now, and the highest since the data plane was started. */
const levels = (
  [name, unit]: readonly [name: string, unit: string],
  help: string,
  value: (told: ToldStatistics) => ToldLevel,
  factor = 1,
): readonly Metric[] => [
  counted(`${name}${unit}`, `${help}.`, (told) => value(told).current / factor),
  counted(
    `${name}_max${unit}`,
    `${help}: the highest since the data plane was started.`,
    (told) => value(told).highest / factor,
  ),
]
const durations = (name: string, help: string, value: (told: ToldStatistics) => ToldDuration): readonly Metric[] => [
  total(`${name}_seconds`, `${help}: all of it together.`, (told) => value(told).sumMs / 1000),
  total(`${name}s`, `${help}: how many.`, (told) => value(told).count),
  counted(`${name}_last_seconds`, `${help}: the latest.`, (told) => value(told).current / 1000),
  counted(
    `${name}_max_seconds`,
    `${help}: the longest since the data plane was started.`,
    (told) => value(told).highest / 1000,
  ),
]

const ofMounts = (what: keyof MountTimes, help: string): readonly Metric[] =>
  (['current', 'highest'] as const).map((which) => ({
    name: `baton_mirror_${what}_${which === 'current' ? 'last' : 'max'}_seconds`,
    help: `${help}: the ${which === 'current' ? 'latest' : 'longest'} since this agent started.`,
    type: 'gauge',
    labels: ['mirror'],
    read: ({ status: { mirrors } }) =>
      mirrors.map(({ name, mountTimes }) => [[name], seconds(mountTimes[what][which])]),
  }))

const ofLog: readonly Metric[] = [
  {
    name: 'baton_mirror_copy_current',
    type: 'gauge',
    labels: ['mirror', 'server'],
    help: 'Whether the copy on that server has every acknowledged write, by the log.',
    read: ({ status: { state } }) =>
      configuredMirrors(state).flatMap((name) => {
        const mirror = mirrorOf(state.mirrors, name)
        const isCurrent = (server: string) => mirror !== null && mirror.current !== null && mirror.stale !== server
        return pairOf(state, name).map((server): Measured => [[name, server], isCurrent(server)])
      }),
  },
  {
    name: 'baton_mirror_copy_disk_trouble',
    type: 'gauge',
    labels: ['mirror', 'server'],
    help: 'Whether the disk beneath that copy failed, by the log.',
    read: ({ status: { state } }) =>
      configuredMirrors(state).flatMap((name) =>
        pairOf(state, name).map((server): Measured => {
          const trouble = mirrorOf(state.mirrors, name)?.sides[server]?.trouble ?? null
          return [[name, server], trouble !== null]
        }),
      ),
  },
]

const standing: readonly Metric[] = [
  {
    name: 'baton_mirror_plane_up',
    type: 'gauge',
    labels: ['mirror'],
    help: 'Whether the data plane on this server answers; the metrics below are its.',
    read: ({ status: { mirrors } }) => mirrors.map(({ name, plane }) => [[name], plane !== null]),
  },
  {
    name: 'baton_mirror_role',
    type: 'gauge',
    labels: ['mirror', 'role'],
    help: 'What the data plane of this server does; 1 for what it is.',
    read: ({ status: { mirrors } }) =>
      mirrors.flatMap(({ name, plane }) => (plane ? stateOf([name], roles, plane.does) : [])),
  },
  {
    name: 'baton_mirror_condition',
    type: 'gauge',
    labels: ['mirror', 'condition'],
    help: 'How the pair stands, where this server serves; 1 for what it is.',
    read: ({ status: { mirrors } }) =>
      mirrors.flatMap(({ name, plane }) => (plane?.condition ? stateOf([name], pairStates, plane.condition.pair) : [])),
  },
  ofPlanes('connected', 'Whether a mirror connect reaches the other side.', ({ path }) => path !== null),
  ofNetworks('connect_used', 'Which network it is mirrored over.', ({ path }, network) => path === network),
  ofNetworks(
    'connect_deaf',
    'Whether the address of this server in that network cannot be listened on, so that the other side cannot come.',
    ({ deafAt }, network) => deafAt.some(({ path }) => path === network),
  ),
  ofPlanes('size_bytes', 'What can be stored on it.', ({ dataBytes }) => dataBytes),
  ofPlanes('dirty_bytes', 'Marked: the other side may lack it.', (plane) => plane.dirtyBlocks * plane.blockBytes),
  ofPlanes(
    'resync_done_bytes',
    'Of what is copied now: durable on the other side.',
    ({ resync }) => resync?.doneBytes ?? null,
  ),
  ofPlanes('resync_size_bytes', 'What is copied now.', ({ resync }) => resync?.totalBytes ?? null),
  ofPlanes('split', 'Whether the copy can be read for a backup.', ({ isExposed }) => isExposed),
]

const statistics: readonly Metric[] = [
  total('written_bytes', 'Written to the mirror disk.', (told) => told.writtenBytes),
  total('read_bytes', 'Read from the mirror disk.', (told) => told.readBytes),
  total('disk_written_bytes', 'Written to the data partition.', (told) => told.diskWrittenBytes),
  total('disk_read_bytes', 'Read from the data partition.', (told) => told.diskReadBytes),
  total('disk_errors', 'Errors of the data partition.', (told) => told.diskErrors),
  total('bad_blocks', 'Blocks of 4 KiB that the data partition did not read.', (told) => told.badBlocks),
  total('repaired_blocks', 'Of these, written anew with what the other side has.', (told) => told.repairedBlocks),
  total('sent_bytes', 'Sent on the mirror connect, without the overhead of TCP.', (told) => told.sentBytes),
  total('payload_bytes', 'Of that, what was to be sent.', (told) => told.payloadBytes),
  total('compressed_bytes', 'What became of it by compression.', (told) => told.compressedBytes),
  ...durations(
    'acknowledgement',
    'Writes and flushes, from sending to acknowledgement by the other side',
    (told) => told.acknowledge,
  ),
  ...durations(
    'synchronization',
    'Writes and flushes, from sending, asynchronously from queueing, to acknowledgement',
    (told) => told.synchronize,
  ),
  ...durations(
    'resync_acknowledgement',
    'Blocks of a resync, from sending to acknowledgement',
    (told) => told.resyncAcknowledge,
  ),
  ...levels(['round_trip', '_seconds'], 'There and back on the mirror connect', (told) => told.roundTripMs, 1000),
  ...levels(['behind', '_bytes'], 'Not yet on the other server', (told) => told.behindBytes),
  ...levels(['send_queue', ''], 'Begun, and not acknowledged by the other side', (told) => told.queue),
  ...levels(['request_queue', ''], 'Asked of the mirror disk, and not answered yet', (told) => told.requests),
]

export const mirrorMetrics: readonly Metric[] = [
  ...ofLog,
  ...standing,
  ...statistics,
  ...ofMounts('unmount', 'Unmounting, those who held it ended'),
  ...ofMounts('fsck', 'The check before mounting'),
]
