/** Hosts whose state is kept on a disk of its own, which can stand still. */
import { execFile } from 'node:child_process'
import { truncate, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { Host } from './host.ts'
import { until } from './until.ts'

const execute = promisify(execFile)

const stateDiskMiB = 256
/** A device whose file is on it is let go of some time after its last user. */
const letGoMs = 10_000

/** Mounted where the host's state is kept: seen by the host, which inherits it, and gone with this process's mounts. */
export const giveStateDisks = async (hosts: readonly Host[]): Promise<() => Promise<void>> => {
  for (const { stateDirectory } of hosts) {
    const file = `${stateDirectory}.img`
    await writeFile(file, '')
    await truncate(file, stateDiskMiB * 1024 * 1024)
    await execute('mkfs.ext4', ['-q', '-F', '-O', '^has_journal', file])
    await execute('mkdir', ['-p', stateDirectory])
    await execute('mount', ['-o', 'loop', file, stateDirectory])
  }
  return async () => {
    for (const { stateDirectory } of hosts)
      await until(() => execute('umount', [stateDirectory]), letGoMs, `${stateDirectory} to be let go of`)
  }
}

/** Nothing that the host writes reaches its disk, nor comes back from it, until resumed. */
export const stallStateDisk = ({ stateDirectory }: Host): Promise<unknown> =>
  execute('fsfreeze', ['--freeze', stateDirectory])

export const resumeStateDisk = ({ stateDirectory }: Host): Promise<unknown> =>
  execute('fsfreeze', ['--unfreeze', stateDirectory])
