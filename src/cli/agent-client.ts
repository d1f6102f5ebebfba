/** The agent of this machine, over its control socket (control-protocol.ts). */
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import type {
  AgentStatus,
  AloneRequest,
  CommandProgress,
  CommandRequest,
  HandOverRequest,
  RefusalRequest,
  Refused,
} from '../agents/control-protocol.ts'
import { http } from '../world/node-http.ts'
import { CommandFailed, exitCode } from './deps.ts'

/** An agent that takes longer than this to begin its answer is stuck. */
const answerMs = 10_000

export const socketOf = (stateDirectory: string): string => join(stateDirectory, 'run', 'control.sock')

const noAgent = (stateDirectory: string, because: string, cause: unknown, remedy = startIt): CommandFailed =>
  new CommandFailed(
    exitCode.unreachable,
    `no agent answers on ${socketOf(stateDirectory)} (${because})`,
    `${remedy}. Commands that read take --file, an exported log`,
    { cause },
  )

const startIt =
  'ask on another server; start it here (systemctl start baton-agent, on the witness baton-witness); or name its directory with --state'
const hangs =
  'ask on another server; systemd replaces an agent that hangs: see journalctl -u baton-agent (on the witness baton-witness)'

export const agentStatus = async (stateDirectory: string, signal?: AbortSignal): Promise<AgentStatus> => {
  const response = await ask(stateDirectory, { method: 'GET', path: '/status' }, { signal })
  const status: unknown = JSON.parse(await textOf(response))
  if (isStatus(status)) return status
  throw new CommandFailed(
    exitCode.failed,
    'the agent answered something that is not a status',
    'is it of this version?',
  )
}

/** Enough to tell an agent from something else; the agent is of this machine and of this release. */
const isStatus = (answer: unknown): answer is AgentStatus =>
  typeof answer === 'object' && answer !== null && 'state' in answer && 'voter' in answer && 'log' in answer

/** The log as it is exported: bytes, in pieces. */
export const agentLog = async (
  stateDirectory: string,
  { after, follow }: { readonly after: number; readonly follow: boolean },
  signal?: AbortSignal,
): Promise<AsyncIterable<Buffer>> =>
  await ask(stateDirectory, { method: 'GET', path: `/log?after=${after}&follow=${follow ? 1 : 0}` }, { signal })

/** Asks for something; answers each step as it comes. */
export const agentCommand = (
  stateDirectory: string,
  body: CommandRequest,
  signal?: AbortSignal,
): AsyncGenerator<CommandProgress> => stepsOf(stateDirectory, '/command', body, signal)

/** Why it would be refused now, before a person is asked about it; null = it would not. */
export const agentRefusal = async (
  stateDirectory: string,
  body: RefusalRequest,
  signal?: AbortSignal,
): Promise<Refused | null> => {
  for await (const step of stepsOf(stateDirectory, '/refusal', body, signal)) if (step.step === 'refused') return step
  return null
}

export const agentHandOver = (
  stateDirectory: string,
  body: HandOverRequest,
  signal?: AbortSignal,
): AsyncGenerator<CommandProgress> => stepsOf(stateDirectory, '/hand-over', body, signal)

export const agentAlone = (
  stateDirectory: string,
  body: AloneRequest,
  signal?: AbortSignal,
): AsyncGenerator<CommandProgress> => stepsOf(stateDirectory, '/alone', body, signal)

async function* stepsOf(
  stateDirectory: string,
  path: string,
  body: object,
  signal: AbortSignal | undefined,
): AsyncGenerator<CommandProgress> {
  const options = { signal, body: JSON.stringify(body) }
  const response = await ask(stateDirectory, { method: 'POST', path }, options)
  for await (const line of linesOf(response)) {
    const progress: unknown = JSON.parse(line)
    if (isProgress(progress)) yield progress
  }
}
const isProgress = (answer: unknown): answer is CommandProgress =>
  typeof answer === 'object' && answer !== null && 'step' in answer && typeof answer.step === 'string'

type Question = { readonly method: 'GET' | 'POST'; readonly path: string }
type AskOptions = { readonly signal?: AbortSignal | undefined; readonly body?: string }

const ask = async (
  stateDirectory: string,
  { method, path }: Question,
  { signal, body }: AskOptions,
): Promise<AsyncIterable<Buffer>> => {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const asked = http.request(
      {
        socketPath: socketOf(stateDirectory),
        method,
        path,
        ...(signal ? { signal } : {}),
        ...(body === undefined
          ? {}
          : { headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } }),
      },
      (answer) => {
        asked.setTimeout(0)
        resolve(answer)
      },
    )
    asked.setTimeout(answerMs, () =>
      asked.destroy(noAgent(stateDirectory, `no answer within ${answerMs / 1000} s`, undefined, hangs)),
    )
    asked.on('error', (error) => reject(signal?.aborted ? error : unreachable(stateDirectory, error)))
    asked.end(body)
  })
  if (response.statusCode === 200) return answered(stateDirectory, response, signal)
  const said = (await textOf(response)).trim().slice(0, 500)
  const isBadInput = response.statusCode === 400
  throw new CommandFailed(
    isBadInput ? exitCode.usage : exitCode.failed,
    `the agent answered ${response.statusCode}${said === '' ? '' : `: ${said}`}`,
  )
}

/** An agent may end at any time, half-way through an answer too. */
async function* answered(stateDirectory: string, response: IncomingMessage, signal: AbortSignal | undefined) {
  try {
    yield* response as AsyncIterable<Buffer> // cast: no encoding is set, so these are the pieces
  } catch (error) {
    throw signal?.aborted ? error : noAgent(stateDirectory, 'it ended while it answered', error)
  }
}

const unreachable = (stateDirectory: string, error: NodeJS.ErrnoException): CommandFailed => {
  if (error instanceof CommandFailed) return error
  if (error.code === 'EACCES')
    return noAgent(stateDirectory, 'permission denied', error, 'call it as root, or as the user of the agent')
  const because: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such socket: the agent is not running, or its state is elsewhere',
    ECONNREFUSED: 'nobody listens: the agent is not running',
  }
  return noAgent(stateDirectory, because[error.code ?? ''] ?? error.message, error)
}

const textOf = async (pieces: AsyncIterable<Buffer>): Promise<string> => {
  const all: Buffer[] = []
  for await (const piece of pieces) all.push(piece)
  return Buffer.concat(all).toString('utf8')
}

/** Longer than any line that an agent sends. */
const longestLine = 16 * 1024 * 1024

/** Whole lines of a stream of bytes, without their line breaks; an unfinished last one is left out. */
export async function* linesOf(pieces: AsyncIterable<Buffer>): AsyncGenerator<string> {
  for await (const lines of lineBatchesOf(pieces)) yield* lines
}

/** The lines that each piece completes. */
export async function* lineBatchesOf(pieces: AsyncIterable<Buffer>): AsyncGenerator<readonly string[]> {
  let begun: Buffer[] = []
  let begunBytes = 0
  for await (const piece of pieces) {
    const end = piece.lastIndexOf(10)
    if (end < 0) {
      begun.push(piece)
      begunBytes += piece.length
      if (begunBytes > longestLine) throw new CommandFailed(exitCode.failed, 'the agent sends a line without end')
      continue
    }
    const text = Buffer.concat([...begun, piece.subarray(0, end)]).toString('utf8')
    begun = [piece.subarray(end + 1)]
    begunBytes = piece.length - end - 1
    yield text.split('\n')
  }
}
