/** What is mounted where, and what the machine mounts by itself. */
import type { World } from '../../world/world.ts'

export type Mount = { readonly source: string; readonly mountPoint: string; readonly fileSystem: string }

/** Blanks are written as \040 in both tables. */
const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

const linesOf = async (world: World, path: string): Promise<readonly string[]> =>
  ((await world.files.read(path)) ?? '').split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'))

/** Mounts of this mount namespace, by proc_pid_mountinfo(5); the latest last. */
export const mounts = async (world: World): Promise<readonly Mount[]> =>
  (await linesOf(world, '/proc/self/mountinfo')).map((line) => {
    const [place = '', origin = ''] = line.split(' - ')
    const [fileSystem = '', source = ''] = origin.split(' ')
    return { source: unescaped(source), mountPoint: unescaped(place.split(' ')[4] ?? ''), fileSystem }
  })

/** Entries of fstab(5) that are mounted without anybody asking. */
export const automaticMounts = async (world: World): Promise<readonly Mount[]> =>
  (await linesOf(world, '/etc/fstab')).flatMap((line) => {
    const [source = '', mountPoint = '', fileSystem = '', options = ''] = line.split(/\s+/)
    if (options.split(',').includes('noauto')) return []
    const [, tag, value] = /^(UUID|LABEL|PARTUUID|PARTLABEL)="?([^"]*)"?$/.exec(source) ?? []
    const device = tag === undefined ? unescaped(source) : `/dev/disk/by-${tag.toLowerCase()}/${value}`
    return [{ source: device, mountPoint: unescaped(mountPoint), fileSystem }]
  })

/** Those of `list` that are of the device, by whatever path. */
export const ofDevice = async (world: World, list: readonly Mount[], device: string): Promise<readonly Mount[]> => {
  const found: Mount[] = []
  for (const mount of list) {
    if (!mount.source.startsWith('/')) continue
    if (mount.source === device || (await world.devices.isSame(mount.source, device))) found.push(mount)
  }
  return found
}
