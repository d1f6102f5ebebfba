/** A mounted file system takes in what its block device has got, while it is used. */
import { type DiskPlaces, devicesOf, enlargeDisk } from '../../mirror/attach/block-device.ts'
import type { World } from '../../world/world.ts'
import type { Limit, Outcome } from './driver.ts'
import { mounts, ofDevice } from './mounts.ts'
import { failure, stall } from './outcome.ts'

export type Grown = { readonly places: DiskPlaces; readonly mountPoint: string; readonly sizeBytes: number }

/** Of the file system that is mounted there from that disk: its device first. `ok: false` says what is to be done by hand. */
export const growMounted = async (
  world: World,
  { places, mountPoint, sizeBytes }: Grown,
  limit: Limit,
): Promise<Outcome> => {
  const table = (await mounts(world)).filter((one) => one.mountPoint === mountPoint)
  for (const device of await devicesOf(world, places)) {
    const [mounted] = await ofDevice(world, table, device)
    if (mounted === undefined) continue
    const enlarged = await enlargeDisk(world, places, { device, sizeBytes }, limit)
    if (!enlarged.ok) return { ok: false, because: enlarged.because, stalled: enlarged.stalled }
    return growFileSystem(world, { device, mountPoint, fileSystem: mounted.fileSystem }, limit)
  }
  return failure(`nothing of it is mounted on ${mountPoint}: order it again once the group runs`)
}

type Mounted = { readonly device: string; readonly mountPoint: string; readonly fileSystem: string }

const growFileSystem = async (world: World, mounted: Mounted, limit: Limit): Promise<Outcome> => {
  const { device, mountPoint, fileSystem } = mounted
  const argv = programFor(mounted)
  if (argv === null) return failure(`Baton cannot grow ${fileSystem}: do it by hand, on ${device} (${mountPoint})`)
  const { code, timedOut, stdout, stderr } = await world.processes.run(argv, limit)
  const called = argv.join(' ')
  if (timedOut) return stall(`${called} did not end in time: look whether it goes on, or run it again`)
  if (code === 0) return { ok: true, detail: `${fileSystem} has grown` }
  const last = (stderr.trim() || stdout.trim()).split('\n').at(-1) ?? ''
  return failure(`${called} ended with code ${code}: ${last}; run it by hand`)
}

/** Each changes nothing where the file system fills its device already. */
const programFor = ({ device, mountPoint, fileSystem }: Mounted): readonly [string, ...string[]] | null => {
  switch (fileSystem) {
    case 'ext2':
    case 'ext3':
    case 'ext4':
      return ['resize2fs', device]
    case 'xfs':
      return ['xfs_growfs', '-d', mountPoint]
    case 'btrfs':
      return ['btrfs', 'filesystem', 'resize', 'max', mountPoint]
    default:
      return null
  }
}
