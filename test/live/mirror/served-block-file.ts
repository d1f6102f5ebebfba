/** A block file in a process of its own, and a loop device on it. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { attachBlockFile, cleanUpBlockFile } from '../../../src/mirror/attach/block-file-device.ts'
import { abortBlockFile } from '../../../src/mirror/attach/fuse-mounts.ts'
import { realWorld } from '../../../src/world/real.ts'
import { within } from '../lab/until.ts'
import type { DiskFaults } from './failing-disk.ts'

const world = realWorld()
const limitMs = 60_000
const limit = { timeoutMs: limitMs, signal: new AbortController().signal }

export type ServedBlockFile = {
  /** What is beneath. */
  readonly file: string
  readonly path: string
  readonly mountPoint: string
  readonly child: ChildProcess
  readonly attach: () => Promise<string>
  /** What is attached goes with its last user from here on. */
  readonly release: () => Promise<void>
  /** What the disk does badly from here on. */
  readonly become: (faults: DiskFaults) => Promise<void>
  /** The disk beneath has so many bytes from here on. */
  readonly grow: (sizeBytes: number) => Promise<void>
}

/** For as long as the body takes; nothing of it is left, whatever happens. */
export const served = async (sizeBytes: number, body: (served: ServedBlockFile) => Promise<void>): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), 'baton-block-file-'))
  const [file, path, mountPoint] = ['disk', 'block', 'mounted'].map((name) => join(folder, name))
  if (file === undefined || path === undefined || mountPoint === undefined) throw new Error('three names')
  await writeFile(file, '')
  await truncate(file, sizeBytes)
  const child = spawn(process.execPath, [join(import.meta.dirname, 'block-file-process.ts'), file, path], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  const releases: (() => Promise<void>)[] = []
  const release = async (): Promise<void> => {
    for (const one of releases.splice(0)) await one()
  }
  const attach = async (): Promise<string> => {
    const answer = await attachBlockFile(world, { path, sizeBytes }, limit)
    if (!answer.ok) throw new Error(answer.because)
    releases.push(answer.release)
    return answer.device
  }
  const tell = async (what: DiskFaults | 'grown'): Promise<void> => {
    const taken = new Promise((resolve) => child.once('message', resolve))
    child.send(what)
    await within(limitMs, 'the disk to be as told', taken)
  }
  const grow = async (bytes: number): Promise<void> => {
    await truncate(file, bytes)
    await tell('grown')
  }
  try {
    await within(limitMs, 'the block file', new Promise((resolve) => child.stdout?.once('data', resolve)))
    await body({ file, path, mountPoint, child, attach, release, become: tell, grow })
  } finally {
    abortBlockFile(path)
    await promisify(execFile)('umount', ['--lazy', mountPoint], { timeout: limitMs }).catch(() => undefined)
    await release()
    await cleanUpBlockFile(world, path, limit)
    child.kill('SIGKILL')
    await rm(folder, { recursive: true })
  }
}
