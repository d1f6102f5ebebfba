/** R4: a file system on a disk that several servers reach, mounted on one of them at a time. */
import type { DiskConfiguration } from '../../events/index.ts'
import type { RunResult, World } from '../../world/world.ts'
import type { Limit, Outcome, ResourceContext, ResourceDriver } from './driver.ts'
import { automaticMounts, mounts, ofDevice } from './mounts.ts'
import { failure, messageOf, remaining, stall } from './outcome.ts'
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

type Run = (argv: readonly [string, ...string[]]) => Promise<RunResult>

const lastLine = ({ stderr, stdout }: RunResult): string => (stderr.trim() || stdout.trim()).split('\n').at(-1) ?? ''

/** Null when the file system may be mounted, by the exit codes of fsck(8): 0 = clean, 1 = errors corrected. */
const check = async (run: Run, { device, fileSystem }: DiskConfiguration, how: DiskConfiguration['fsck']) => {
  if (how === 'never') return null
  const type = fileSystem === undefined ? [] : ['-t', fileSystem]
  // -p repairs what is safe to repair and skips what is clean; -f -y looks at everything and repairs all it can.
  const result = await run(['fsck', '-T', ...type, device, '--', ...(how === 'always' ? ['-f', '-y'] : ['-p'])])
  if (result.timedOut) return stall(`fsck of ${device} did not end in time`)
  if (result.code === 0 || result.code === 1) return null
  return failure(`fsck of ${device} ended with code ${result.code}: ${lastLine(result)}`)
}

const mount = async (run: Run, { device, mountPoint, fileSystem, options }: DiskConfiguration) => {
  const type = fileSystem === undefined ? [] : ['-t', fileSystem]
  const result = await run(['mount', ...type, '-o', options, device, mountPoint])
  if (result.timedOut) return stall(`mounting ${device} did not end in time`)
  if (result.code === 0) return { ok: true, detail: `on ${mountPoint}` } as const
  return failure(`cannot mount ${device} on ${mountPoint}: ${lastLine(result)}`)
}
