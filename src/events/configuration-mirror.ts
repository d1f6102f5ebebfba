/** The part of the configuration's schema that describes a mirror disk: two partitions, on two servers, kept equal (D1–D13). */
import { z } from 'zod'
import type { Form } from './configuration-form.ts'

/** Bytes; the form of a mirror is fixed when it is initialised (src/mirror/partition/state-record.ts says what is possible). */
const leastBlock = 4096
/** A resync sends a block in one piece. */
const mostBlock = 1_048_576
const mostRegion = 1_073_741_824

const keepaliveOf = ({ object, after }: Form) =>
  object({
    interval: after('500ms', { least: '50ms', most: '1m' }).describe('Time from one sign of life to the next.'),
    timeout: after('5s', { least: '200ms', most: '10m' }).describe('Silence after which a mirror connect is given up.'),
  })
    .prefault({})
    .describe('Signs of life on the mirror connect.')

const resyncOf = ({ object, integer }: Form) =>
  object({
    automatic: z
      .boolean()
      .default(true)
      .describe('A side that lacks something is brought up as soon as it is there; otherwise by baton mirror resync.'),
    rate: integer(0, 1_000_000).default(0).describe('At most so many MiB a second; 0 = as fast as it goes.'),
  })
    .prefault({})
    .describe('Bringing the other side up again.')

/** What becomes of it on the server that it is served on. */
const mountedOf = ({ after, absolutePath, text }: Form) => ({
  mountPoint: absolutePath.describe('The directory it is mounted on.'),
  fileSystem: text.optional().describe('Its type, such as ext4; without it, what the disk says.'),
  options: z.string().default('defaults').describe('Mount options.'),
  mkfs: z
    .boolean()
    .default(false)
    .describe(
      'At the first activation `fileSystem` is made, if the data partition is empty: nothing known, and zeros.',
    ),
  fsck: z.enum(['never', 'always', 'when-needed']).default('when-needed').describe('Check before mounting.'),
  attach: z
    .enum(['block-file', 'nbd'])
    .default('block-file')
    .describe(
      'How it becomes a block device: a loop device on a FUSE file, or nbd, for which Linux 5.14 with that module is needed.',
    ),
  killUsersAfter: after('5s', { most: '1h' }).describe(
    'Processes that hold the mount are ended when it does not unmount within this time.',
  ),
})

/** What a mirror disk has of its own; `common` is what every resource has. */
export const mirrorOf = <Common extends z.ZodRawShape>(form: Form, common: Common) => {
  const { object, after, integer, name, absolutePath } = form
  const partition = z.union(
    [absolutePath, z.record(name, absolutePath)],
    'an absolute path, or a path for each server by its name',
  )
  return object({
    type: z
      .literal('md')
      .describe('A file system on a mirror disk: written on two servers, served on one of them (R9).'),
    ...common,
    dataPartition: partition.describe(
      'The partition that is mirrored, on every server or by server; best by /dev/disk/by-id or by-partuuid.',
    ),
    clusterPartition: partition.describe(
      'A partition of its own for what the mirror knows about itself; never on the data partition.',
    ),
    ...mountedOf(form),
    connects: z
      .array(name)
      .min(1)
      .optional()
      .describe('Networks that it may be mirrored over, the best first; without it, all, the interconnect first.'),
    port: integer(1, 65_535).describe('TCP port of the mirror connect, on both servers.'),
    mode: z
      .enum(['sync', 'async'])
      .default('sync')
      .describe('sync: a write is done when both have it. async: when it is here and queued for the other side.'),
    queueLimit: integer(1_048_576, 17_179_869_184)
      .default(67_108_864)
      .describe('For async: bytes that may be queued; beyond, the mirror breaks.'),
    ackTimeout: after('10s', { least: '100ms', most: '10m' }).describe(
      'A write that the other side has not acknowledged for so long breaks the mirror.',
    ),
    keepalive: keepaliveOf(form),
    onDiskError: z
      .enum(['continue', 'fail-over'])
      .default('continue')
      .describe(
        'When a disk of the serving side fails while both copies are current: go on with the other server’s alone, or fail over.',
      ),
    compression: z.boolean().default(false).describe('What is written travels compressed (zstd).'),
    encryption: z.boolean().default(false).describe('It travels encrypted, under the cluster’s certificates.'),
    blockSize: integer(leastBlock, mostBlock)
      .default(65_536)
      .describe('Bytes that one bit of the dirty bitmap stands for, a power of two; fixed at initialisation.'),
    regionSize: integer(leastBlock, mostRegion)
      .default(4_194_304)
      .describe('Bytes that are marked before they are first written, a power of two; fixed at initialisation.'),
    resync: resyncOf(form),
    initial: z
      .enum(['full', 'used', 'none'])
      .default('full')
      .describe(
        'First copy: everything; what the file system uses, the rest becomes zeros; or none, because both are known to be equal.',
      ),
  })
}
