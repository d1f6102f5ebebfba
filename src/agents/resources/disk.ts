/** R4: a file system on a disk that several servers reach, mounted on one of them at a time. */
import type { DiskConfiguration } from '../../events/index.ts'
import type { RunResult, World } from '../../world/world.ts'
import type { Limit, Outcome, ResourceContext, ResourceDriver } from './driver.ts'
import { check, mount } from './file-system.ts'
import { automaticMounts, mounts, ofDevice } from './mounts.ts'
import { failure, messageOf, remaining } from './outcome.ts'
import { unmount } from './unmount.ts'

type Context = ResourceContext<DiskConfiguration>

/** See `disk` in configuration.ts. */
export const diskDriver = (world: World): ResourceDriver<DiskConfiguration> => ({
  activate: async (context, limit) => {
    try {
      return await activate(world, context, limit)
    } catch (error) {
      return failure(messageOf(error))
    }
  },
  deactivate: async (context, limit) => {
    try {
      return await unmount(world, context.configuration, limit)
    } catch (error) {
      return failure(messageOf(error))
    }
  },
  probe: async ({ configuration: { device, mountPoint } }) => {
    const found = await ofDevice(world, await mounts(world), device)
    if (found.some((mount) => mount.mountPoint === mountPoint)) return 'on'
    return found.length > 0 || (await isHeld(world, device)) ? 'partial' : 'off'
  },
})

const isHeld = async (world: World, device: string): Promise<boolean> => {
  try {
    return await world.devices.isHeld(device)
  } catch {
    // No such device: nobody can have it.
    return false
  }
}

/** Null when the device may be mounted; otherwise the outcome. */
const obstacle = async (world: World, configuration: DiskConfiguration): Promise<Outcome | null> => {
  const { device, mountPoint } = configuration
  const table = await mounts(world)
  const ours = await ofDevice(world, table, device)
  if (ours.some((mount) => mount.mountPoint === mountPoint)) return { ok: true, detail: 'it was mounted already' }
  if (ours[0]) return failure(`${device} is mounted on ${ours[0].mountPoint}`)
  if (table.some((mount) => mount.mountPoint === mountPoint)) {
    return failure(`something else is mounted on ${mountPoint}`)
  }
  const automatic = await ofDevice(world, await automaticMounts(world), device)
  if (automatic[0]) {
    return failure(`${device} is mounted by /etc/fstab, so every server would mount it at its start; add noauto there`)
  }
  if (await world.devices.isHeld(device)) {
    return failure(`${device} is in use on this server: mounted in another mount namespace, swap, or part of an array`)
  }
  return null
}

const activate = async (world: World, context: Context, limit: Limit): Promise<Outcome> => {
  const { configuration } = context
  const until = world.clock.now() + limit.timeoutMs
  const found = await obstacle(world, configuration)
  if (found) return found
  const run = (argv: readonly [string, ...string[]]): Promise<RunResult> =>
    world.processes.run(argv, { timeoutMs: remaining(world, until), signal: limit.signal })
  const checked = await check(run, configuration, configuration.fsck)
  if (checked) return checked
  await world.files.makeDirectory(configuration.mountPoint)
  let mounted = await mount(run, configuration)
  // What the quick look passes may still not mount.
  if (!mounted.ok && !mounted.stalled && configuration.fsck === 'when-needed' && !limit.signal.aborted) {
    mounted = (await check(run, configuration, 'always')) ?? (await mount(run, configuration))
  }
  if (!limit.signal.aborted) return mounted
  await unmount(world, configuration, { ...limit, urgent: true })
  return failure('cancelled while it was being mounted')
}
