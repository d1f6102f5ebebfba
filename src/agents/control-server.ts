/** Answers the commands of this machine; the contract is control-protocol.ts. */
import { z } from 'zod'
import type { Refusal } from '../decisions/decision.ts'
import type { Author, Command, EventLog } from '../events/index.ts'
import type { Operation } from '../projections/operations.ts'
import { describeEvent } from '../projections/words.ts'
import type { Cancel, LocalReply, LocalRequest, World } from '../world/world.ts'
import {
  type AgentStatus,
  aloneRequest,
  type CommandProgress,
  type CommandRequest,
  commandRequest,
  handOverRequest,
  refusalRequest,
  refusedBy,
} from './control-protocol.ts'
import type { HandOver } from './hand-over.ts'
import type { Answer, Recorder } from './log/recorder.ts'
import { sendLog } from './log/send-log.ts'
import type { ServerAgent } from './server-agent.ts'

export type ControlOptions = {
  readonly socket: string
  readonly cluster: string
  readonly recorder: Recorder
  readonly log: EventLog
  readonly status: () => AgentStatus
  /** Null on a witness: it decides nothing. */
  readonly command:
    | ((command: Command, by: Author) => Promise<{ readonly operation: string; readonly answer: Answer }>)
    | null
  /** Null on a witness: it holds nothing. */
  readonly handOver: HandOver['ask'] | null
  /** Topology `pair`: an operator vouches that the other server is off. Null on a witness. */
  readonly goAlone: ServerAgent['goAlone'] | null
  /** Null on a witness. */
  readonly refusal: ServerAgent['refusal'] | null
}

/** Serves until cancelled. @throws when the socket cannot be had. */
export const serveControl = (world: World, options: ControlOptions): Promise<Cancel> =>
  world.local.serve(options.socket, (request) => void answer(world, options, request))

const answer = async (world: World, options: ControlOptions, request: LocalRequest): Promise<void> => {
  const { method, path, reply } = request
  if (method === 'GET' && path === '/status') return json(reply, options.status())
  if (method === 'GET' && path === '/log') return sendLog(world.clock, options, request)
  if (method === 'POST' && path === '/hand-over') return runHandOver(options, request)
  if (method === 'POST' && path === '/alone') return runGoAlone(options, request)
  if (method === 'POST' && path === '/command') return runCommand(world, options, request)
  if (method === 'POST' && path === '/refusal') return sayRefusal(options, request)
  reply.begin(404, 'text/plain')
  reply.end(`there is no ${method} ${path}\n`)
}

const json = (reply: LocalReply, value: unknown): void => {
  reply.begin(200, 'application/json')
  reply.end(JSON.stringify(value))
}

const badRequest = (reply: LocalReply, because: string): void => {
  reply.begin(400, 'text/plain')
  reply.end(`${because}\n`)
}

const runHandOver = async ({ handOver }: ControlOptions, { body, reply }: LocalRequest): Promise<void> => {
  const request = parsed(handOverRequest, body)
  if (typeof request === 'string') return badRequest(reply, request)
  if (handOver === null) return badRequest(reply, 'a witness holds nothing')
  reply.begin(200, 'application/x-ndjson')
  await handOver((progress) => reply.write(`${JSON.stringify(progress)}\n`), request.waitMs)
  reply.end()
}

const runGoAlone = async ({ goAlone }: ControlOptions, { body, reply }: LocalRequest): Promise<void> => {
  const request = parsed(aloneRequest, body)
  if (typeof request === 'string') return badRequest(reply, request)
  if (goAlone === null) return badRequest(reply, 'a witness keeps no log alone')
  reply.begin(200, 'application/x-ndjson')
  const { by, waitMs } = request
  // cast: the schema has checked its form.
  await goAlone(by as Author, (progress) => reply.write(`${JSON.stringify(progress)}\n`), waitMs)
  reply.end()
}

const runCommand = async (world: World, options: ControlOptions, { body, reply }: LocalRequest): Promise<void> => {
  const request: CommandRequest | string = parsed(commandRequest, body)
  if (typeof request === 'string') return badRequest(reply, request)
  reply.begin(200, 'application/x-ndjson')
  const say = (progress: CommandProgress) => reply.write(`${JSON.stringify(progress)}\n`)
  await new Watched(world, options, request, say).run(reply)
  reply.end()
}

