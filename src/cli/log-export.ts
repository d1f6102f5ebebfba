/** `baton log export`. */
import { open, rename, rm } from 'node:fs/promises'
import { formatHeader, formatRecorded } from '../events/exported-log.ts'
import { CommandFailed, counted, type Deps, exitCode } from './deps.ts'
import type { ExportOptions } from './log.ts'
import { type LogSource, readUntil } from './log-source.ts'
import { atOf, withSource } from './options.ts'

type Written = { commits: number; first: number; last: number; hash: string }

export const exportLog = async (options: ExportOptions, deps: Deps): Promise<void> => {
  await withSource(options, deps, async (source) => {
    const { out } = options
    if (out === undefined) {
      await writeLog(source, options, deps, deps.print)
      return
    }
    const written = await toNewFile(out, (write) => writeLog(source, options, deps, write))
    const { commits, first, last, hash } = written
    const range = commits === 0 ? '' : `, sequence ${first} to ${last}; the last one's hash is ${hash}`
    if (options.json) await deps.print(`${JSON.stringify({ file: out, ...written })}\n`)
    else await deps.print(`${out}: ${counted(commits, 'commit')}${range}\n`)
  })
}

type Write = (text: string) => Promise<void>

const writeLog = async (source: LogSource, options: ExportOptions, deps: Deps, write: Write): Promise<Written> => {
  const from = atOf(options.from, options, deps)
  const to = atOf(options.to, options, deps)
  if (from?.kind === 'time')
    throw new CommandFailed(exitCode.usage, '--from of an export is a sequence', 'such as 1043')
  const written: Written = { commits: 0, first: 0, last: 0, hash: '' }
  await write(`${formatHeader(await source.cluster())}\n`)
  for await (const batch of readUntil(source, Math.max(0, (from?.sequence ?? 1) - 1), to)) {
    await write(`${batch.map(formatRecorded).join('\n')}\n`)
    const last = batch.at(-1)?.position
    written.first ||= batch[0]?.position.sequence ?? 0
    written.commits += batch.length
    written.last = last?.sequence ?? 0
    written.hash = last?.hash ?? ''
  }
  return written
}

/** Complete on disk under its name, or not there. */
const toNewFile = async <T>(path: string, fill: (write: Write) => Promise<T>): Promise<T> => {
  const partial = `${path}.partial`
  const file = await openNew(path, partial)
  try {
    const result = await fill(async (text) => {
      await file.write(text)
    })
    await file.sync()
    await rename(partial, path)
    return result
  } catch (error) {
    await rm(partial, { force: true })
    throw error
  } finally {
    await file.close()
  }
}

const openNew = async (path: string, partial: string) => {
  try {
    // Taken at once, so that two exports cannot both find it free.
    await (await open(path, 'wx')).close()
    await rm(path)
    return await open(partial, 'w')
  } catch (cause) {
    const isThere = cause instanceof Error && 'code' in cause && cause.code === 'EEXIST'
    const because = isThere ? 'it exists already' : String(cause instanceof Error ? cause.message : cause)
    throw new CommandFailed(exitCode.usage, `${path} cannot be written: ${because}`, 'name another file', { cause })
  }
}
