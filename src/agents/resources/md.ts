/**
 * R5: a file system on a mirror disk. Up: serve, attach, check, mount, in this order; down: unmount, detach, leave. The
 * log is asked by the keeper (agents/mirror); the guardian, which has none, can only take it down.
 */
import type { MirrorConfiguration } from '../../events/index.ts'
import {
  attachDisk,
  cleanUpDisk,
  cutOffDisk,
  cutOffOrphans,
  detachDisk,
  devicesOf,
} from '../../mirror/attach/block-device.ts'
import type { World } from '../../world/world.ts'
import type { Mirrors } from '../mirror/mirrors.ts'
import { type MirrorPlaces, mirrorPlaces } from '../mirror/places.ts'
import { endPlane } from '../mirror/plane-link.ts'
import type { Limit, Outcome, ResourceContext, ResourceDriver, StopLimit } from './driver.ts'
import { check, makeWhereEmpty, mount } from './file-system.ts'
import { cannotEnd, letGo, patientPart, watchPlane } from './md-plane.ts'
import { mounts, ofDevice } from './mounts.ts'
import { failure, messageOf, remaining } from './outcome.ts'
import { unmount } from './unmount.ts'

type Context = ResourceContext<MirrorConfiguration>

/** See `md` in configuration-mirror.ts. `mirrors` null: nothing is ever activated here. */
export const mirrorDriver = (world: World, mirrors: Mirrors | null): ResourceDriver<MirrorConfiguration> => ({
  activate: async (context, limit) => {
    if (mirrors === null) return failure('mirror disks are activated by the agent alone')
    try {
      return await activate(world, mirrors, context, limit)
    } catch (error) {
      return failure(messageOf(error))
    }
  },
  deactivate: async (context, limit) => {
    try {
      return await deactivate(world, mirrors, context, limit)
    } catch (error) {
      return failure(messageOf(error))
    }
  },
  probe: async (context) => {
    const places = mirrorPlaces(context)
    const isAlive = (await world.processes.members(places.tag)).length > 0
    const devices = await devicesOf(world, places)
    if (isAlive && (await mountedOn(world, devices, context.configuration.mountPoint)) !== null) return 'on'
    return devices.length > 0 ? 'partial' : 'off'
  },
  watch: (context, lost) => watchPlane(world, mirrors, context, lost),
})

/** Of the devices, the one that is mounted there; null = none. */
const mountedOn = async (world: World, devices: readonly string[], mountPoint: string): Promise<string | null> => {
  const table = (await mounts(world)).filter((one) => one.mountPoint === mountPoint)
  for (const device of devices) if ((await ofDevice(world, table, device)).length > 0) return device
  return null
}

const activate = async (world: World, mirrors: Mirrors, context: Context, limit: Limit): Promise<Outcome> => {
  const { configuration } = context
  const { mountPoint } = configuration
  const places = mirrorPlaces(context)
  const until = world.clock.now() + limit.timeoutMs
  const left = (): Limit => ({ timeoutMs: Math.max(1, remaining(world, until)), signal: limit.signal })
  if ((await mounts(world)).some((one) => one.mountPoint === mountPoint))
    return failure(`something else is mounted on ${mountPoint}`)
  const serving = await mirrors.serve(context, left())
  if (!serving.ok) return failure(serving.because)
  const wish = { by: configuration.attach, sizeBytes: serving.served.sizeBytes }
  const attached = await attachDisk(world, places, wish, left())
  if (!attached.ok) return { ok: false, because: attached.because, stalled: attached.stalled }
  const { device, release } = attached
  const checked = (ms: number): void => mirrors.took(context, 'fsck', ms)
  const mounted = await mountAt(world, { configuration, device, checked }, left).finally(release)
  if (!mounted.ok) return mounted
  // What mount(8) says is not believed: a helper, or somebody else's namespace, may have answered.
  if ((await mountedOn(world, [device], mountPoint)) === null)
    return failure(`${device} is not on ${mountPoint} though mount reported so`)
  if (limit.signal.aborted) return failure('cancelled while it was being mounted')
  mirrors.mounted(context)
  return mounted
}

