/** Checks, makes and mounts a file system on a block device, whatever is behind it. */
import type { DiskConfiguration } from '../../events/index.ts'
import type { RunResult } from '../../world/world.ts'
import { failure, stall } from './outcome.ts'

export type FileSystem = Pick<DiskConfiguration, 'device' | 'mountPoint' | 'fileSystem' | 'options'>
/** Runs a program within what is left of the time. */
export type Run = (argv: readonly [string, ...string[]]) => Promise<RunResult>

const lastLine = ({ stderr, stdout }: RunResult): string => (stderr.trim() || stdout.trim()).split('\n').at(-1) ?? ''

const typed = (type: string | undefined): readonly string[] => (type === undefined ? [] : ['-t', type])

/** Null when the file system may be mounted, by the exit codes of fsck(8): 0 = clean, 1 = errors corrected. */
export const check = async (
  run: Run,
  { device, fileSystem }: Pick<FileSystem, 'device' | 'fileSystem'>,
  how: DiskConfiguration['fsck'],
) => {
  if (how === 'never') return null
  // -p repairs what is safe to repair and skips what is clean; -f -y looks at everything and repairs all it can.
  const options = how === 'always' ? ['-f', '-y'] : ['-p']
  const result = await run(['fsck', '-T', ...typed(fileSystem), device, '--', ...options])
  if (result.timedOut) return stall(`fsck of ${device} did not end in time`)
  if (result.code === 0 || result.code === 1) return null
  return failure(`fsck of ${device} ended with code ${result.code}: ${lastLine(result)}`)
}

export const mount = async (run: Run, { device, mountPoint, fileSystem, options }: FileSystem) => {
  const result = await run(['mount', ...typed(fileSystem), '-o', options, device, mountPoint])
  if (result.timedOut) return stall(`mounting ${device} did not end in time`)
  if (result.code === 0) return { ok: true, detail: `on ${mountPoint}` } as const
  return failure(`cannot mount ${device} on ${mountPoint}: ${lastLine(result)}`)
}

/** blkid(8): nothing that it knows is there. */
const nothingFound = 2
/** Whatever had been there would have left something at its beginning. */
const looksAt = 1_048_576

/** Null when there is a file system now: one that was there, or a new one where there was nothing at all. */
export const makeWhereEmpty = async (run: Run, device: string, fileSystem: string) => {
  const known = await run(['blkid', '--probe', device])
  if (known.timedOut) return stall(`asking what is on ${device} did not end in time`)
  if (known.code === 0) return null
  if (known.code !== nothingFound) return failure(`cannot tell what is on ${device}: ${lastLine(known)}`)
  const compared = await run(['cmp', '--quiet', `--bytes=${looksAt}`, device, '/dev/zero'])
  if (compared.code !== 0)
    return failure(`${device} holds no file system, and is not empty either: no ${fileSystem} is made on it`)
  const made = await run([`mkfs.${fileSystem}`, '-q', device])
  if (made.timedOut) return stall(`making ${fileSystem} on ${device} did not end in time`)
  return made.code === 0 ? null : failure(`cannot make ${fileSystem} on ${device}: ${lastLine(made)}`)
}
