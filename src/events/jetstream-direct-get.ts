/** Raw reads of the log: pages from the nearest replica, which needs no quorum, and single commits from the leader. */
import { createInbox, type Msg } from 'nats'
import { z } from 'zod'
import { type Sequence, sequence } from './ids.ts'
import { ask, code } from './jetstream-api.ts'
import type { LogConnection, LogWorld } from './jetstream-connection.ts'
import { streamName } from './jetstream-stream.ts'

/** A commit as the log server holds it: nothing about it has been checked. */
export type RawCommit = { readonly sequence: Sequence; readonly bytes: string }

export type Page = {
  /** Ascending; holes are possible. */
  readonly commits: readonly RawCommit[]
  /** How many more this replica holds. */
  readonly pending: number
  /** `none`: this replica holds nothing there. `cut`: the answer stopped half-way, or never began. */
  readonly end: 'complete' | 'none' | 'cut'
}

export type DirectGet = {
  /** Up to `count` commits at or after `from`. Never rejects. */
  readonly page: (from: Sequence, count: number) => Promise<Page>
  /** One commit as the leader holds it. Never rejects. */
  readonly fromLeader: (at: Sequence) => Promise<RawCommit | 'missing' | 'unreachable'>
  readonly close: () => void
}

/** Bounds what the answer to one page may take in memory, whatever the size of the commits. */
const pageBytes = 2_097_152
/** A replica that says nothing for this long is dead or hung. */
const silenceMs = 1000

type Waiting = {
  readonly messages: Msg[]
  pending: number
  heard: boolean
  readonly end: (how: Page['end'], last?: number) => void
}

const storedMessage = z.object({ message: z.object({ seq: z.number(), data: z.string().default('') }) })

export const directGet = (world: Pick<LogWorld, 'clock'>, connection: LogConnection, cluster: string): DirectGet => {
  const inbox = createInbox()
  const waiting = new Map<string, Waiting>()
  let pages = 0
  const subscription = connection.nats.subscribe(`${inbox}.*`, {
    callback: (error, message) => {
      const request = error ? undefined : waiting.get(message.subject.slice(inbox.length + 1))
      if (request) receive(request, message)
    },
  })

  const page = (from: Sequence, count: number): Promise<Page> =>
    new Promise((resolve) => {
      pages += 1
      const token = String(pages)
      let cancel = () => {}
      const request: Waiting = {
        messages: [],
        pending: 0,
        heard: false,
        end: (how, last) => {
          cancel()
          waiting.delete(token)
          resolve({ commits: commitsOf(request.messages, last), pending: request.pending, end: how })
        },
      }
      const watch = () => {
        request.heard = false
        cancel = world.clock.after(silenceMs, () => (request.heard ? watch() : request.end('cut')))
      }
      waiting.set(token, request)
      if (!connection.isConnected() || subscription.isClosed()) {
        request.end('cut')
        return
      }
      watch()
      const body = JSON.stringify({ seq: from, batch: count, max_bytes: pageBytes })
      connection.nats.publish(`$JS.API.DIRECT.GET.${streamName(cluster)}`, body, { reply: `${inbox}.${token}` })
    })

  return {
    page,
    fromLeader: async (at) => {
      const request = { schema: storedMessage, body: { seq: at } }
      const reply = await ask(connection, `STREAM.MSG.GET.${streamName(cluster)}`, request)
      if ('failed' in reply) return reply.failed === code.noMessage ? 'missing' : 'unreachable'
      return { sequence: at, bytes: Buffer.from(reply.message.data, 'base64').toString() }
    },
    close: () => {
      subscription.unsubscribe()
      for (const request of [...waiting.values()]) request.end('cut')
    },
  }
}

const receive = (request: Waiting, message: Msg): void => {
  request.heard = true
  // No commit is empty, and looking at headers is what costs most.
  if (message.data.length > 0 || sequenceOf(message) > 0) {
    request.messages.push(message)
    return
  }
  const { headers } = message
  const status = headers?.code
  if (status === 204) request.pending = Number(headers?.get('Nats-Num-Pending')) || 0
  const last = Number(headers?.get('Nats-Last-Sequence'))
  request.end(status === 204 ? 'complete' : status === 404 ? 'none' : 'cut', last)
}

const sequenceOf = (message: Msg): number => Number(message.headers?.get('Nats-Sequence')) || 0

/** When the first and the last sequence leave no room for a hole, those between need not be looked at. */
const commitsOf = (messages: readonly Msg[], last: number | undefined): readonly RawCommit[] => {
  const [head] = messages
  const first = head ? sequenceOf(head) : 0
  const isWhole = last !== undefined && first > 0 && last - first + 1 === messages.length
  return messages
    .map((message, i) => ({
      sequence: sequence(isWhole ? first + i : sequenceOf(message)),
      bytes: message.string(),
    }))
    .filter((commit) => commit.sequence > 0)
}
