/**
 * The block device of a mirror disk, for whoever mounts it: attach, check, mount; unmount, detach, and only then
 * `leave`. How it is attached is chosen; taken away is whatever there is, of either kind.
 */
import { attachBlockFile, cleanUpBlockFile, detachBlockFile, enlargeBlockDevice } from './block-file-device.ts'
import { abortBlockFile } from './fuse-mounts.ts'
import { loopsOn } from './loop-devices.ts'
import { attachNbd, cutOffNbd, detachNbd, enlargeNbd, nbdDevicesOf } from './nbd-device.ts'
import type { Attachment, AttachOutcome, AttachWorld, DetachOutcome, Limit } from './outcome.ts'

/** Where the data plane serves the disk, and the tag of its process. */
export type DiskPlaces = { readonly blockFile: string; readonly nbd: string; readonly tag: string }
export type AttachedBy = 'block-file' | 'nbd'
type Wish = {
  readonly by: AttachedBy
  /** What the mirror has; a device of another size is none of its. */
  readonly sizeBytes: number
}

/** Waits for the disk to be served. Finished or given up within the limit. */
export const attachDisk = (
  world: AttachWorld,
  { blockFile, nbd, tag }: DiskPlaces,
  { by, sizeBytes }: Wish,
  limit: Limit,
): Promise<Attachment> =>
  by === 'nbd'
    ? attachNbd(world, { socket: nbd, tag, sizeBytes }, limit)
    : attachBlockFile(world, { path: blockFile, sizeBytes }, limit)

/** The devices that are there now; asks no server. */
export const devicesOf = async (world: AttachWorld, { blockFile, tag }: DiskPlaces): Promise<readonly string[]> => [
  ...(await loopsOn(world, blockFile)),
  ...(await nbdDevicesOf(world, tag)),
]

/** Detaches all of them. What is mounted from one has been unmounted before. */
export const detachDisk = async (
  world: AttachWorld,
  { blockFile, tag }: DiskPlaces,
  limit: Limit,
): Promise<DetachOutcome> => {
  const loops = await detachBlockFile(world, blockFile, limit)
  const nbds = await detachNbd(world, tag, limit)
  return loops.ok ? nbds : loops
}

/** After the death of a data plane, also when another one has been started: whoever waits for the dead one waits no more. */
export const cutOffOrphans = async (world: AttachWorld, { blockFile, tag }: DiskPlaces): Promise<void> => {
  if ((await world.processes.members(tag)).length === 0) abortBlockFile(blockFile)
  await cutOffNbd(world, tag, 'orphans')
}

/**
 * Of a data plane that may hang: whoever waits for it gets an I/O error, and nothing is written any more. False when
 * that cannot be had. `end` ends its process, which only the kernel's nbd makes necessary.
 */
export const cutOffDisk = async (
  world: AttachWorld,
  { blockFile, tag }: DiskPlaces,
  end: () => Promise<boolean>,
): Promise<boolean> => {
  abortBlockFile(blockFile)
  if ((await nbdDevicesOf(world, tag)).length === 0) return true
  if (!(await end())) return false
  await cutOffNbd(world, tag)
  return true
}

/**
 * Removes what a data plane left that has died or was cut off. Unmount the file system first, or afterwards detach
 * again: a device goes with its last user.
 */
export const cleanUpDisk = async (
  world: AttachWorld,
  { blockFile, tag }: DiskPlaces,
  limit: Limit,
): Promise<DetachOutcome> => {
  const loops = await cleanUpBlockFile(world, blockFile, limit)
  const nbds = await detachNbd(world, tag, limit)
  return loops.ok ? nbds : loops
}

/** The disk has grown to `sizeBytes`: so does this device of it, whatever is mounted from it. */
export const enlargeDisk = (
  world: AttachWorld,
  { blockFile }: DiskPlaces,
  { device, sizeBytes }: { readonly device: string; readonly sizeBytes: number },
  limit: Limit,
): Promise<AttachOutcome> =>
  device.startsWith('/dev/nbd')
    ? enlargeNbd(world, { device, sizeBytes })
    : enlargeBlockDevice(world, { path: blockFile, sizeBytes, device }, limit)
