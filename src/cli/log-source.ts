/** Where commits are read from: an exported log's file, or the agent of this machine. */
import { hash as digestOf } from 'node:crypto'
import { DamagedExport, exportReader, incompleteMark, parseHeader } from '../events/exported-log.ts'
import { type Hash, hash, type Recorded } from '../events/index.ts'
import { foldInPlace, freshState, type State } from '../projections/state.ts'
import { agentLog, agentStatus, lineBatchesOf } from './agent-client.ts'
import { CommandFailed, exitCode } from './deps.ts'
import { clusterOfFile, readLogFile } from './log-file.ts'
import type { At } from './times.ts'

export type LogSource = {
  /** For messages: the file's name, or the agent. */
  readonly name: string
  /** Bad input where a person named it; otherwise a log of ours that failed. */
  readonly isFile: boolean
  readonly cluster: () => Promise<string>
  /** Batches of consecutive commits after `after`, each checked. @throws DamagedExport */
  readonly read: (after: number) => AsyncIterable<readonly Recorded[]>
}

const digest = (bytes: string): Hash => hash(digestOf('sha256', bytes, 'base64url'))

export const fileSource = (path: string): LogSource => ({
  name: path,
  isFile: true,
  cluster: async () => clusterOfFile(path),
  read: (after) => readLogFile(path, after),
})

export const agentSource = (stateDirectory: string, signal?: AbortSignal): LogSource => ({
  name: `the log of the agent in ${stateDirectory}`,
  isFile: false,
  cluster: async () => (await agentStatus(stateDirectory, signal)).state.cluster.name,
  read: (after) => readAgent(stateDirectory, { after, follow: false }, signal),
})

/** What an agent's log has after `after`, and then what comes. */
export const followAgent = (
  stateDirectory: string,
  after: number,
  signal: AbortSignal,
): AsyncIterable<readonly Recorded[]> => readAgent(stateDirectory, { after, follow: true }, signal)

async function* readAgent(
  stateDirectory: string,
  wish: { readonly after: number; readonly follow: boolean },
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly Recorded[]> {
  const reader = exportReader({ after: wish.after, digest })
  const lines = lineBatchesOf(await agentLog(stateDirectory, wish, signal))
  for await (const batch of withoutHeader(lines)) {
    const last = batch.at(-1)
    const isCut = last?.startsWith(incompleteMark) === true
    const recorded = (isCut ? batch.slice(0, -1) : batch).map((line) => reader.next(line)).filter((one) => one !== null)
    if (recorded.length > 0) yield recorded
    if (isCut) throw cutShort(last.slice(incompleteMark.length))
  }
}

const cutShort = (because: string): CommandFailed =>
  new CommandFailed(
    exitCode.unreachable,
    because,
    'see `baton status` for what this server knows; another server may reach more of it, and --file reads an exported log',
  )

async function* withoutHeader(batches: AsyncIterable<readonly string[]>): AsyncGenerator<readonly string[]> {
  let isFirst = true
  for await (const batch of batches) {
    const [header = ''] = batch
    if (isFirst) parseHeader(header)
    yield isFirst ? batch.slice(1) : batch
    isFirst = false
  }
}

/** Whether a commit still counts at `at`. Up to a moment = before the first commit that says it is later. */
export const isWithin = ({ position, commit }: Recorded, at: At | null): boolean => {
  if (at === null) return true
  return at.kind === 'sequence' ? position.sequence <= at.sequence : commit.at <= at.time
}

/** The commits up to `at`; stops reading there. */
export async function* readUntil(source: LogSource, after: number, at: At | null): AsyncGenerator<readonly Recorded[]> {
  for await (const batch of source.read(after)) {
    const beyond = batch.findIndex((one) => !isWithin(one, at))
    if (beyond < 0) yield batch
    else {
      if (beyond > 0) yield batch.slice(0, beyond)
      return
    }
  }
}

/** Replays the log up to `at`, handing on each batch that was folded. @throws CommandFailed */
export const replay = async (
  source: LogSource,
  at: At | null,
  seen: (batch: readonly Recorded[]) => void = () => {},
): Promise<State> => {
  const state = freshState()
  for await (const batch of readUntil(source, 0, at)) {
    const first = batch[0]?.position.sequence ?? 1
    if (state.position.sequence === 0 && first !== 1)
      throw new CommandFailed(
        exitCode.usage,
        `${source.name} begins at sequence ${first}, so that the state cannot be known`,
        'export the whole log: baton log export',
      )
    foldInPlace(state, batch)
    seen(batch)
  }
  if (at?.kind === 'sequence' && state.position.sequence < at.sequence)
    throw new CommandFailed(
      exitCode.usage,
      `${source.name} ends at sequence ${state.position.sequence}, before ${at.sequence}`,
    )
  if (state.position.sequence === 0)
    throw new CommandFailed(
      exitCode.failed,
      `${source.name} has no commit ${at === null ? 'yet' : 'until then'}`,
      at === null ? '' : 'name a later moment: `baton log show` lists them',
    )
  return state
}

/** Names the file in what is wrong with it. */
export const named = (source: LogSource, error: unknown): unknown => {
  if (error instanceof DamagedExport) {
    const remedy =
      error.line === 1
        ? 'name a file of `baton log export`; unpack it first (gunzip) when it is packed'
        : 'what stands before that line is in order; export the log again, from another server if need be'
    const code = source.isFile ? exitCode.usage : exitCode.failed
    return new CommandFailed(code, `${source.name}, ${error.message}`, remedy, { cause: error })
  }
  if (error instanceof Error && 'syscall' in error && !(error instanceof CommandFailed))
    return new CommandFailed(exitCode.usage, `${source.name} cannot be read: ${error.message}`, '', { cause: error })
  return error
}
