/** The block files that are mounted here, and how one is cut off from a server that does not answer. */
import { SystemCallFailed, unmount } from '../../world/libc.ts'
import type { World } from '../../world/world.ts'

/** As `major:minor`: names the FUSE connection on this machine, whatever the path. */
export type FuseMount = { readonly device: string }

/** The newest mount of a FUSE file system at this path; null when there is none. Asks no server anything. */
export const fuseMountAt = async (world: Pick<World, 'files'>, path: string): Promise<FuseMount | null> => {
  const table = (await world.files.read('/proc/self/mountinfo')) ?? ''
  for (const line of table.split('\n').toReversed()) {
    // Fields by proc_pid_mountinfo(5).
    const [place = '', origin = ''] = line.split(' - ')
    const [, , device, , mountPoint = ''] = place.split(' ')
    if (device !== undefined && unescaped(mountPoint) === path && origin.startsWith('fuse')) return { device }
  }
  return null
}

/** Blanks are written as \040. */
const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

/**
 * Ends the connection of a block file whose server hangs, as writing to /sys/fs/fuse/connections/N/abort does, but
 * without fusectl: whoever waits for it gets an I/O error at once. Unmounted, too, when nobody has it open. False when
 * no such mount is there. Never waits for the server.
 */
export const abortBlockFile = (path: string): boolean => {
  try {
    return unmount(path, 'force')
  } catch (error) {
    if (!(error instanceof SystemCallFailed)) throw error
    // Busy: cut off, but a loop device still has it.
    return true
  }
}

/** More than dead processes ever left on one path. */
const maxMounts = 16

/** Takes every mount off the path, for those who have it open only from sight. */
export const unmountAll = (path: string): void => {
  for (let left = 0; left < maxMounts && unmount(path, 'detach'); left++);
}
