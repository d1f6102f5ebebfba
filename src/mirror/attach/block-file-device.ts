/**
 * The block device of a mirror disk: a loop device with direct I/O on the block file of its data plane. For whoever
 * mounts it; the order is attach, fsck, mount; unmount, detach, and only then `leave`.
 */
import { abortBlockFile, fuseMountAt, unmountAll } from './fuse-mounts.ts'
import { backingDeviceOf, isAttached, loopFacts, loopsOn } from './loop-devices.ts'
import {
  type Attachment,
  type AttachOutcome,
  type AttachWorld,
  type DetachOutcome,
  failed,
  failureOf,
  type Limit,
  late,
  type Run,
  runner,
  waited,
} from './outcome.ts'

export type BlockFile = {
  /** As in the settings of the data plane. No other mirror or server of this machine may have the same. */
  readonly path: string
  /** What the mirror has; a device of another size is none of its. */
  readonly sizeBytes: number
  /** What is exposed for a backup. */
  readonly readOnly?: boolean
}

/** Of free loop devices that somebody else takes first. */
const mostTries = 5

/**
 * Waits for the block file to be served, and puts a loop device on it; one that is there already is taken. Finished or
 * given up within the limit. Of what dies before `release`, the kernel leaves nothing.
 */
export const attachBlockFile = async (
  world: AttachWorld,
  { path, sizeBytes, readOnly = false }: BlockFile,
  limit: Limit,
): Promise<Attachment> => {
  const run = runner(world, limit)
  // Before the mount is there the path is a plain file: a loop device on that would be a disk that loses everything.
  const served = await waited(world, limit, () => fuseMountAt(world, path))
  if (served === null) return late(`${path} is not served`)
  const stat = await run(['stat', '--format', '%s %o', path])
  if (stat.code !== 0) return failureOf(stat, `asking ${path} for its size`)
  const [size, blockBytes] = stat.stdout.trim().split(' ').map(Number)
  if (size !== sizeBytes) return failed(`${path} has ${size} bytes, the mirror ${sizeBytes}`)
  for (const device of await loopsOn(world, path)) {
    if ((await backingDeviceOf(run, device)) === served.device) return held(world, run, { device, sizeBytes }, [])
    const gone = await detachLoop(world, device, limit)
    if (!gone.ok) return gone
  }
  const options = ['--direct-io=on', `--sector-size=${blockBytes}`, ...(readOnly ? ['--read-only'] : []), path]
  for (let tries = 1; ; tries++) {
    const free = await run(['losetup', '--find'])
    if (free.code !== 0) return failureOf(free, 'looking for a free loop device')
    const made = await held(world, run, { device: free.stdout.trim(), sizeBytes }, options)
    // Somebody else may have taken it in between.
    if (made.ok || made.stalled || tries === mostTries) return made
  }
}

type Held = { readonly device: string; readonly sizeBytes: number }

/** With `options`: attached first. A device in use that is detached goes with its last user, and its first is this process. */
const held = async (
  world: AttachWorld,
  run: Run,
  { device, sizeBytes }: Held,
  options: readonly string[],
): Promise<Attachment> => {
  const release = await world.devices.keepOpen(device)
  const attach = async (): Promise<AttachOutcome> => {
    const made = options.length === 0 ? null : await run(['losetup', device, ...options])
    if (made !== null && made.code !== 0) return failureOf(made, `putting a loop device on the block file as ${device}`)
    const marked = await run(['losetup', '--detach', device])
    if (marked.code !== 0) return failureOf(marked, `having ${device} go with its last user`)
    return checked(world, device, sizeBytes)
  }
  const attached = await attach()
  if (attached.ok) return { ...attached, release }
  await release()
  return attached
}

/** Detaches every loop device of this block file. What is mounted from it has been unmounted before. */
export const detachBlockFile = async (world: AttachWorld, path: string, limit: Limit): Promise<DetachOutcome> => {
  for (const device of await loopsOn(world, path)) {
    const gone = await detachLoop(world, device, limit)
    if (!gone.ok) return gone
  }
  return { ok: true }
}

/**
 * Removes what a data plane left that has died or hangs: whoever waits for it gets an I/O error. Unmount the file system
 * first, or afterwards detach again: a loop device goes with its last user.
 */
export const cleanUpBlockFile = async (world: AttachWorld, path: string, limit: Limit): Promise<DetachOutcome> => {
  abortBlockFile(path)
  const gone = await detachBlockFile(world, path, limit)
  unmountAll(path)
  return gone
}

/**
 * The block file has grown to `sizeBytes`: so does the loop device that is on it, whatever is mounted from it. It can be read to
 * its end then: a write that is answered while the kernel asks for the size of the file has it throw the answer away
 * (fs/fuse/inode.c, attr_version), and until it asks again what lies behind the old end is an I/O error.
 */
export const enlargeBlockDevice = async (
  world: AttachWorld,
  { path, sizeBytes, device }: BlockFile & { readonly device: string },
  limit: Limit,
): Promise<AttachOutcome> => {
  const run = runner(world, limit)
  const ask = () => run(['stat', '--format', '%s %o', path])
  // Older kernels take the size that the file system of the file was asked for last.
  const stat = await ask()
  if (stat.code !== 0) return failureOf(stat, `asking ${path} for its size`)
  const [size, blockBytes = Number.NaN] = stat.stdout.trim().split(' ').map(Number)
  if (size !== sizeBytes) return failed(`${path} has ${size} bytes, the mirror ${sizeBytes}`)
  const told = await run(['losetup', '--set-capacity', device])
  if (told.code !== 0) return failureOf(told, `telling ${device} its new size`)
  const facts = await loopFacts(world, device)
  if (facts.sizeBytes !== sizeBytes) return failed(`${device} has ${facts.sizeBytes} bytes, not ${sizeBytes}`)
  const isReadable = await waited(world, limit, async () => {
    if (await readsLast(run, device, { sizeBytes, blockBytes })) return true
    await ask()
    return null
  })
  return isReadable ? { ok: true, device } : late(`${device} cannot be read to its end`)
}

const readsLast = async (
  run: Run,
  device: string,
  { sizeBytes, blockBytes }: { readonly sizeBytes: number; readonly blockBytes: number },
): Promise<boolean> => {
  const block = [`bs=${blockBytes}`, `skip=${sizeBytes / blockBytes - 1}`, 'count=1']
  return (await run(['dd', `if=${device}`, 'of=/dev/null', ...block, 'iflag=direct', 'status=none'])).code === 0
}

const checked = async (world: AttachWorld, device: string, sizeBytes: number): Promise<AttachOutcome> => {
  const facts = await loopFacts(world, device)
  if (facts.isDirect && facts.sizeBytes === sizeBytes) return { ok: true, device }
  const what = facts.isDirect ? `has ${facts.sizeBytes} bytes, not ${sizeBytes}` : 'does no direct I/O'
  return failed(`${device} ${what}`)
}

const detachLoop = async (world: AttachWorld, device: string, limit: Limit): Promise<DetachOutcome> => {
  const result = await runner(world, limit)(['losetup', '--detach', device])
  // Code 1 with the device gone: somebody else was faster.
  const isGone = await waited(world, limit, async () => ((await isAttached(world, device)) ? null : true))
  if (isGone) return { ok: true }
  if (result.code !== 0) return failureOf(result, `detaching ${device}`)
  return late(`${device} is still in use`)
}
