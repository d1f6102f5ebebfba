/**
 * What a mirror costs, against the same work without: ratios of one run, on one machine that is client, active and standby
 * at once. `quick` shows in seconds that everything works; its figures mean nothing.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Figure } from '../figure.ts'
import { benchResync, benchThrottled } from './resync.ts'
import { benchFiles, benchRaw, type Extent } from './service.ts'

const mebi = 1_048_576
const full = { seconds: 2, sizeBytes: 512 * mebi }
const quick = { seconds: 0.3, sizeBytes: 384 * mebi }
/** More would take longer than anybody waits for it. */
const maxTrials = 5

export type MirrorBenchOptions = {
  readonly isQuick: boolean
  /**
   * Where the files of all disks lie. On one real disk both sides share it, which no two servers do: what is bound by the
   * disk is half as fast then. In memory there is no disk to wait for, and everything that remains is our own.
   */
  readonly on?: string | undefined
}

type Part = (folder: string, extent: Extent, progress: (text: string) => void) => Promise<readonly Figure[]>

/** Each by itself: what one finds is worth having where another fails. */
export const mirrorBenches: Readonly<Record<string, Part>> = {
  'mirror-device': benchRaw,
  'mirror-files': benchFiles,
  'mirror-resync': benchResync,
  'mirror-writers': benchThrottled,
}

export const benchMirror = async (
  part: Part,
  trials: number,
  progress: (text: string) => void,
  { isQuick, on = tmpdir() }: MirrorBenchOptions,
): Promise<readonly Figure[]> => {
  const extent: Extent = isQuick ? { trials: 1, ...quick } : { trials: Math.min(trials, maxTrials), ...full }
  const folder = await mkdtemp(join(on, 'baton-bench-mirror-'))
  // PostgreSQL runs as somebody else.
  await chmod(folder, 0o755)
  try {
    return await part(folder, extent, progress)
  } finally {
    await rm(folder, { recursive: true })
  }
}