const sayRefusal = ({ refusal }: ControlOptions, { body, reply }: LocalRequest): void => {
  const request = parsed(refusalRequest, body)
  if (typeof request === 'string') badRequest(reply, request)
  else {
    const answer = refusal === null ? onAWitness : refusal(request.of)
    reply.begin(200, 'application/x-ndjson')
    reply.end(answer === null ? '' : `${JSON.stringify(refusedBy(answer))}\n`)
  }
}

const onAWitness: Refusal = { refused: 'a witness decides nothing', possible: 'run the command on a server' }

const parsed = <T>(schema: z.ZodType<T>, body: string): T | string => {
  try {
    const answer = schema.safeParse(JSON.parse(body))
    return answer.success ? answer.data : z.prettifyError(answer.error)
  } catch {
    return 'the body is not JSON'
  }
}

/** A command from its submission until it is settled, told step by step. */
class Watched {
  readonly #world: World
  readonly #options: ControlOptions
  readonly #request: CommandRequest
  readonly #say: (progress: CommandProgress) => void

  constructor(
    world: World,
    options: ControlOptions,
    request: CommandRequest,
    say: (progress: CommandProgress) => void,
  ) {
    this.#world = world
    this.#options = options
    this.#request = request
    this.#say = say
  }

  async run(reply: LocalReply): Promise<void> {
    const { command, recorder } = this.#options
    const began = this.#world.clock.now()
    const elapsedMs = () => Math.round(this.#world.clock.now() - began)
    if (command === null) {
      this.#say(refusedBy(onAWitness))
      return
    }
    // cast: commandRequest lets in `operator:…` only.
    const { operation, answer } = await command(this.#request.command, this.#request.by as Author)
    if (answer.answer !== 'recorded') {
      const because = answer.answer === 'given-up' ? answer.because : 'nothing was to be recorded'
      this.#say({ step: 'failed', detail: `not recorded: ${because}`, elapsedMs: elapsedMs() })
      return
    }
    const find = () => recorder.state().operations.find(({ id }) => id === operation)
    const first = find()
    if (first?.outcome === 'refused') {
      this.#say(refusedBy({ refused: first.detail, possible: first.possible }))
      return
    }
    this.#say({ step: 'accepted', operation, sequence: answer.sequence })
    const settled = await this.#settled(find, answer.sequence, reply)
    if (settled === null)
      this.#say({
        step: 'timed-out',
        detail: 'the cluster goes on with it: baton status --watch',
        elapsedMs: elapsedMs(),
      })
    else
      this.#say({
        step: settled.outcome === 'done' ? 'done' : 'failed',
        detail: settled.detail,
        elapsedMs: elapsedMs(),
      })
  }

  /** Resolves to the settled operation, or null when it took too long or nobody listens any more. */
  #settled(find: () => Operation | undefined, accepted: number, reply: LocalReply): Promise<Operation | null> {
    const { promise, resolve } = Promise.withResolvers<Operation | null>()
    let isOver = false
    const end = (operation: Operation | null) => {
      isOver = true
      cancel()
      resolve(operation)
    }
    const cancel = this.#world.clock.after(this.#request.waitMs, () => end(null))
    const look = () => {
      const operation = find()
      if (!isOver && operation && operation.outcome !== 'under-way') end(operation)
    }
    this.#options.recorder.onFold((recorded) => {
      if (isOver) return
      for (const { position, commit } of recorded)
        if (position.sequence > accepted)
          for (const event of commit.events)
            if (isProgress(event.type)) this.#say({ step: 'progress', text: describeEvent(event) })
      look()
    })
    reply.onGone(() => end(null))
    look()
    return promise
  }
}

/** What people want to see pass by while they wait; the rest is in the log. */
const isProgress = (type: string): boolean =>
  ![
    'OperationRequested',
    'OperationFinished',
    'OperationRefused',
    'MonitorVerdictChanged',
    'PathLost',
    'PathRestored',
  ].includes(type)
