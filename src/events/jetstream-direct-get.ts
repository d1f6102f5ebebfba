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
  commits: RawCommit[]
  pending: number
  heard: boolean
  readonly end: (how: Page['end']) => void
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
        commits: [],
        pending: 0,
        heard: false,
        end: (how) => {
          cancel()
          waiting.delete(token)
          resolve({ commits: request.commits, pending: request.pending, end: how })
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
  const { headers } = message
  const at = Number(headers?.get('Nats-Sequence'))
  if (at > 0) {
    request.commits.push({ sequence: sequence(at), bytes: message.string() })
    return
  }
  const status = headers?.code
  if (status === 204) request.pending = Number(headers?.get('Nats-Num-Pending')) || 0
  request.end(status === 204 ? 'complete' : status === 404 ? 'none' : 'cut')
}
