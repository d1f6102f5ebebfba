/** Loop devices, without ever asking the server behind one: that could hang with it. Programs run under a time-out. */
import { type AttachWorld, nameOf, type Run, readOrNull, sizeOf } from './outcome.ts'

/** Loop devices whose backing file has, or had, this path in its mount namespace. */
export const loopsOn = async (world: AttachWorld, path: string): Promise<readonly string[]> => {
  const found: string[] = []
  for (const name of await world.files.list('/sys/block')) {
    if (!name.startsWith('loop')) continue
    const backing = await backingFileOf(world, name)
    if (backing === path || backing === `${path} (deleted)`) found.push(`/dev/${name}`)
  }
  return found
}

export const isAttached = async (world: AttachWorld, device: string): Promise<boolean> =>
  (await backingFileOf(world, nameOf(device))) !== null

export const loopFacts = async (
  world: AttachWorld,
  device: string,
): Promise<{ readonly sizeBytes: number; readonly isDirect: boolean }> => ({
  sizeBytes: await sizeOf(world, device),
  isDirect: (await readOrNull(world, `/sys/block/${nameOf(device)}/loop/dio`)) === '1',
})

/** Of the file system that the backing file lies on, as `major:minor`; null when that cannot be had in time. */
export const backingDeviceOf = async (run: Run, device: string): Promise<string | null> => {
  const { code, stdout } = await run(['losetup', '--noheadings', '--raw', '--output', 'BACK-MAJ:MIN', device])
  // Some versions pad the column, and write each blank as \x20.
  return code === 0 ? (/(\d+:\d+)/.exec(stdout.replaceAll('\\x20', ' '))?.[1] ?? null) : null
}

const backingFileOf = async (world: AttachWorld, name: string): Promise<string | null> =>
  readOrNull(world, `/sys/block/${name}/loop/backing_file`)
