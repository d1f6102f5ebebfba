/** Stands in for an agent: answers on a control socket with what a hand-built log says. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type AgentStatus,
  type CommandProgress,
  type CommandRequest,
  commandRequest,
  refusalRequest,
} from '../../../src/agents/control-protocol.ts'
import type { Refusal } from '../../../src/decisions/decision.ts'
import { refusalOf } from '../../../src/decisions/operate.ts'
import {
  type Command,
  incompleteMark,
  instant,
  operationId,
  pathName,
  serverName,
  voterName,
} from '../../../src/events/index.ts'
import type { State } from '../../../src/projections/state.ts'
import type { HandBuiltLog } from '../../golden/hand-built-log.ts'

export type FakeAgent = {
  /** Its state directory. */
  readonly state: string
  readonly requests: readonly CommandRequest[]
  /** What it knows of the others from now on. */
  readonly know: (change: Partial<AgentStatus>) => void
  /** The log cannot be read to its end, for this reason. */
  readonly cutShort: (because: string) => void
  /** Lets followers see what was recorded since. */
  readonly pushNew: () => void
  readonly stop: () => Promise<void>
}

export type Answers = (request: CommandRequest) => readonly CommandProgress[]

export const startFakeAgent = async (log: HandBuiltLog, answers: Answers = () => []): Promise<FakeAgent> => {
  const state = mkdtempSync(join(tmpdir(), 'baton-agent-'))
  mkdirSync(join(state, 'run'))
  const requests: CommandRequest[] = []
  const followers = new Set<{ readonly response: ServerResponse; next: number }>()
  let known: Partial<AgentStatus> = {}
  let incomplete = ''

  const sendLog = (url: URL, response: ServerResponse) => {
    const after = Number(url.searchParams.get('after'))
    const [header = '', ...lines] = log.lines()
    response.write(
      `${header}\n${lines
        .slice(after)
        .map((line) => `${line}\n`)
        .join('')}`,
    )
    if (url.searchParams.get('follow') === '1') followers.add({ response, next: log.records.length })
    else response.end(incomplete)
  }
  const runCommand = async (request: IncomingMessage, response: ServerResponse) => {
    const parsed = commandRequest.parse(JSON.parse(await textOf(request)))
    requests.push(parsed)
    for (const progress of answers(parsed)) response.write(`${JSON.stringify(progress)}\n`)
    response.end()
  }
  const sayRefusal = async (request: IncomingMessage, response: ServerResponse) => {
    const { of } = refusalRequest.parse(JSON.parse(await textOf(request)))
    const refusal = typeof of === 'string' ? null : refusalByLog(known.state ?? log.state(), of)
    response.end(
      refusal ? `${JSON.stringify({ step: 'refused', because: refusal.refused, possible: refusal.possible })}\n` : '',
    )
  }
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://agent')
    if (url.pathname === '/status') response.end(JSON.stringify({ ...statusOf(log), ...known }))
    else if (url.pathname === '/log') sendLog(url, response)
    else if (url.pathname === '/command') void runCommand(request, response)
    else if (url.pathname === '/refusal') void sayRefusal(request, response)
    else response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(join(state, 'run', 'control.sock'), resolve))
  return {
    state,
    requests,
    know: (change) => {
      known = { ...known, ...change }
    },
    cutShort: (because) => {
      incomplete = `${incompleteMark}${because}\n`
    },
    pushNew: () => {
      for (const follower of followers) {
        const lines = log.lines().slice(1 + follower.next)
        follower.next += lines.length
        for (const line of lines) follower.response.write(`${line}\n`)
      }
    },
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      rmSync(state, { recursive: true })
    },
  }
}

/** As the decision says, for s2, who hears everybody. */
const refusalByLog = (state: State, command: Command): Refusal | null => {
  const stores = { s1: 'new', s2: 'new', w: 'new' }
  const request = { operation: operationId('op1'), command, from: voterName('s2'), stores }
  const reachable = new Set(state.configuration.current?.servers.map(({ name }) => name))
  const facts = { me: serverName('s2'), now: instant(0), reachable, supporters: () => [], majority: 2 }
  return refusalOf(state, request, facts)
}

const textOf = async (request: IncomingMessage): Promise<string> => {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece)
  return Buffer.concat(pieces).toString('utf8')
}

/** As the agent of s2 would answer, with everything well. */
export const statusOf = (log: HandBuiltLog): AgentStatus => {
  const state = log.state()
  const peer = (name: string, role: 'server' | 'witness') => ({
    voter: voterName(name),
    role,
    heardMsAgo: 120,
    times: { nats: { answerMs: 4.5, late: 0, worstMs: 0 } },
    hears: {},
    paths: { nats: 130, [pathName('lan:lan')]: 120, [pathName('lan:public')]: 180 },
    echoMsAgo: 140,
  })
  return {
    voter: voterName('s2'),
    role: 'server',
    version: '0.1.0',
    instance: 'demo-s2',
    startedMsAgo: 3_600_000,
    lease: { held: true, remainingMs: 1890, because: '' },
    knowledge: { sequence: state.position.sequence, knowsUntilMsAgo: 0 },
    log: {
      reachable: true,
      leader: voterName('w'),
      last: state.position.sequence,
      replicas: [
        { voter: voterName('s1'), current: true },
        { voter: voterName('w'), current: true },
      ],
    },
    guardian: { running: true, watchdog: '/dev/watchdog0' },
    partition: null,
    peers: [peer('s1', 'server'), peer('w', 'witness')],
    mirrors: [],
    notAdmitted: [],
    notDeciding: null,
    state,
  }
}
