/** The disks that are compared: a local loop device, one behind our front end alone, and a mirrored one. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { attachBlockFile, cleanUpBlockFile } from '../../../src/mirror/attach/block-file-device.ts'
import { realWorld } from '../../../src/world/real.ts'
import { until } from '../../live/lab/until.ts'
import { activation, type Plane, startPair } from '../../live/mirror/plane.ts'

const execute = promisify(execFile)
const world = realWorld()
/** What hangs longer is broken. */
const limitMs = 120_000
const limit = () => ({ timeoutMs: limitMs, signal: AbortSignal.timeout(limitMs) })

export type Place = {
  readonly device: string
  readonly close: () => Promise<void>
}
export type MirroredPlace = Place & { readonly active: Plane; readonly standby: Plane }

export const run = async (program: string, ...argv: readonly string[]): Promise<string> =>
  (await execute(program, [...argv], { timeout: limitMs, maxBuffer: 2 ** 26 })).stdout

/** Written once: the first write to a hole measures the file system beneath. */
const fill = (file: string, sizeBytes: number): Promise<string> =>
  run(
    'dd',
    'if=/dev/zero',
    `of=${file}`,
    'bs=1M',
    `count=${sizeBytes / 2 ** 20}`,
    'oflag=direct',
    'conv=notrunc',
    'status=none',
  )

/** A loop device on a file, past the page cache, as the mirror's own data partitions are opened. */
export const localPlace = async (folder: string, sizeBytes: number): Promise<Place> => {
  const file = join(folder, 'local')
  await fill(file, sizeBytes)
  const device = (await run('losetup', '--find', '--show', '--direct-io=on', file)).trim()
  return {
    device,
    close: async () => {
      await run('losetup', '--detach', device)
      await rm(file)
    },
  }
}

/** The block file with a plain disk behind it: what the way into the process costs. */
export const unmirroredPlace = async (folder: string, sizeBytes: number): Promise<Place> => {
  const [file, path] = [join(folder, 'unmirrored'), join(folder, 'unmirrored-block')]
  await fill(file, sizeBytes)
  const program = join(import.meta.dirname, '..', '..', 'live', 'mirror', 'block-file-process.ts')
  const child: ChildProcess = spawn(process.execPath, [program, file, path], { stdio: 'ignore' })
  const close = async (): Promise<void> => {
    await cleanUpBlockFile(world, path, limit())
    child.kill('SIGKILL')
    await rm(file)
  }
  try {
    return await attached(path, sizeBytes, close)
  } catch (error) {
    await close()
    throw error
  }
}

/** Both sides on this machine, over loopback; `isPaired`: not before everything was copied. */
export const mirroredPlace = async (
  folder: string,
  sizeBytes: number,
  { settings = {}, isPaired = true }: { readonly settings?: object; readonly isPaired?: boolean } = {},
): Promise<MirroredPlace> => {
  const own = join(folder, 'mirrored')
  await mkdir(own)
  const common = { direct: true, ...settings }
  const { alpha, beta } = await startPair(own, { sizeBytes, settings: common, blockFileOf: 'alpha' })
  const path = alpha.path('block')
  const close = async (): Promise<void> => {
    await cleanUpBlockFile(world, path, limit())
    for (const one of [alpha, beta]) one.kill()
    await rm(own, { recursive: true })
  }
  try {
    for (const one of [alpha, beta]) await fill(one.path('data'), sizeBytes)
    await beta.order({ do: 'follow' })
    await alpha.order({ ...activation, epoch: 1 })
    if (isPaired) await until(() => alpha.condition() === 'paired', limitMs, 'the first copy')
    return { active: alpha, standby: beta, ...(await attached(path, sizeBytes, close)) }
  } catch (error) {
    await close()
    throw error
  }
}

const attached = async (path: string, sizeBytes: number, close: Place['close']): Promise<Place> => {
  const answer = await attachBlockFile(world, { path, sizeBytes }, limit())
  if (!answer.ok) throw new Error(answer.because)
  const { device, release } = answer
  return {
    device,
    close: async () => {
      await release()
      await close()
    },
  }
}
