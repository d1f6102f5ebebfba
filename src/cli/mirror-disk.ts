/** The data plane of a mirror disk as a process of its own: `baton mirror-disk`. */
import { readFile } from 'node:fs/promises'
import type { MirrorSettings } from '../mirror/process/settings.ts'
import { type AddCommands, CommandFailed, exitCode } from './deps.ts'
import { examples } from './options.ts'

type MirrorOptions = { readonly config: string; readonly format?: boolean; readonly bytes?: string }

export const addMirrorDisk: AddCommands = (program, deps) => {
  const command = program
    .command('mirror-disk')
    .summary('run the data plane of one mirror disk')
    .description(
      'Copies what is written to a mirror disk to the other server, and serves it by NBD while it is active. Does ' +
        'what the agent says over its control socket; decides nothing.',
    )
    .requiredOption('--config <file>', 'JSON: partitions, sockets, mirror connects')
    .option('--format', 'forget what the cluster partition knows, and end: the next copy is made in full')
    .option('--bytes <n>', 'with --format: how much is mirrored; else all of the data partition')
  examples(command, 'baton mirror-disk --config /run/baton/mirror-db.json').action(async (options: MirrorOptions) => {
    const { formatMirror, runMirror } = await import('../mirror/process/mirror-process.ts')
    const { realWorld } = await import('../world/real.ts')
    const bytes = bytesOf(options)
    const settings = await readSettings(options.config)
    const world = realWorld()
    if (options.format) {
      formatMirror(world, settings, bytes)
      return
    }
    const { takeOwnMemory } = await import('../world/memory-groups.ts')
    // Without a tag somebody else has started it, and says where it belongs.
    const { BATON_TAG } = process.env
    const because = BATON_TAG === undefined ? null : takeOwnMemory(BATON_TAG)
    if (because !== null) deps.complain(`it has no control group of its own for memory: ${because}\n`)
    const told = new AbortController()
    for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => told.abort())
    await runMirror(world, settings, told.signal)
    // Sockets of clients that do not hang up must not keep it.
    process.exit(exitCode.ok)
  })
}

const bytesOf = ({ bytes, format }: MirrorOptions): number | null => {
  if (bytes === undefined) return null
  if (!format) throw new CommandFailed(exitCode.usage, '--bytes is for --format alone')
  if (/^[1-9]\d{0,14}$/.test(bytes)) return Number(bytes)
  throw new CommandFailed(exitCode.usage, `--bytes ${bytes} is not a number of bytes`, 'such as 1073741824')
}

const readSettings = async (path: string): Promise<MirrorSettings> => {
  const { mirrorSettings } = await import('../mirror/process/settings.ts')
  const { z } = await import('zod')
  try {
    const parsed = mirrorSettings.safeParse(JSON.parse(await readFile(path, 'utf8')))
    if (parsed.success) return parsed.data
    throw new CommandFailed(exitCode.usage, `${path}: ${z.prettifyError(parsed.error)}`, 'see docs/mirror-process.md')
  } catch (error) {
    if (error instanceof CommandFailed) throw error
    const because = error instanceof Error ? error.message : String(error)
    throw new CommandFailed(exitCode.usage, `${path} cannot be read: ${because}`, 'see docs/mirror-process.md')
  }
}
