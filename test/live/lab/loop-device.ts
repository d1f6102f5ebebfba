import { execFile, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { truncate, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** A disk that every host can open: `/dev` is the machine's. All share one page cache, which real shared disks do not. */
export type LoopDevice = { readonly device: string; readonly file: string; readonly sizeMiB: number }

export type LoopDeviceOptions = {
  readonly sizeMiB: number
  readonly fileSystem?: 'ext4'
  /** Where its file is: on a disk that can stand still, for one. The lab's directory when not given. */
  readonly directory?: string
}

export const attachLoopDevice = async (
  file: string,
  { sizeMiB, fileSystem }: Omit<LoopDeviceOptions, 'directory'>,
): Promise<LoopDevice> => {
  await writeFile(file, '')
  await truncate(file, sizeMiB * 1024 * 1024)
  if (fileSystem !== undefined) await execute(`mkfs.${fileSystem}`, ['-q', '-F', file])
  const { stdout } = await execute('losetup', ['--find', '--show', file])
  const device = stdout.trim()
  // The kernel keeps this with the number, whatever is attached to it: another test may have made it read-only and died.
  await execute('blockdev', ['--setrw', device])
  return { device, file, sizeMiB }
}

/** The kernel detaches at once, or when the last one who has it open closes it. */
export const detachLoopDevice = (device: string): void => {
  spawnSync('losetup', ['--detach', device])
}

/** The loop devices whose files are below a directory. */
export const loopDevicesBelow = (directory: string): string[] =>
  readdirSync('/sys/block')
    .filter((name) => name.startsWith('loop') && backingFileOf(name).startsWith(`${directory}/`))
    .map((name) => `/dev/${name}`)

const backingFileOf = (name: string): string => {
  try {
    return readFileSync(`/sys/block/${name}/loop/backing_file`, 'utf8').trim()
  } catch {
    return ''
  }
}
