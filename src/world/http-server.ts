/** A small HTTP(S) server for strangers: everything they may send, hold open or wait for has a limit. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { Socket } from 'node:net'
import { http } from './node-http.ts'
import type { HttpAnswer, HttpServers } from './world.ts'

/** For all of a request, from its first byte on. */
const requestMs = 3000
/** A connection between two requests. */
const idleMs = 15_000
const largestHeader = 8192
const mostConnections = 64
/** So that nobody can take all of them. */
const mostOfOne = 8

const options = {
  maxHeaderSize: largestHeader,
  headersTimeout: requestMs,
  requestTimeout: requestMs,
  keepAliveTimeout: idleMs,
  // Otherwise the limits above are looked at every 30 seconds only.
  connectionsCheckingInterval: 500,
}

const listen: HttpServers['listen'] = ({ address, port, tls, largestBytes }, answer) => {
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const parts: Buffer[] = []
    let length = 0
    request.on('error', () => {})
    response.on('error', () => {})
    request.on('data', (part: Buffer) => {
      length += part.length
      if (length <= largestBytes) parts.push(part)
      else if (!response.headersSent) {
        response.shouldKeepAlive = false
        reply(response, { status: 413, body: `at most ${largestBytes} bytes\n` })
        response.on('finish', () => request.destroy())
      }
    })
    request.on('end', () => {
      if (response.headersSent) return
      const { method = '', url = '', socket } = request
      reply(response, answer({ method, path: url, body: Buffer.concat(parts), from: socket.remoteAddress ?? '' }))
    })
  }
  const server = tls
    ? createSecureServer({ ...options, cert: tls.certificate, key: tls.key }, handle)
    : http.createServer(options, handle)
  server.maxConnections = mostConnections
  const open = new Map<string, number>()
  server.on('connection', (socket: Socket) => {
    const from = socket.remoteAddress ?? ''
    const count = (open.get(from) ?? 0) + 1
    open.set(from, count)
    socket.on('close', () => {
      const left = (open.get(from) ?? 1) - 1
      if (left > 0) open.set(from, left)
      else open.delete(from)
    })
    if (count > mostOfOne) socket.destroy()
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: address, port }, () => {
      server.off('error', reject)
      server.on('error', () => {})
      const bound = server.address()
      resolve({
        port: typeof bound === 'object' && bound !== null ? bound.port : port,
        close: () => {
          server.close()
          server.closeAllConnections()
        },
      })
    })
  })
}

const reply = (response: ServerResponse, { status, body, type = 'text/plain; charset=utf-8' }: HttpAnswer): void => {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) })
  response.end(body)
}

export const realHttpServers: HttpServers = { listen }
