/** A mounted file system gives back to its disk what it calls free, so that it reads as zeros. */
import { queueFoldersOf } from '../../world/block-queues.ts'
import type { World } from '../../world/world.ts'
import type { Limit, Outcome } from './driver.ts'
import { failure, stall } from './outcome.ts'

/** What a process could not be started ends with. */
const cannotStart = 127

/** `detail` says how much. Ends with the limit's signal, too; what was given back by then stays so. */
export const discardFree = async (world: World, mountPoint: string, limit: Limit): Promise<Outcome> => {
  const argv = ['fstrim', '--verbose', mountPoint] as const
  const { code, timedOut, stdout, stderr } = await world.processes.run(argv, limit)
  if (limit.signal.aborted) return failure('cancelled')
  if (timedOut) return stall(`fstrim ${mountPoint} did not end within ${Math.round(limit.timeoutMs / 1000)} s`)
  const last = (stderr.trim() || stdout.trim()).split('\n').at(-1) ?? ''
  if (code === 0) return { ok: true, detail: last }
  if (code === cannotStart) return failure(`fstrim (package util-linux) cannot be started: ${last}`)
  return failure(`fstrim ${mountPoint} ended with code ${code}: ${last}`)
}

/**
 * Null when a disk can be told that a range is zeros; otherwise why not. One that cannot would have to be written full of
 * them. A disk that does not say is believed.
 */
export const objectionToZeros = async (world: World, device: string, limit: Limit): Promise<string | null> => {
  const asked = await world.processes.run(['lsblk', '--nodeps', '--noheadings', '--output', 'MAJ:MIN', device], limit)
  const place = `/sys/dev/block/${asked.stdout.trim()}`
  if (asked.code !== 0) return null
  for (const queue of queueFoldersOf(place))
    if (Number((await world.files.read(`${queue}/write_zeroes_max_bytes`)) ?? 1) === 0)
      return `${device} has no command for zeros: they would have to be written, one by one`
  return null
}