const mountAt = async (
  world: World,
  {
    configuration,
    device,
    checked,
  }: {
    readonly configuration: MirrorConfiguration
    readonly device: string
    readonly checked: (ms: number) => void
  },
  left: () => Limit,
): Promise<Outcome> => {
  const { mountPoint, fileSystem, options, fsck, mkfs } = configuration
  const run = (argv: readonly [string, ...string[]]) => world.processes.run(argv, left())
  if (mkfs && fileSystem !== undefined) {
    const trouble = await makeWhereEmpty(run, device, fileSystem)
    if (trouble) return trouble
  }
  const system = { device, mountPoint, options, ...(fileSystem !== undefined && { fileSystem }) }
  const began = world.clock.now()
  const trouble = await check(run, system, fsck)
  if (fsck !== 'never') checked(world.clock.now() - began)
  if (trouble) return trouble
  await world.files.makeDirectory(mountPoint)
  const mounted = await mount(run, system)
  if (mounted.ok || mounted.stalled || fsck !== 'when-needed' || left().signal.aborted) return mounted
  // What the quick look passes may still not mount.
  return (await check(run, system, 'always')) ?? (await mount(run, system))
}

const deactivate = async (
  world: World,
  mirrors: Mirrors | null,
  context: Context,
  limit: StopLimit,
): Promise<Outcome> => {
  mirrors?.leaving(context)
  const places = mirrorPlaces(context)
  const until = world.clock.now() + limit.timeoutMs
  const left = (): StopLimit => ({ ...limit, timeoutMs: Math.max(1, remaining(world, until)) })
  const isDead = (await world.processes.members(places.tag)).length === 0
  await cutOffOrphans(world, places)
  const devices = await devicesOf(world, places)
  const began = world.clock.now()
  const off = await takeOff(world, context, { places, devices }, left)
  if (devices.length > 0) mirrors?.took(context, 'unmount', world.clock.now() - began)
  if (off === 'cut-off' || isDead) {
    const cleaned = await cleanUpDisk(world, places, left())
    await endPlane(world, places.tag, 0)
    return cleaned.ok || off === 'cut-off'
      ? { ok: true }
      : { ok: false, because: cleaned.because, stalled: cleaned.stalled }
  }
  if (!off.ok) return off
  const detached = await detachDisk(world, places, left())
  if (!detached.ok && !limit.urgent) return { ok: false, because: detached.because, stalled: detached.stalled }
  if (!detached.ok) await cleanUpDisk(world, places, left())
  return letGo(world, mirrors, context, left())
}

/** `cut-off`: it did not go in time, so the data plane was taken from under it. Nothing is written any more. */
const takeOff = async (
  world: World,
  context: Context,
  { places, devices }: { readonly places: MirrorPlaces; readonly devices: readonly string[] },
  left: () => StopLimit,
): Promise<Outcome | 'cut-off'> => {
  const { mountPoint, killUsersAfter } = context.configuration
  const { urgent } = left()
  for (const device of devices) {
    const mounted = { device, mountPoint, killUsersAfter }
    const first = left()
    // Then the data plane is cut off: whoever waits for it gets an error instead.
    const patient = urgent ? { ...first, timeoutMs: first.timeoutMs * patientPart } : first
    const outcome = await unmount(world, mounted, patient)
    if (outcome.ok) continue
    if (!urgent) return outcome
    if (!(await cutOffDisk(world, places, () => endPlane(world, places.tag, 0)))) return cannotEnd
    const again = await unmount(world, mounted, left())
    if (!again.ok) await world.processes.run(['umount', '-l', mountPoint], { timeoutMs: 1000 })
    return 'cut-off'
  }
  return { ok: true }
}
