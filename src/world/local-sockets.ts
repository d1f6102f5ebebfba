/** Unix sockets between processes of one machine: lines of text, and HTTP for commands. */
import { chmodSync, rmSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createConnection, createServer, type Socket } from 'node:net'
import { http } from './node-http.ts'
import type { Cancel, LocalConnection, LocalReply, LocalRequest, LocalSockets } from './world.ts'

const wrap = (socket: Socket): LocalConnection => {
  socket.setEncoding('utf8')
  // What is lost with a peer that has gone is told by its closing.
  socket.on('error', () => {})
  return {
    send: (text) => {
      if (socket.writable) socket.write(text)
    },
    onText: (heard) => socket.on('data', (chunk) => heard(String(chunk))),
    onClose: (closed) => socket.on('close', closed),
    close: () => socket.destroy(),
  }
}

const listenLocally = (path: string, connected: (connection: LocalConnection) => void): Promise<Cancel> =>
  new Promise((resolve, reject) => {
    rmSync(path, { force: true })
    const server = createServer((socket) => connected(wrap(socket)))
    server.once('error', reject)
    server.listen(path, () => {
      chmodSync(path, 0o600)
      resolve(() => server.close())
    })
  })

const connectLocally = (path: string): Promise<LocalConnection | null> =>
  new Promise((resolve) => {
    const socket = createConnection(path)
    socket.once('connect', () => resolve(wrap(socket)))
    socket.once('error', () => resolve(null))
  })

/** The largest body that is read: a configuration with its scripts fits. */
const largestBody = 1_048_576

const serveLocally = (path: string, handle: (request: LocalRequest) => void): Promise<Cancel> =>
  new Promise((resolve, reject) => {
    rmSync(path, { force: true })
    const server = http.createServer((incoming, outgoing) => void receive(incoming, outgoing, handle))
    server.once('error', reject)
    server.listen(path, () => {
      chmodSync(path, 0o600)
      resolve(() => {
        server.close()
        server.closeAllConnections()
      })
    })
  })

const receive = async (
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  handle: (request: LocalRequest) => void,
): Promise<void> => {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of incoming) {
      size += chunk.length
      if (size > largestBody) break
      chunks.push(chunk)
    }
  } catch {
    return
  }
  if (size > largestBody) {
    outgoing.writeHead(413).end(`the request is larger than ${largestBody} bytes\n`)
    return
  }
  const url = new URL(incoming.url ?? '/', 'http://local')
  handle({
    method: incoming.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    body: Buffer.concat(chunks).toString('utf8'),
    reply: replyTo(outgoing),
  })
}

const replyTo = (outgoing: ServerResponse): LocalReply => ({
  begin: (status, type) => {
    outgoing.writeHead(status, { 'content-type': type })
    outgoing.flushHeaders()
  },
  write: (text) => outgoing.writable && outgoing.write(text),
  drained: () =>
    new Promise((resolve) => {
      // There is room, or nobody there any more: neither tells.
      if (!outgoing.writableNeedDrain || outgoing.closed) return resolve()
      outgoing.once('drain', resolve)
      outgoing.once('close', resolve)
    }),
  end: (text = '') => {
    outgoing.end(text)
  },
  onGone: (gone) => outgoing.on('close', gone),
})

export const realLocalSockets: LocalSockets = { listen: listenLocally, connect: connectLocally, serve: serveLocally }
